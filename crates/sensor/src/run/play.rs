//! Plays captures through the engine, one after the other, and goes on after a kill where the spool has come to.

use super::{
    Run, clock,
    eve::EveLog,
    outlet::Outlet,
    plan::{Planned, repetition},
    pulse::Pulse,
    replays::Replays,
    timeline::{Pace, Retime, Timeline},
};
use anyhow::Context;
use phitak_engine::{Capture, Config, Engine, Frame, Ruleset};
use phitak_model::{LossCause, Timestamp};
use phitak_uplink::spool::{Desk, ReplayId};
use std::{fs::File, path::Path, sync::Arc, time::Duration};

const MIB: u64 = 1 << 20;
/// Waits are cut into slices of at most this; records on their way to the disk go there in a longer wait.
const SLICE: Duration = Duration::from_millis(100);
/// How often counts are passed on.
const FRAMES_BETWEEN_COUNTS: u64 = 256;

pub(super) struct Player<'a> {
    config: Config,
    rules: Arc<Ruleset>,
    desk: &'a Desk,
    pulse: &'a Pulse,
    replays: Replays,
    eve: EveLog,
    pace: Pace,
    retime: Retime,
    loop_last: bool,
}

/// How a capture ended.
enum Ended {
    /// To its end, with the last packet's time as shown.
    Whole(Option<Timestamp>),
    Stopped,
}

/// What was not seen, counted since it was last noted.
#[derive(Default)]
struct Unseen {
    cut_frames: u64,
    evicted_before: u64,
    undescribed_before: u64,
    since: Option<Timestamp>,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        run: &Run,
        config: Config,
        rules: Arc<Ruleset>,
        desk: &'a Desk,
        pulse: &'a Pulse,
    ) -> anyhow::Result<Self> {
        let folder = run.data.join("eve");
        let eve = EveLog::open(&folder, run.records_mib.saturating_mul(MIB))
            .with_context(|| format!("the records' folder {} cannot be used", folder.display()))?;
        let replays = Replays::open(&run.data.join("replays.json"));
        let (pace, retime, loop_last) = (run.pace, run.retime, run.loop_last);
        Ok(Self { config, rules, desk, pulse, replays, eve, pace, retime, loop_last })
    }

    pub(super) fn play(&mut self, captures: &[Planned]) -> anyhow::Result<()> {
        let (last, first) = match captures.split_last() {
            Some((last, first)) if self.loop_last => (Some(last), first),
            _ => (None, captures),
        };
        for planned in first {
            if self.replays.is_done(planned.base) {
                tracing::info!(capture = %planned.path.display(), "played before into this data folder; it is not played again");
                continue;
            }
            let Ended::Whole(ended_at) = self.play_one(&planned.path, planned.base)? else { return Ok(()) };
            self.replays.done(planned.base, ended_at)?;
        }
        while let Some(planned) = last {
            let id = repetition(planned.base, self.replays.repetitions(planned.base));
            let Ended::Whole(ended_at) = self.play_one(&planned.path, id)? else { return Ok(()) };
            self.replays.repeated(planned.base, id, ended_at)?;
            if ended_at.is_none() {
                anyhow::bail!("{} holds no packet that could be repeated", planned.path.display());
            }
        }
        Ok(())
    }

    fn play_one(&mut self, path: &Path, id: ReplayId) -> anyhow::Result<Ended> {
        let before = self.desk.cursor();
        if let Some(other) = before.filter(|cursor| cursor.replay != id) {
            self.replays.put_by(other)?;
        }
        let resume =
            before.filter(|cursor| cursor.replay == id).or(self.replays.get(id).and_then(|known| known.cursor));
        match resume {
            Some(resume) => {
                tracing::info!(capture = %path.display(), packet = resume.packet, "going on after this packet")
            }
            None => tracing::info!(capture = %path.display(), "playing"),
        }
        self.eve.begin(id).context("the hospital's records cannot be written")?;
        let (desk, pulse) = (self.desk, self.pulse);
        let mut outlet = Outlet::new(desk, &mut self.eve, id, resume);
        let mut engine = Engine::new(self.config.clone(), self.rules.clone());
        let mut stage = Stage { pace: self.pace, retime: self.retime, replays: &mut self.replays, id, desk, pulse };
        let ended = stage.play(path, &mut engine, &mut outlet)?;
        if matches!(ended, Ended::Whole(_)) {
            // Durable before it is called done.
            desk.sync().context("the spool cannot be written")?;
        }
        outlet.eve.flush();
        pulse.capture_ended();
        Ok(ended)
    }
}

/// One capture's play.
struct Stage<'a> {
    pace: Pace,
    retime: Retime,
    replays: &'a mut Replays,
    id: ReplayId,
    desk: &'a Desk,
    pulse: &'a Pulse,
}

impl Stage<'_> {
    fn play(&mut self, path: &Path, engine: &mut Engine, outlet: &mut Outlet<'_>) -> anyhow::Result<Ended> {
        let mut capture = match File::open(path)
            .map_err(|e| e.to_string())
            .and_then(|file| Capture::new(file).map_err(|e| e.to_string()))
        {
            Ok(capture) => capture,
            Err(reason) => {
                self.damaged(path, 0, &reason, clock::now());
                return Ok(Ended::Whole(None));
            }
        };
        let mut timeline: Option<Timeline> = None;
        let mut unseen = Unseen::default();
        let (mut number, mut shown) = (0, None);
        let (mut indicators_turn, mut rules_turn) = (0, 0);
        loop {
            let frame = match capture.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    self.damaged(path, number, &error.to_string(), shown.unwrap_or_else(clock::now));
                    break;
                }
            };
            number = frame.number;
            let times = match timeline {
                Some(times) => times,
                None => *timeline.insert(self.timeline(frame.at)?),
            };
            if !self.wait_until(times.due(frame.at), outlet) {
                return Ok(Ended::Stopped);
            }
            let at = times.shown(frame.at);
            shown = Some(at);
            if let Some(indicators) = self.pulse.fresh_indicators(&mut indicators_turn) {
                engine.set_indicators(indicators);
            }
            if let Some(rules) = self.pulse.rule_list.fresh(&mut rules_turn) {
                engine.set_listed_rules(rules);
            }
            outlet.packet(number, at);
            engine.frame(&Frame { at, ..frame }, outlet);
            outlet.tell_hits();
            self.pulse.frame(frame.bytes.len());
            unseen.frame(&frame, outlet.is_catching_up());
            if number % FRAMES_BETWEEN_COUNTS == 0 {
                self.count(engine, outlet, &mut unseen, at);
            }
        }
        let at = shown.unwrap_or_default();
        outlet.packet(number.saturating_add(1), at);
        engine.finish(outlet);
        outlet.finish();
        self.count(engine, outlet, &mut unseen, at);
        tracing::info!(capture = %path.display(), packets = number, flows = engine.flows(), "played to its end");
        Ok(Ended::Whole(shown))
    }

    fn timeline(&mut self, first_at: Timestamp) -> anyhow::Result<Timeline> {
        let started_at = self.replays.begin(self.id, clock::now()).context("the data folder cannot be written")?;
        Ok(Timeline { pace: self.pace, retime: self.retime, first_at, started_at })
    }

    /// Says whether to go on.
    fn wait_until(&self, due: Option<Timestamp>, outlet: &mut Outlet<'_>) -> bool {
        let mut slices = 0u32;
        while !self.pulse.is_stopping() {
            let left = due.map_or(0, |due| due.micros_since(clock::now()));
            let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else { return true };
            slices = slices.saturating_add(1);
            if slices == 2 {
                outlet.eve.flush();
            }
            self.pulse.pause(Duration::from_micros(left).min(SLICE));
        }
        false
    }

    fn count(&self, engine: &Engine, outlet: &mut Outlet<'_>, unseen: &mut Unseen, at: Timestamp) {
        self.pulse.flows(engine.flows());
        let evicted = engine.counters().flows_evicted;
        let fresh = evicted.saturating_sub(unseen.evicted_before);
        unseen.evicted_before = evicted;
        let undescribed = outlet.undescribed();
        let left_out = undescribed.saturating_sub(unseen.undescribed_before);
        unseen.undescribed_before = undescribed;
        let from = unseen.since.replace(at).unwrap_or(at);
        let held_back = outlet.take_held_back();
        if outlet.is_catching_up() {
            return;
        }
        if let Some(held) = held_back {
            self.desk.note_loss(LossCause::AlertsHeldBack, held.count, held.from, held.until);
        }
        self.desk.note_loss(LossCause::RecordsLost, outlet.eve.take_lost(), from, at);
        self.desk.note_loss(LossCause::FlowTableFull, fresh, from, at);
        self.desk.note_loss(LossCause::InventoryFull, left_out, from, at);
        self.desk.note_loss(LossCause::CaptureDamaged, std::mem::take(&mut unseen.cut_frames), from, at);
    }

    fn damaged(&self, path: &Path, packets: u64, reason: &str, at: Timestamp) {
        tracing::error!(capture = %path.display(), packets, reason, "the capture is damaged; what was read before counts");
        self.desk.note_loss(LossCause::CaptureDamaged, 1, at, at);
    }
}

impl Unseen {
    fn frame(&mut self, frame: &Frame<'_>, is_catching_up: bool) {
        if !is_catching_up && (frame.wire_length as usize) > frame.bytes.len() {
            self.cut_frames = self.cut_frames.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
