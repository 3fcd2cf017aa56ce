//! Stream bytes and datagrams to the protocol that parses them.

use crate::{
    Sink,
    app::{AppLayer, Surroundings, Taken},
    conversation::Conversation,
    desk::Desk,
    expectations::Expectations,
    stages::Stage,
};
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    Timestamp, Transport,
};
use phitak_packet::{
    Packet, StreamEvent,
    flow::Flow,
    tcp::{Chunk, StreamEvents},
};
use phitak_protocols::{Context, Expectation};
use std::net::IpAddr;

/// Addresses and ports of client and server.
type Ends = [(IpAddr, u16); 2];

/// How often a flow may change its protocol while one packet is looked at.
const CHANGES_MAX: usize = 4;

impl Desk {
    /// Hands on what may be read of one direction. True when the flow was turned round.
    pub(crate) fn deliver(
        &mut self,
        flow: &mut Flow<Conversation>,
        packet: &Packet<'_>,
        mut direction: Direction,
        events: &mut StreamEvents,
        sink: &mut dyn Sink,
    ) -> bool {
        let mut turned = false;
        loop {
            let ends = [flow.client(), flow.server()];
            let ports = ends.map(|(_, port)| port);
            let Conversation { tcp: Some(tcp), app, .. } = &mut flow.state else { return turned };
            let may_turn = tcp.is_midstream();
            let client_gone = tcp.has_finished(ToServer);
            let Some(chunk) = tcp.next_chunk(direction, &self.config.tcp) else { break };
            let is_new = app.is_none();
            let app = app.get_or_insert_with(|| Box::new(AppLayer::new()));
            surround(&mut self.context, ends);
            if is_new && !self.expectations.is_empty() {
                app.announced = expected(&mut self.expectations, ends, packet.at);
            }
            let before = self.enter(Stage::Protocols);
            let mut around = Surroundings {
                candidates: &self.candidates,
                settings: &self.config.protocols,
                context: &mut self.context,
                transport: Transport::Tcp,
                ports,
                may_turn,
                client_gone,
            };
            let (taken, offset) = match chunk {
                Chunk::Data { offset, bytes } => (app.take(direction, bytes, &mut around), offset),
                Chunk::Gap { offset, length } => {
                    events.raise(StreamEvent::ReassemblySeqGap);
                    (app.miss(direction, length, &mut around), offset)
                }
            };
            self.enter(before);
            match taken {
                Taken::Turn => {
                    flow.turn();
                    flow.state.turn();
                    direction = direction.opposite();
                    turned = !turned;
                    self.take_again(flow, direction, offset);
                }
                Taken::Change => self.change_protocol(flow, packet, sink),
                Taken::Nothing | Taken::Recognised => {}
            }
        }
        let Conversation { tcp: Some(tcp), app: Some(app), .. } = &mut flow.state else { return turned };
        for way in [ToServer, ToClient] {
            if tcp.has_ended(way) && !app.is_ended(way) {
                app.end(way, &mut self.context);
            }
        }
        turned
    }

    /// The same bytes, after client and server have changed places.
    fn take_again(&mut self, flow: &mut Flow<Conversation>, direction: Direction, offset: u64) {
        let ends = [flow.client(), flow.server()];
        let ports = ends.map(|(_, port)| port);
        surround(&mut self.context, ends);
        let Conversation { tcp: Some(tcp), app: Some(app), .. } = &mut flow.state else { return };
        let (_, bytes) = tcp.window(direction, offset, &self.config.tcp);
        let mut around = Surroundings {
            candidates: &self.candidates,
            settings: &self.config.protocols,
            context: &mut self.context,
            transport: Transport::Tcp,
            ports,
            may_turn: false,
            client_gone: false,
        };
        app.take(direction, bytes, &mut around);
    }

    /// One datagram. Returns its direction, which may have been turned round.
    pub(crate) fn take_bytes(
        &mut self,
        flow: &mut Flow<Conversation>,
        packet: &Packet<'_>,
        mut direction: Direction,
        bytes: &[u8],
        transport: Transport,
        sink: &mut dyn Sink,
    ) -> Direction {
        for _ in 0..2 {
            let ends = [flow.client(), flow.server()];
            let ports = ends.map(|(_, port)| port);
            surround(&mut self.context, ends);
            let may_turn = !flow.state.seen_both();
            let app = flow.state.app.get_or_insert_with(|| Box::new(AppLayer::new()));
            let before = self.enter(Stage::Protocols);
            let mut around = Surroundings {
                candidates: &self.candidates,
                settings: &self.config.protocols,
                context: &mut self.context,
                transport,
                ports,
                may_turn,
                client_gone: false,
            };
            let taken = app.take(direction, bytes, &mut around);
            self.enter(before);
            match taken {
                Taken::Turn => {
                    flow.turn();
                    flow.state.turn();
                    direction = direction.opposite();
                }
                Taken::Change => {
                    self.change_protocol(flow, packet, sink);
                    break;
                }
                Taken::Nothing | Taken::Recognised => break,
            }
        }
        direction
    }

    /// The old session's transactions are inspected and recorded before another protocol takes its place.
    fn change_protocol(&mut self, flow: &mut Flow<Conversation>, packet: &Packet<'_>, sink: &mut dyn Sink) {
        let transport = if packet.tcp().is_some() { Transport::Tcp } else { Transport::Udp };
        for _ in 0..CHANGES_MAX {
            self.flush_session(flow, packet, sink);
            let ports = [flow.client().1, flow.server().1];
            let tls = self.candidates.number("tls");
            let Some(app) = &mut flow.state.app else { return };
            let mut around = Surroundings {
                candidates: &self.candidates,
                settings: &self.config.protocols,
                context: &mut self.context,
                transport,
                ports,
                may_turn: false,
                client_gone: false,
            };
            let taken = app.change(&mut around);
            app.note_expectation(tls);
            if taken != Taken::Change {
                return;
            }
        }
    }
}

/// Tells sessions whose bytes they are fed.
fn surround(context: &mut Context, [client, server]: Ends) {
    (context.client_ip, context.client_port) = (Some(client.0), client.1);
    (context.server_ip, context.server_port) = (Some(server.0), server.1);
}

/// What was announced of a flow between these two, whichever of them is its client.
fn expected(expectations: &mut Expectations, [client, server]: Ends, now: Timestamp) -> Option<Expectation> {
    expectations.take(client.0, server, now).or_else(|| {
        let found = expectations.take(server.0, client, now)?;
        Some(Expectation { sender: found.sender.map(Direction::opposite), ..found })
    })
}
