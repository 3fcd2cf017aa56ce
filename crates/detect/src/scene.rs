//! One packet with its flow as conditions see it.

use crate::{
    flow_state::FlowState,
    host_bits::Owner,
    host_memory::Common,
    input::{FlowView, Input},
};
use phitak_model::Direction;
use phitak_packet::packet::{Icmp, Layer4, Packet, PacketSource};
use std::net::IpAddr;

/// What is asked of while one packet is inspected.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub input: &'a Input<'a>,
    pub packet: &'a Packet<'a>,
    pub flow: Option<&'a FlowView<'a>>,
    /// Of the packet in its session; to the server without one.
    pub direction: Direction,
}

impl<'a> Scene<'a> {
    pub fn new(input: &'a Input<'a>) -> Self {
        let flow = input.flow.as_ref();
        Self { input, packet: input.packet, flow, direction: flow.map_or(Direction::ToServer, |f| f.direction) }
    }

    /// Made by the engine: it has no headers or payload of its own.
    pub fn is_pseudo(&self) -> bool {
        matches!(self.packet.source, PacketSource::FlowEnd | PacketSource::StreamFlush)
    }

    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        self.packet.ip.as_ref().map(|ip| (ip.src, ip.dst))
    }

    pub fn icmp(&self) -> Option<&'a Icmp<'a>> {
        match &self.packet.layer4 {
            Layer4::Icmp(icmp) => Some(icmp),
            _ => None,
        }
    }

    /// The flow's protocol, as either direction knows it.
    pub fn app_protocol(&self) -> Option<u16> {
        let flow = self.flow?;
        let [to_server, to_client] = flow.app_protocol;
        to_server.or(to_client)
    }

    pub fn owner(&self, track: phitak_rules::condition::Track) -> Option<Owner> {
        use phitak_rules::condition::Track;
        let (src, dst) = self.addresses()?;
        Some(match track {
            Track::Source | Track::Both => Owner::Host(src),
            Track::Destination => Owner::Host(dst),
            Track::Pair => Owner::pair(src, dst),
        })
    }
}

/// What conditions read besides the packet.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub state: Option<&'a FlowState>,
    pub common: &'a Common,
}
