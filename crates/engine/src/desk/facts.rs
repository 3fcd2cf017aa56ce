//! What flows tell about hosts: facts for the inventory, each once for each flow.

use super::Desk;
use crate::{Sink, conversation::Conversation};
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    Fact, Mac, Observation, Timestamp,
};
use phitak_packet::{Packet, bytes::be16, flow::Flow, tcp::TcpState};
use std::net::{IpAddr, Ipv4Addr};

/// Bits of what a flow has told already.
mod told {
    pub const CLIENT_ALIVE: u8 = 1;
    pub const SERVER_ALIVE: u8 = 2;
    pub const USES: u8 = 4;
    pub const SERVES: u8 = 8;
    pub const REFUSED: u8 = 16;
}

impl Desk {
    pub(crate) fn facts(
        &mut self,
        packet: &Packet<'_>,
        flow: &mut Flow<Conversation>,
        direction: Direction,
        sink: &mut dyn Sink,
    ) {
        let at = packet.at;
        let before = flow.state.told;
        let alive = if direction == ToServer { told::CLIENT_ALIVE } else { told::SERVER_ALIVE };
        if before & alive == 0 && packet.number > 0 {
            flow.state.told |= alive;
            observe(flow, direction, Fact::Alive, at, sink);
        }
        for expectation in self.context.expected.drain(..) {
            self.counters.expectations_dropped += u64::from(!self.expectations.add(expectation, at));
        }
        if !self.context.facts.is_empty() {
            for (whose, fact) in self.context.facts.drain(..) {
                observe(flow, whose, fact, at, sink);
            }
        }
        if before & (told::USES | told::SERVES) != told::USES | told::SERVES {
            self.spoken(flow, at, sink);
        }
        if before & told::REFUSED == 0 {
            let refused = flow.state.tcp.as_deref().is_some_and(|tcp| {
                tcp.state() == TcpState::Closed
                    && tcp.reset_by() == Some(ToClient)
                    && !tcp.is_midstream()
                    && tcp.sequence_bytes(ToClient) == 0
            });
            if refused {
                flow.state.told |= told::REFUSED;
                let port = flow.server().1;
                observe(flow, ToClient, Fact::Refused { port }, at, sink);
            }
        }
    }

    /// Protocols used and served.
    fn spoken(&self, flow: &mut Flow<Conversation>, at: Timestamp, sink: &mut dyn Sink) {
        let Some(app) = flow.state.app.as_deref() else { return };
        let Some(name) = app.name(&self.candidates) else { return };
        let (client, server) = (app.has_spoken(ToServer), app.has_spoken(ToClient));
        if client && flow.state.told & told::USES == 0 {
            flow.state.told |= told::USES;
            observe(flow, ToServer, Fact::Uses { protocol: name.to_owned() }, at, sink);
        }
        if server && flow.state.told & told::SERVES == 0 {
            flow.state.told |= told::SERVES;
            let port = flow.server().1;
            observe(flow, ToClient, Fact::Serves { port, protocol: name.to_owned() }, at, sink);
        }
    }

    /// ARP tells who has an address (RFC 826): the sender of any message has its own.
    pub(crate) fn lone_facts(&mut self, packet: &Packet<'_>, sink: &mut dyn Sink) {
        if packet.ether_type != 0x0806 || packet.invalid {
            return;
        }
        let body = packet.payload;
        if be16(body, 0) != Some(1) || be16(body, 2) != Some(0x0800) {
            return;
        }
        let (Some(mac), Some(ip)) =
            (body.get(8..).and_then(|b| b.first_chunk::<6>()), body.get(14..).and_then(|b| b.first_chunk::<4>()))
        else {
            return;
        };
        let host = IpAddr::V4(Ipv4Addr::from(*ip));
        if is_host(host) {
            let observation = Observation {
                first_at: packet.at,
                last_at: packet.at,
                count: 1,
                host,
                mac: unicast(Mac(*mac)),
                fact: Fact::Alive,
            };
            sink.observation(observation);
        }
    }
}

/// `whose` is the client for [`ToServer`], the server for [`ToClient`].
fn observe(flow: &Flow<Conversation>, whose: Direction, fact: Fact, at: Timestamp, sink: &mut dyn Sink) {
    let (host, _) = if whose == ToServer { flow.client() } else { flow.server() };
    if !is_host(host) {
        return;
    }
    let mac = flow.state.macs.get(whose.index()).copied().flatten().and_then(unicast);
    sink.observation(Observation { first_at: at, last_at: at, count: 1, host, mac, fact });
}

/// One machine's own address: neither a group nor a placeholder.
fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified() || v4.is_loopback() || v4.octets()[0] == 0)
        }
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified() || v6.is_loopback()),
    }
}

fn unicast(mac: Mac) -> Option<Mac> {
    let [first, ..] = mac.0;
    (first & 1 == 0 && mac.0 != [0; 6]).then_some(mac)
}
