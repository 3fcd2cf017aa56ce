//! Events that rules name, by their numbers.

use super::{Compiler, Trouble};
use crate::{
    check::Check,
    compiled::{AppCheck, AppCheckKind},
};
use phitak_model::{Direction, inspect::ProtocolDecl};
use phitak_rules::{
    Placed,
    condition::{Condition, EventSource},
};

/// Events that bring a rule up.
#[derive(Default)]
pub(super) struct Events {
    pub decoder: Vec<u8>,
    pub stream: Vec<u8>,
    pub flow: Vec<u8>,
}

impl Compiler<'_> {
    pub(super) fn event(
        &self,
        source: EventSource,
        name: &str,
        at: (u32, u32),
        events: &mut Events,
    ) -> Result<Check, Trouble> {
        let find = |table: &[&str]| table.iter().position(|n| *n == name).and_then(|i| u8::try_from(i).ok());
        let unknown = || Trouble::new(at, format!("no event is called {name} here"));
        // Both tables are tried for the older keyword that names either.
        let decoder = find(self.catalogue.decoder_events);
        let stream = find(self.catalogue.stream_events).or_else(|| {
            name.strip_prefix("stream.").and_then(|n| {
                self.catalogue.stream_events.iter().position(|e| *e == n).and_then(|i| u8::try_from(i).ok())
            })
        });
        match source {
            EventSource::App => {
                let number = find(self.catalogue.flow_events).ok_or_else(unknown)?;
                events.flow.push(number);
                Ok(Check::FlowEvent(number))
            }
            EventSource::Stream => {
                let number = stream.ok_or_else(unknown)?;
                events.stream.push(number);
                Ok(Check::StreamEvent(number))
            }
            EventSource::Decoder | EventSource::Engine => match (decoder, stream) {
                (Some(number), _) => {
                    events.decoder.push(number);
                    Ok(Check::DecoderEvent(number))
                }
                (None, Some(number)) if source == EventSource::Engine => {
                    events.stream.push(number);
                    Ok(Check::StreamEvent(number))
                }
                _ => Err(unknown()),
            },
        }
    }

    pub(super) fn event_check(
        &self,
        condition: &Placed<Condition>,
        event_protocol: &str,
        name: &str,
        decl: &ProtocolDecl,
        direction: Option<Direction>,
    ) -> Result<AppCheck, Trouble> {
        let at = (condition.line, condition.column);
        let unknown = || Trouble::new(at, format!("no event is called {event_protocol}.{name} here"));
        let of_this = phitak_rules::protocol_family(event_protocol).contains(&decl.name) || event_protocol == decl.name;
        let number = decl.events.iter().position(|e| *e == name).and_then(|i| u8::try_from(i).ok());
        match number.filter(|_| of_this) {
            Some(number) => {
                let direction = direction.unwrap_or(Direction::ToServer);
                Ok(AppCheck { kind: AppCheckKind::Event(number), direction, stage: 0 })
            }
            None => Err(unknown()),
        }
    }
}
