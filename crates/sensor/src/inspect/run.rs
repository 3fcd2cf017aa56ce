//! The command itself: rules, captures, records, and a summary for the reader.

use super::{
    Inspect,
    output::Results,
    progress::Progress,
    settings::{Plan, plan},
    source,
};
use crate::rules::{files::rule_paths, load::LoadedRules, load_rules};
use phitak_engine::{Capture, Engine, Frame, Loaded};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Frames between two looks at how far reading has come.
const FRAMES_A_LOOK: u64 = 1024;

const USAGE: u8 = 2;
const FAILED: u8 = 1;

/// What reading the captures came to.
#[derive(Default)]
pub(super) struct Read {
    pub frames: u64,
    pub bytes: u64,
    /// Captures that could not be read to their end, with the reason.
    pub broken: Vec<String>,
}

pub(super) fn run(args: &Inspect) -> ExitCode {
    let started = Instant::now();
    let mut plan = match plan(args) {
        Ok(plan) => plan,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(USAGE);
        }
    };
    let LoadedRules { loaded, notes, .. } = match load_rules(&args.rules, &plan.rule_settings, &plan.config) {
        Ok(loaded) => loaded,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(USAGE);
        }
    };
    for note in plan.notes.iter().chain(&notes) {
        eprintln!("note: {note}");
    }
    for diagnostic in &loaded.failed {
        eprintln!("{diagnostic}");
    }
    // The folders were read a moment ago; one that has gone since holds nothing to write over.
    let rules = rule_paths(&args.rules).unwrap_or_default();
    let inputs = plan.captures.iter().chain(&rules).map(PathBuf::as_path);
    let mut results = match Results::open(args.eve.as_deref(), inputs) {
        Ok(results) => results,
        Err(error) => {
            let name = args.eve.as_deref().unwrap_or(Path::new("-")).display();
            eprintln!("error: {name} cannot be written: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let loading = started.elapsed();
    let (read, mut engine) = match usize::from(args.workers) {
        1 => {
            let mut engine = Engine::new(plan.config.clone(), loaded.rules.clone());
            if args.profile {
                engine.keep_profile(super::costs::clock);
            }
            let read = read_captures(&mut plan, &mut engine, &mut results);
            engine.end_flows(&mut results);
            (read, engine)
        }
        workers => super::workers::read_captures(&plan, &loaded.rules, workers, &mut results),
    };
    engine.tell_counters(&mut results);
    for message in &read.broken {
        eprintln!("error: {message}");
    }
    if let Some(costs) = engine.costs() {
        eprint!("{}", super::costs::shown(&costs, &loaded.rules));
    }
    let times = Times { loading, all: started.elapsed() };
    summary(&read, &engine, &results, &loaded, plan.captures.len(), times);
    if let Err(error) = results.close()
        // A reader that has seen enough (`| head`) is no failure.
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("error: writing the records failed: {error}");
        return ExitCode::from(FAILED);
    }
    if read.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn read_captures(plan: &mut Plan, engine: &mut Engine, results: &mut Results) -> Read {
    let total = plan.captures.iter().map(|path| source::size(path)).sum();
    let mut progress = Progress::new(total);
    let mut read = Read::default();
    let mut done = 0;
    for path in plan.captures.clone() {
        progress.phase(&source::name(&path));
        let before = read.frames;
        if let Err(reason) = read_capture(&path, plan, engine, results, &mut read, &mut |at| progress.at(done + at)) {
            read.broken.push(format!("{}: {reason} ({} packets were read)", source::name(&path), read.frames - before));
        }
        done += source::size(&path);
        if results.failure.is_some() {
            break;
        }
    }
    progress.finish();
    read
}

fn read_capture(
    path: &Path,
    plan: &mut Plan,
    engine: &mut Engine,
    results: &mut Results,
    read: &mut Read,
    progress: &mut dyn FnMut(u64),
) -> Result<(), String> {
    let source = source::open(path).map_err(|error| error.to_string())?;
    let mut capture = Capture::new(source).map_err(|error| error.to_string())?;
    let mut before = 0;
    let numbers_from = read.frames;
    loop {
        if read.frames.is_multiple_of(FRAMES_A_LOOK) {
            progress(before);
        }
        let Some(frame) = capture.next_frame().map_err(|error| error.to_string())? else { return Ok(()) };
        // Numbers go on over all captures of one run.
        let frame = Frame { number: numbers_from + frame.number, ..frame };
        read.frames += 1;
        read.bytes += frame.bytes.len() as u64;
        before += frame.bytes.len() as u64 + 16;
        if plan.filter.is_empty() || plan.filter.matches(&frame) {
            engine.frame(&frame, results);
        }
        if results.failure.is_some() {
            return Ok(());
        }
    }
}

/// How long the command took until packets came, and in all.
struct Times {
    loading: Duration,
    all: Duration,
}

fn summary(read: &Read, engine: &Engine, results: &Results, loaded: &Loaded, captures: usize, times: Times) {
    let (all, loading) = (times.all.as_secs_f64(), times.loading.as_secs_f64());
    let packets = times.all.saturating_sub(times.loading).as_secs_f64();
    let peak = peak_memory().map_or(String::new(), |kib| format!(", peak {} MiB", kib.div_ceil(1024)));
    eprintln!(
        "{captures} capture(s): {} packets, {} bytes, {} flows, {} alerts, {} records in {all:.2} s \
         (load {loading:.3} s, packets {packets:.3} s{peak}); rules: {} loaded, {} failed{}",
        read.frames,
        read.bytes,
        engine.flows(),
        results.alerts,
        results.records,
        loaded.rules.len(),
        loaded.failed.len(),
        match loaded.left_out.len() {
            0 => String::new(),
            count => format!(", {count} left out by requires"),
        },
    );
}

/// The most memory that this process has held, in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
