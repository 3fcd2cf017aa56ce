//! One protocol's session: its sample damaged, split anywhere, with gaps, and all transactions released as they complete.

use super::Target;
use crate::{mutate::mutated, random::Random};
use phitak_model::{Direction, Timestamp, Transport};
use phitak_protocols::session::{Context, Outcome, Protocol, Session, Settings};

/// Most transactions that a session may hold before somebody releases them.
const LIVE_MAX: u64 = 100_000;

pub fn target(protocol: &'static Protocol) -> Target {
    Target::new(format!("protocol-{}", protocol.decl.name), move |random| run(protocol, random))
}

fn run(protocol: &'static Protocol, random: &mut Random) {
    let transport = random.pick(protocol.transports).copied().unwrap_or(Transport::Tcp);
    let others: Vec<&[u8]> = protocol.sample.iter().map(|(_, bytes)| *bytes).collect();
    let mut session = (protocol.open)(transport, &Settings::default());
    let port = protocol.ports.first().copied().unwrap_or(80);
    let mut context = Context {
        now: Timestamp::from_secs(1_790_000_000),
        client_port: 40_000,
        server_port: port,
        ..Context::default()
    };
    for _ in 0..=random.below(3) {
        for (direction, bytes) in protocol.sample {
            let bytes = if random.once_in(2) { mutated(bytes, &others, random) } else { bytes.to_vec() };
            let direction = if random.once_in(30) { direction.opposite() } else { *direction };
            let _ = (protocol.guess)(&bytes, direction, transport);
            if !fed(session.as_mut(), direction, &bytes, transport, &mut context, random) {
                end(session.as_mut(), &mut context);
                return;
            }
        }
    }
    end(session.as_mut(), &mut context);
}

/// Feeds the bytes in pieces (a datagram whole); false when the session is finished.
fn fed(
    session: &mut dyn Session,
    direction: Direction,
    bytes: &[u8],
    transport: Transport,
    context: &mut Context,
    random: &mut Random,
) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let whole = transport == Transport::Udp || random.once_in(3);
        let length = if whole { rest.len() } else { 1 + random.below(rest.len()) };
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        let outcome = if transport == Transport::Tcp && random.once_in(40) {
            session.gap(direction, piece.len() as u64, context)
        } else {
            session.feed(direction, piece, context)
        };
        look(session, random);
        context.facts.clear();
        match outcome {
            Outcome::Continue => {}
            Outcome::Done | Outcome::Failed => return false,
            Outcome::Upgrade { consumed, .. } => {
                assert!(consumed <= piece.len(), "consumed {consumed} of {} bytes", piece.len());
                let _ = (session.left(Direction::ToServer), session.left(Direction::ToClient));
                return false;
            }
        }
    }
    true
}

fn look(session: &mut dyn Session, random: &mut Random) {
    let live = session.live();
    assert!(live.end.saturating_sub(live.start) <= LIVE_MAX, "{live:?} transactions are held");
    let _ = session.files();
    if random.once_in(3) {
        for id in live {
            let _ = session.transaction(id);
            session.release(id);
        }
    }
}

fn end(session: &mut dyn Session, context: &mut Context) {
    session.end(Direction::ToServer, context);
    session.end(Direction::ToClient, context);
    for id in session.live() {
        let _ = session.transaction(id);
        session.release(id);
    }
}
