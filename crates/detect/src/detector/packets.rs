//! Rules about packets, streams, addresses, events and detected protocols.

use super::{Inspector, Pending};
use crate::{
    compiled::{Class, CompiledRule, Head, Kind, PacketGroup, PacketSource, TransportTest, direction_bit},
    flow_state::FlowState,
    input::StreamView,
    outcome::{Outcome, Place, Source},
    prefilter::{Fresh, Units},
    program::{
        Variables,
        run::{Found, Span},
    },
    ruleset::Ruleset,
    scene::{Memory, Scene},
};
use phitak_model::Direction;
use phitak_packet::packet::{Layer4, ip_proto};
use phitak_rules::buffer::Header;
use std::net::IpAddr;

/// Bytes of a stream before its inspected end that are kept, since the beginning of a match may stand there.
const STREAM_KEPT_BYTES: u64 = 8192;

/// The stream of a packet's direction with what of it is new.
#[derive(Clone, Copy)]
pub(super) struct FreshStream<'a> {
    view: StreamView<'a>,
    inspected: u64,
}

impl<'a> FreshStream<'a> {
    fn end(&self) -> u64 {
        self.view.offset.saturating_add(self.view.bytes.len() as u64)
    }

    /// What is new, as a value of its own.
    fn chunk(&self) -> Span<'a> {
        Span::whole(self.fresh(0).bytes)
    }

    fn span(&self) -> Span<'a> {
        Span { bytes: self.view.bytes, offset: self.view.offset, fresh_from: self.inspected }
    }

    /// What is new, and `overlap` bytes before it.
    fn fresh(&self, overlap: usize) -> Fresh<'a> {
        Fresh::of(self.view.bytes, self.view.offset, self.inspected, overlap)
    }
}

impl Inspector {
    pub(super) fn packet_rules(
        &mut self,
        rules: &Ruleset,
        scene: &Scene<'_>,
        mut flow: Option<&mut FlowState>,
        out: &mut Outcome,
    ) {
        let stream = fresh_stream(scene, flow.as_deref());
        self.candidates.clear();
        let since = self.moment();
        self.gather(rules, scene, flow.as_deref_mut(), stream);
        self.note_searched(since);
        if !self.candidates.is_empty() {
            self.due.clear();
            let Self { due, candidates, .. } = self;
            due.extend_from_slice(candidates.sorted());
            let due = std::mem::take(&mut self.due);
            for number in &due {
                let since = self.moment();
                self.packet_rule(rules, *number, scene, flow.as_deref_mut(), stream, out);
                self.note_looked(*number, since);
            }
            self.due = due;
        }
        if let (Some(state), Some(stream)) = (flow, stream) {
            stream_inspected(state, scene.direction, stream);
        }
    }

    /// Collects the rules that may fire.
    fn gather(
        &mut self,
        rules: &Ruleset,
        scene: &Scene<'_>,
        flow: Option<&mut FlowState>,
        stream: Option<FreshStream<'_>>,
    ) {
        let packet = scene.packet;
        let events = [
            (packet.events.as_slice(), &rules.decoder_event_rules),
            (scene.input.stream_events, &rules.stream_event_rules),
        ];
        let flow_events = scene.flow.map_or(&[][..], |f| f.app_events);
        for (numbers, lists) in events.into_iter().chain([(flow_events, &rules.flow_event_rules)]) {
            for list in numbers.iter().filter_map(|n| lists.get(usize::from(*n))) {
                list.iter().for_each(|r| self.candidates.add(*r));
            }
        }
        if packet.invalid {
            return;
        }
        let class = Class::of(packet);
        if let Some(groups) = rules.port_groups(class, scene.direction, rules.zone(scene)) {
            self.gather_group(&groups.any, scene, stream);
            if let Some(group) = groups.by_port.get(server_port(scene)) {
                self.gather_group(group, scene, stream);
            }
        }
        let Some(state) = flow else {
            if let Some((src, dst)) = scene.addresses() {
                rules.address_rules.find(src, dst, |r| self.candidates.add(r));
            }
            return;
        };
        if let Some(stream) = stream {
            state.hopeful(scene.direction, stream.inspected, |rule| self.candidates.add(rule));
        }
        self.gather_once(rules, scene, state);
    }

    /// Rules that are looked at once for each direction of a flow.
    fn gather_once(&mut self, rules: &Ruleset, scene: &Scene<'_>, state: &mut FlowState) {
        let index = scene.direction.index();
        if let Some(done) = state.addresses_done.get_mut(index)
            && !std::mem::replace(done, true)
            && let Some((src, dst)) = scene.addresses()
        {
            rules.address_rules.find(src, dst, |r| self.candidates.add(r));
        }
        if rules.protocol_rules.is_empty() {
            return;
        }
        let detected = scene.flow.and_then(|f| f.detection_done.get(index)).is_some_and(|d| *d);
        if let Some(done) = state.protocol_done.get_mut(index).filter(|done| detected && !**done) {
            *done = true;
            rules.protocol_rules.iter().for_each(|r| self.candidates.add(*r));
        }
    }

    fn gather_group(&mut self, group: &PacketGroup, scene: &Scene<'_>, stream: Option<FreshStream<'_>>) {
        let has_payload = !scene.packet.payload.is_empty() && !scene.is_pseudo();
        if has_payload || stream.is_some() {
            let packet = has_payload.then_some((scene.packet.payload, scene.input.payload_in_stream));
            let fresh = stream.map(|stream| stream.fresh(group.payload.overlap()));
            group.payload.find(&Units { packet, fresh }, &mut self.candidates);
            group.always_payload.iter().for_each(|r| self.candidates.add(*r));
        }
        group.always.iter().for_each(|r| self.candidates.add(*r));
    }

    fn packet_rule(
        &mut self,
        rules: &Ruleset,
        number: u32,
        scene: &Scene<'_>,
        mut flow: Option<&mut FlowState>,
        stream: Option<FreshStream<'_>>,
        out: &mut Outcome,
    ) {
        let Some(rule) = rules.rules.get(number as usize) else { return };
        let memory = Memory { state: flow.as_deref(), common: &self.common };
        if !applies(rule, scene) || !rule.checks.iter().all(|c| c.holds(scene, memory)) {
            return;
        }
        let mut variables = Variables::default();
        self.kit.details.clear();
        let mut place = None;
        if !self.packet_sections(rules, rule, scene, &mut variables, &mut place) {
            return;
        }
        if rule.payload.is_some() {
            match self.payload(rules, number, rule, scene, flow.as_deref_mut(), stream, &mut variables) {
                Some(found) => place = Some(found),
                None => return,
            }
        }
        self.fire(rules, number, rule, scene, flow, None, place, out);
    }

    /// Headers and addresses.
    pub(super) fn packet_sections(
        &mut self,
        rules: &Ruleset,
        rule: &CompiledRule,
        scene: &Scene<'_>,
        variables: &mut Variables,
        place: &mut Option<Place>,
    ) -> bool {
        for part in &rule.packet_sections {
            let Some(section) = rules.sections.get(part.section as usize) else { return false };
            let mut octets = [0u8; 16];
            let Some(bytes) = packet_bytes(part.source, scene, &mut octets) else { return false };
            match self.kit.run(section, Span::whole(bytes), variables, rules.steps_max) {
                Some(found) => *place = Some(placed(Source::Header, found)),
                None => return false,
            }
        }
        true
    }

    /// The rule's raw contents, in the stream first and then in the packet.
    #[allow(clippy::too_many_arguments, reason = "one call, with all that a packet has")]
    pub(super) fn payload(
        &mut self,
        rules: &Ruleset,
        number: u32,
        rule: &CompiledRule,
        scene: &Scene<'_>,
        flow: Option<&mut FlowState>,
        stream: Option<FreshStream<'_>>,
        variables: &mut Variables,
    ) -> Option<Place> {
        let section = rules.sections.get(rule.payload? as usize)?;
        let of = rule.payload_of;
        let is_tcp = matches!(scene.packet.layer4, Layer4::Tcp(_));
        if let (true, Some(stream)) = (of.stream && is_tcp, stream) {
            // Where a content is bound to a place, that place counts from the beginning of what is new.
            let (span, from) = if of.packet { (stream.chunk(), stream.inspected) } else { (stream.span(), 0) };
            let found = self.kit.run(section, span, variables, rules.steps_max);
            match found {
                Some(found) => {
                    return Some(placed(Source::Stream, Found { offset: found.offset.saturating_add(from), ..found }));
                }
                None => {
                    if let Some(state) = flow
                        && section.program.steps.len() > 1
                        && !of.packet
                    {
                        state.note_hopeful(scene.direction, number, stream.end().saturating_add(STREAM_KEPT_BYTES));
                    }
                }
            }
        }
        let in_stream = is_tcp && scene.input.payload_in_stream;
        let looks_at_packet = !is_tcp || of.packet || of.packet_outside_stream && !in_stream;
        if !looks_at_packet || scene.is_pseudo() || scene.packet.is_fragment() {
            return None;
        }
        let found = self.kit.run(section, Span::whole(scene.packet.payload), variables, rules.steps_max)?;
        Some(placed(Source::Payload, found))
    }

    /// A rule fired: its effects take place at once, what it alerts is settled at the end.
    #[allow(clippy::too_many_arguments, reason = "one call, with all that a match has")]
    pub(super) fn fire(
        &mut self,
        rules: &Ruleset,
        number: u32,
        rule: &CompiledRule,
        scene: &Scene<'_>,
        flow: Option<&mut FlowState>,
        transaction: Option<u64>,
        place: Option<Place>,
        out: &mut Outcome,
    ) {
        let _ = rules;
        if let Some(profile) = &mut self.profile {
            profile.fired(number);
        }
        let details = std::mem::take(&mut self.kit.details);
        self.apply_effects(rule, scene, flow, transaction, &details, out);
        self.push_pending(Pending { rule: number, transaction, place, details });
    }
}

pub(super) fn placed(source: Source, found: Found) -> Place {
    Place { source, offset: found.offset, length: found.length }
}

pub(super) fn fresh_stream<'a>(scene: &Scene<'a>, flow: Option<&FlowState>) -> Option<FreshStream<'a>> {
    let view = scene.flow?.stream?;
    let inspected = flow.and_then(|f| f.stream.get(scene.direction.index())).map_or(0, |s| s.inspected);
    let stream = FreshStream { view, inspected };
    (stream.end() > inspected && !view.bytes.is_empty()).then_some(stream)
}

fn stream_inspected(state: &mut FlowState, direction: Direction, stream: FreshStream<'_>) {
    if let Some(progress) = state.stream.get_mut(direction.index()) {
        progress.inspected = stream.end();
        progress.keep_from = stream.end().saturating_sub(STREAM_KEPT_BYTES);
        progress.ended = stream.view.ended;
    }
}

/// The port of the server's side.
fn server_port(scene: &Scene<'_>) -> u16 {
    match scene.direction {
        Direction::ToServer => scene.packet.dst_port(),
        Direction::ToClient => scene.packet.src_port(),
    }
}

fn packet_bytes<'a>(source: PacketSource, scene: &Scene<'a>, octets: &'a mut [u8; 16]) -> Option<&'a [u8]> {
    let packet = scene.packet;
    let ip = packet.ip.as_ref()?;
    match source {
        PacketSource::SourceAddress => Some(octets_of(ip.src, octets)),
        PacketSource::DestinationAddress => Some(octets_of(ip.dst, octets)),
        PacketSource::Header(header) => match (header, &packet.layer4) {
            (Header::Ipv4, _) if ip.src.is_ipv4() => Some(ip.header),
            (Header::Ipv6, _) if ip.src.is_ipv6() => Some(ip.header),
            (Header::Tcp, Layer4::Tcp(tcp)) => Some(tcp.header),
            (Header::Udp, Layer4::Udp(udp)) => Some(udp.header),
            (Header::Icmpv4, Layer4::Icmp(icmp)) if ip.protocol == ip_proto::ICMP => Some(icmp.header),
            (Header::Icmpv6, Layer4::Icmp(icmp)) if ip.protocol == ip_proto::ICMPV6 => Some(icmp.header),
            _ => None,
        },
    }
}

fn octets_of(address: IpAddr, octets: &mut [u8; 16]) -> &[u8] {
    match address {
        IpAddr::V4(a) => {
            let (four, _) = octets.split_at_mut(4);
            four.copy_from_slice(&a.octets());
            four
        }
        IpAddr::V6(a) => {
            *octets = a.octets();
            octets
        }
    }
}

/// Everything of a rule's head, and whether it is for such packets at all.
pub(super) fn applies(rule: &CompiledRule, scene: &Scene<'_>) -> bool {
    if scene.flow.is_some() {
        if rule.directions & direction_bit(scene.direction) == 0 {
            return false;
        }
    } else if rule.needs_flow {
        return false;
    }
    if rule.needs_packet && scene.is_pseudo() {
        return false;
    }
    // Of the packet alone, rules for addresses, protocols and detection are not asked again for pseudo packets.
    if scene.is_pseudo()
        && matches!(rule.kind, Kind::Packet | Kind::AddressOnly | Kind::AddressLike | Kind::DecoderEvents)
    {
        return false;
    }
    head(&rule.head, scene)
}

fn head(head: &Head, scene: &Scene<'_>) -> bool {
    if !transport(head.transport, scene) {
        return false;
    }
    if let Some(protocols) = &head.protocols
        && !scene.app_protocol().is_some_and(|p| protocols.contains(&p))
    {
        return false;
    }
    ends(head, scene, false) || head.both_ways && ends(head, scene, true)
}

fn transport(test: TransportTest, scene: &Scene<'_>) -> bool {
    if test == TransportTest::Any {
        return true;
    }
    let Some(ip) = scene.packet.ip.as_ref() else { return false };
    let layer4 = &scene.packet.layer4;
    match test {
        TransportTest::Any | TransportTest::Ip => true,
        TransportTest::Ipv4 => ip.src.is_ipv4(),
        TransportTest::Ipv6 => ip.src.is_ipv6(),
        TransportTest::Tcp => matches!(layer4, Layer4::Tcp(_)),
        TransportTest::Udp => matches!(layer4, Layer4::Udp(_)),
        TransportTest::Icmp => matches!(layer4, Layer4::Icmp(_)),
        TransportTest::Icmpv4 => matches!(layer4, Layer4::Icmp(_)) && ip.protocol == ip_proto::ICMP,
        TransportTest::Icmpv6 => matches!(layer4, Layer4::Icmp(_)) && ip.protocol == ip_proto::ICMPV6,
        TransportTest::Sctp => matches!(layer4, Layer4::Sctp { .. }),
    }
}

/// Ports first: they are cheaper.
fn ends(head: &Head, scene: &Scene<'_>, turned: bool) -> bool {
    let packet = scene.packet;
    let (mut src_port, mut dst_port) = (packet.src_port(), packet.dst_port());
    let addresses = scene.addresses();
    let mut hosts = addresses;
    if turned {
        (src_port, dst_port) = (dst_port, src_port);
        hosts = addresses.map(|(a, b)| (b, a));
    }
    let ports = head.source_ports.as_ref().is_none_or(|p| p.contains(src_port))
        && head.destination_ports.as_ref().is_none_or(|p| p.contains(dst_port));
    if !ports {
        return false;
    }
    if head.source.is_none() && head.destination.is_none() {
        return true;
    }
    let Some((src, dst)) = hosts else { return false };
    head.source.as_ref().is_none_or(|a| a.contains(src)) && head.destination.as_ref().is_none_or(|a| a.contains(dst))
}
