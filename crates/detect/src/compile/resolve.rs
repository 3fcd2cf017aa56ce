//! One rule, resolved against what the engine offers.

use super::{Compiler, Trouble, events::Events};
use crate::{
    check::{Check, FlowIntOperand as IntOperand, WantedProtocol},
    compiled::{
        AppCheck, AppCheckKind, CompiledEffect, CompiledRule, Head, Kind, PacketSection, PacketSource, PayloadOf,
        Route, TransportTest, direction_bit,
    },
};
use phitak_model::Direction;
use phitak_rules::{
    Arrow, Placed, Rule, RuleProtocol, Section, Test,
    buffer::Buffer,
    condition::{AppProtocolName, Condition, Effect, EventSource, FlowIntOperand, FlowIntTest, FlowTest, StreamChoice},
};
use std::{borrow::Cow, sync::Arc};

/// Both directions of packets.
const BOTH: u8 = 3;

/// A rule and its routes into transactions.
pub(super) struct Resolved {
    pub rule: CompiledRule,
    pub routes: Vec<Route>,
    /// For each app section of the rule (index in [`Rule::sections`]): its compiled section.
    pub app_sections: Vec<(usize, u32)>,
    pub events: Events,
}

/// What a rule asks of transactions, before a protocol is chosen.
pub(super) struct AppPart<'r> {
    pub sections: Vec<(usize, &'r Section, u32)>,
    pub fields: Vec<(&'r Placed<Condition>, &'r phitak_rules::condition::FieldTest)>,
    pub events: Vec<(&'r Placed<Condition>, &'r str, &'r str)>,
}

impl AppPart<'_> {
    fn is_empty(&self) -> bool {
        self.sections.is_empty() && self.fields.is_empty() && self.events.is_empty()
    }
}

impl Compiler<'_> {
    pub(super) fn resolve(&mut self, number: u32, rule: &Rule) -> Result<Resolved, Trouble> {
        let flow = flow_test(rule);
        let mut checks = Vec::new();
        let mut events = Events::default();
        let mut app = AppPart { sections: Vec::new(), fields: Vec::new(), events: Vec::new() };
        for condition in &rule.conditions {
            match &condition.value {
                Condition::Field(test) => app.fields.push((condition, test)),
                Condition::Event { source: EventSource::App, protocol: Some(protocol), name } => {
                    app.events.push((condition, protocol, name));
                }
                _ => checks.push(self.check(condition, &mut events)?),
            }
        }
        let mut packet_sections = Vec::new();
        let mut payload = None;
        let mut app_sections = Vec::new();
        for (index, section) in rule.sections.iter().enumerate() {
            let base64 = base64_tests(rule, index);
            match &section.buffer {
                Buffer::Payload => payload = Some(self.section(section, base64)?),
                Buffer::Header(header) => {
                    let section = self.section(section, base64)?;
                    packet_sections.push(PacketSection { source: PacketSource::Header(*header), section });
                }
                Buffer::SourceAddress => {
                    let section = self.section(section, base64)?;
                    packet_sections.push(PacketSection { source: PacketSource::SourceAddress, section });
                }
                Buffer::DestinationAddress => {
                    let section = self.section(section, base64)?;
                    packet_sections.push(PacketSection { source: PacketSource::DestinationAddress, section });
                }
                Buffer::Named(_) | Buffer::Frame { .. } => {
                    let compiled = self.section(section, base64)?;
                    app.sections.push((index, section, compiled));
                    app_sections.push((index, compiled));
                }
                // Compiled with the section that decodes.
                Buffer::Base64 => {}
            }
        }
        checks.sort_by_key(cost);
        let protocols = self.head_protocols(rule)?;
        let routes = if app.is_empty() && rule.hook.is_none() {
            Vec::new()
        } else {
            self.routes(number, rule, &app, &flow, protocols.as_deref())?
        };
        let is_transaction = !routes.is_empty();
        let needs_packet =
            needs_packet(rule) || packet_sections.iter().any(|s| matches!(s.source, PacketSource::Header(_)));
        let payload_of = payload_of(rule, &flow, needs_packet);
        let kind = kind(rule, is_transaction, payload.is_some(), payload_of, !packet_sections.is_empty(), &events);
        let directions = match flow.direction {
            Some(direction) => direction_bit(direction),
            None => BOTH,
        };
        let compiled = CompiledRule {
            action: rule.action,
            head: head(rule, protocols),
            directions,
            needs_flow: needs_flow(rule, &flow),
            needs_packet,
            kind,
            checks: checks.into(),
            packet_sections: packet_sections.into(),
            payload,
            payload_of,
            effects: self.effects(rule)?.into(),
            threshold: rule.threshold.or(rule.detection_filter),
            extra: None,
            no_alert: rule.no_alert,
        };
        Ok(Resolved { rule: compiled, routes, app_sections, events })
    }

    /// Protocols of the head by number; `None` when it names none.
    fn head_protocols(&self, rule: &Rule) -> Result<Option<Vec<u16>>, Trouble> {
        let RuleProtocol::App { written, names } = &rule.protocol else { return Ok(None) };
        let numbers = self.protocol_numbers(names);
        if numbers.is_empty() {
            return Err(Trouble::new(
                (rule.line, rule.column),
                format!("the protocol {written} is not parsed by this engine"),
            ));
        }
        Ok(Some(numbers))
    }

    fn protocol_numbers(&self, names: &[String]) -> Vec<u16> {
        let numbered = (0u16..).zip(self.catalogue.protocols);
        numbered.filter(|(_, p)| names.iter().any(|n| n == p.name)).map(|(number, _)| number).collect()
    }

    fn check(&mut self, condition: &Placed<Condition>, events: &mut Events) -> Result<Check, Trouble> {
        let at = (condition.line, condition.column);
        Ok(match &condition.value {
            Condition::Flow(test) => Check::Flow(*test),
            Condition::FlowBits { set, names } => {
                let bits = names.iter().map(|n| self.flow_bits.number(n)).collect();
                Check::FlowBits { set: *set, bits }
            }
            Condition::FlowInt { name, test } => {
                let name = self.flow_ints.number(name);
                match test {
                    FlowIntTest::IsSet => Check::FlowIntSet { name, set: true },
                    FlowIntTest::IsNotSet => Check::FlowIntSet { name, set: false },
                    FlowIntTest::Compare(comparison, operand) => {
                        Check::FlowInt { name, comparison: *comparison, operand: self.int_operand(operand) }
                    }
                }
            }
            Condition::HostBits { set, name, track } => {
                Check::HostBits { set: *set, bit: self.host_bits.number(name), track: *track }
            }
            Condition::AppProtocol(test) => {
                let wanted = match &test.protocol {
                    AppProtocolName::Failed => WantedProtocol::Failed,
                    AppProtocolName::Unknown => WantedProtocol::Unknown,
                    AppProtocolName::AnyOf(names) => {
                        let numbers = self.protocol_numbers(names);
                        if numbers.is_empty() && !test.negated {
                            return Err(Trouble::new(
                                at,
                                format!("the protocol {} is not parsed by this engine", names.join(", ")),
                            ));
                        }
                        WantedProtocol::AnyOf(numbers.into())
                    }
                };
                Check::AppProtocol { wanted, negated: test.negated, of: test.of }
            }
            Condition::Event { source, name, .. } => self.event(*source, name, at, events)?,
            Condition::Reputation { side, category, test, set } => {
                let Some(lists) = &self.settings.reputations else {
                    return Err(Trouble::new(at, "no lists of reputations are loaded".into()));
                };
                let Some(scores) = lists.category(category) else {
                    return Err(Trouble::new(at, format!("no list of reputations has the category {category}")));
                };
                Check::Reputation { side: *side, scores, test: *test, set: *set }
            }
            other => Check::Plain(other.clone()),
        })
    }

    fn int_operand(&mut self, operand: &FlowIntOperand) -> IntOperand {
        match operand {
            FlowIntOperand::Number(n) => IntOperand::Number(*n),
            FlowIntOperand::Name(name) => IntOperand::Name(self.flow_ints.number(name)),
        }
    }

    fn effects(&mut self, rule: &Rule) -> Result<Vec<CompiledEffect>, Trouble> {
        let mut effects = Vec::new();
        for effect in &rule.effects {
            match &effect.value {
                Effect::FlowBits { change, names } => {
                    effects.extend(
                        names
                            .iter()
                            .map(|n| CompiledEffect::FlowBit { change: *change, bit: self.flow_bits.number(n) }),
                    );
                }
                Effect::FlowInt { name, change, operand } => {
                    let operand = self.int_operand(operand);
                    effects.push(CompiledEffect::FlowInt {
                        name: self.flow_ints.number(name),
                        change: *change,
                        operand,
                    });
                }
                Effect::HostBits { change, name, track, expire_secs } => {
                    let bit = self.host_bits.number(name);
                    effects.push(CompiledEffect::HostBit {
                        change: *change,
                        bit,
                        track: *track,
                        expire_secs: *expire_secs,
                    });
                }
                Effect::Bypass => effects.push(CompiledEffect::Bypass),
                Effect::StoreFile { direction, scope } => {
                    effects.push(CompiledEffect::StoreFile { direction: *direction, scope: *scope })
                }
                Effect::NoLogging { scope } => effects.push(CompiledEffect::NoLogging(*scope)),
                // Tagged packets would only be recorded, and no packet is.
                Effect::Tag { .. } => {}
            }
        }
        Ok(effects)
    }

    /// The routes of a rule: one for each protocol and direction in which all of its checks exist.
    fn routes(
        &self,
        number: u32,
        rule: &Rule,
        app: &AppPart<'_>,
        flow: &FlowTest,
        protocols: Option<&[u16]>,
    ) -> Result<Vec<Route>, Trouble> {
        let mut routes = Vec::new();
        let mut first_trouble = None;
        for index in 0..self.catalogue.protocols.len() {
            let Ok(protocol) = u16::try_from(index) else { break };
            if protocols.is_some_and(|p| !p.contains(&protocol)) {
                continue;
            }
            match self.protocol_routes(number, protocol, rule, app, flow) {
                Ok(found) => routes.extend(found),
                Err(trouble) => {
                    // The trouble that comes latest in the rule is the most telling one: what stands before it was found.
                    let later = first_trouble.as_ref().is_none_or(|t: &Trouble| trouble.at > t.at);
                    if later {
                        first_trouble = Some(trouble);
                    }
                }
            }
        }
        if routes.is_empty() {
            return Err(first_trouble.unwrap_or_else(|| {
                Trouble::new((rule.line, rule.column), "no protocol offers what this rule looks at".into())
            }));
        }
        Ok(routes)
    }

    fn protocol_routes(
        &self,
        number: u32,
        protocol: u16,
        rule: &Rule,
        app: &AppPart<'_>,
        flow: &FlowTest,
    ) -> Result<Vec<Route>, Trouble> {
        if rule.arrow == Arrow::Transaction {
            let checks = self.app_checks(protocol, rule, app, None)?;
            return Ok(vec![Route { rule: number, protocol, directions: BOTH, checks: checks.into() }]);
        }
        let mut routes = Vec::new();
        let mut trouble = None;
        for direction in [Direction::ToServer, Direction::ToClient] {
            if flow.direction.is_some_and(|d| d != direction) {
                continue;
            }
            match self.app_checks(protocol, rule, app, Some(direction)) {
                Ok(checks) => routes.push(Route {
                    rule: number,
                    protocol,
                    directions: direction_bit(direction),
                    checks: checks.into(),
                }),
                Err(t) if trouble.as_ref().is_none_or(|known: &Trouble| t.at > known.at) => trouble = Some(t),
                Err(_) => {}
            }
        }
        match trouble {
            Some(trouble) if routes.is_empty() => Err(trouble),
            _ => Ok(routes),
        }
    }

    /// The checks of a rule on one protocol, all in one direction, or (`None`) each in its own.
    fn app_checks(
        &self,
        protocol: u16,
        rule: &Rule,
        app: &AppPart<'_>,
        direction: Option<Direction>,
    ) -> Result<Vec<AppCheck>, Trouble> {
        let Some(decl) = self.catalogue.protocols.get(usize::from(protocol)) else { return Ok(Vec::new()) };
        let mut checks = Vec::new();
        for (_, section, compiled) in &app.sections {
            let at = (section.line, section.column);
            let names = self.buffers.get(usize::from(protocol));
            let number = buffer_name(&section.buffer, decl.name).and_then(|n| names?.get(&*n).copied());
            let found = number.and_then(|number| Some((number, decl.buffers.get(usize::from(number))?)));
            let Some((buffer, declared)) = found else {
                return Err(Trouble::new(
                    at,
                    format!("{} is not offered by {}", shown(&section.buffer), self.offerer(rule, decl.name)),
                ));
            };
            let direction = match (direction.or(section.direction), declared.to_server, declared.to_client) {
                (Some(Direction::ToServer), true, _) => Direction::ToServer,
                (Some(Direction::ToClient), _, true) => Direction::ToClient,
                (Some(_), ..) => {
                    return Err(Trouble::new(at, format!("{} does not exist in this rule's direction", declared.name)));
                }
                (None, true, _) => Direction::ToServer,
                (None, false, _) => Direction::ToClient,
            };
            let stage = declared.stage.get(direction.index()).copied().unwrap_or(0);
            checks.push(AppCheck {
                kind: AppCheckKind::Buffer { number: buffer, shape: declared.shape, section: *compiled },
                direction,
                stage,
            });
        }
        for (condition, test) in &app.fields {
            let at = (condition.line, condition.column);
            let found = (0u8..).zip(decl.fields).find(|(_, f)| f.name == test.name);
            let Some((field, declared)) = found else {
                return Err(Trouble::new(
                    at,
                    format!("{} is not offered by {}", test.name, self.offerer(rule, decl.name)),
                ));
            };
            let direction = direction.or(test.direction).unwrap_or(Direction::ToServer);
            let stage = declared.stage.get(direction.index()).copied().unwrap_or(0);
            checks.push(AppCheck {
                kind: AppCheckKind::Field { number: field, check: test.check.clone(), index: test.index },
                direction,
                stage,
            });
        }
        for (condition, event_protocol, name) in &app.events {
            checks.push(self.event_check(condition, event_protocol, name, decl, direction)?);
        }
        checks.extend(self.hook_check(rule, decl, direction)?);
        checks.sort_by_key(|c| (c.direction, c.stage));
        if checks.len() > 64 {
            return Err(Trouble::new((rule.line, rule.column), "more than 64 buffers and fields".into()));
        }
        Ok(checks)
    }

    /// The stage of a hook.
    fn hook_check(
        &self,
        rule: &Rule,
        decl: &phitak_model::inspect::ProtocolDecl,
        direction: Option<Direction>,
    ) -> Result<Option<AppCheck>, Trouble> {
        let Some(hook) = &rule.hook else { return Ok(None) };
        let sides = [(Direction::ToServer, decl.stages_to_server), (Direction::ToClient, decl.stages_to_client)];
        for (side, stages) in sides {
            if direction.is_some_and(|d| d != side) {
                continue;
            }
            if let Some(stage) = stages.iter().position(|s| s == hook).and_then(|i| u8::try_from(i).ok()) {
                return Ok(Some(AppCheck { kind: AppCheckKind::Reached, direction: side, stage }));
            }
        }
        Err(Trouble::new(
            (rule.line, rule.column),
            format!("{} has no stage called {hook} in this direction", decl.name),
        ))
    }

    /// Who was asked for a buffer, in words.
    fn offerer(&self, rule: &Rule, protocol: &str) -> String {
        match &rule.protocol {
            RuleProtocol::App { .. } => format!("{protocol} in this engine"),
            _ => "any protocol of this engine".into(),
        }
    }
}

/// The declared name of a section's buffer for a protocol.
fn buffer_name<'b>(buffer: &'b Buffer, protocol: &str) -> Option<Cow<'b, str>> {
    match buffer {
        Buffer::Named(name) => Some(Cow::Borrowed(name)),
        Buffer::Frame { protocol: None, kind } => Some(format!("frame:{kind}").into()),
        Buffer::Frame { protocol: Some(named), kind } => {
            let same = named == protocol || named == "http1" && protocol == "http";
            same.then(|| format!("frame:{kind}").into())
        }
        _ => None,
    }
}

fn shown(buffer: &Buffer) -> String {
    match buffer {
        Buffer::Named(name) => name.clone(),
        Buffer::Frame { protocol: Some(protocol), kind } => format!("the frame {protocol}.{kind}"),
        Buffer::Frame { protocol: None, kind } => format!("the frame {kind}"),
        _ => "this buffer".into(),
    }
}

/// Tests of the `base64_data` section that follows a section with `base64_decode`.
fn base64_tests(rule: &Rule, index: usize) -> &[Placed<Test>] {
    if !rule.sections.iter().any(|section| section.buffer == Buffer::Base64) {
        return &[];
    }
    let decodes = |section: &Section| section.tests.iter().any(|t| matches!(t.value, Test::Base64Decode(_)));
    if !rule.sections.get(index).is_some_and(decodes) {
        return &[];
    }
    // Sections are in order of first use, and the payload's may have been made before: any later one belongs here.
    let after = rule.sections.get(index + 1..).unwrap_or_default().iter();
    after.chain(&rule.sections).find(|s| s.buffer == Buffer::Base64).map_or(&[], |s| s.tests.as_slice())
}

fn flow_test(rule: &Rule) -> FlowTest {
    let test = rule.conditions.iter().find_map(|c| match &c.value {
        Condition::Flow(test) => Some(*test),
        _ => None,
    });
    test.unwrap_or_default()
}

/// Conditions of single packets.
fn needs_packet(rule: &Rule) -> bool {
    let of_packet = |condition: &Condition| {
        matches!(
            condition,
            Condition::Ttl(_)
                | Condition::Tos(_)
                | Condition::IpId(_)
                | Condition::IpProtocol(_)
                | Condition::IpOption(_)
                | Condition::SameAddress
                | Condition::FragmentBits(_)
                | Condition::FragmentOffset(_)
                | Condition::TcpFlags(_)
                | Condition::TcpSequence(_)
                | Condition::TcpAcknowledgement(_)
                | Condition::TcpWindow(_)
                | Condition::TcpMss(_)
                | Condition::TcpWindowScale(_)
                | Condition::IcmpType(_)
                | Condition::IcmpCode(_)
                | Condition::IcmpId(_)
                | Condition::IcmpSequence(_)
                | Condition::IcmpMtu(_)
                | Condition::PayloadSize(_)
                | Condition::StreamSize { .. }
                | Condition::Checksum { .. }
                | Condition::VlanId { .. }
                | Condition::VlanLayers(_)
                | Condition::Event { source: EventSource::Decoder | EventSource::Stream | EventSource::Engine, .. }
                | Condition::Rpc { .. }
        )
    };
    rule.protocol == RuleProtocol::TcpPacket || rule.conditions.iter().any(|c| of_packet(&c.value))
}

fn needs_flow(rule: &Rule, flow: &FlowTest) -> bool {
    let asks = flow.direction.is_some() || flow.established.is_some() || flow.stateless;
    asks || matches!(rule.protocol, RuleProtocol::App { .. })
}

/// Which bytes a rule's raw contents are looked for in.
fn payload_of(rule: &Rule, flow: &FlowTest, needs_packet: bool) -> PayloadOf {
    let only_packet = PayloadOf { packet: true, ..PayloadOf::default() };
    let on_stream = matches!(
        rule.protocol,
        RuleProtocol::Tcp
            | RuleProtocol::TcpStream
            | RuleProtocol::App { .. }
            | RuleProtocol::Ip
            | RuleProtocol::Ipv4
            | RuleProtocol::Ipv6
    );
    if !on_stream || flow.stream == StreamChoice::NoStream {
        return only_packet;
    }
    if rule.protocol == RuleProtocol::TcpStream || flow.stream == StreamChoice::OnlyStream {
        return PayloadOf {
            stream: true,
            packet_outside_stream: rule.protocol == RuleProtocol::TcpStream,
            ..PayloadOf::default()
        };
    }
    if needs_packet {
        return only_packet;
    }
    let anchored = |section: &Section| {
        section
            .tests
            .iter()
            .any(|t| matches!(&t.value, Test::Content(c) if c.starts_with || c.depth.is_some() || c.offset.is_some()))
    };
    let is_anchored = rule.sections.iter().any(|s| s.buffer == Buffer::Payload && anchored(s));
    PayloadOf { packet: is_anchored, stream: true, packet_outside_stream: !is_anchored }
}

fn kind(
    rule: &Rule,
    is_transaction: bool,
    has_payload: bool,
    payload_of: PayloadOf,
    has_packet_sections: bool,
    events: &Events,
) -> Kind {
    if is_transaction {
        return Kind::Transaction;
    }
    if has_payload {
        return match (payload_of.packet, payload_of.stream) {
            (true, true) => Kind::PacketAndStream,
            (false, true) => Kind::Stream,
            _ => Kind::Packet,
        };
    }
    let only = |wanted: fn(&Condition) -> bool| {
        !rule.conditions.is_empty() && rule.conditions.iter().all(|c| wanted(&c.value))
    };
    if !events.decoder.is_empty() && only(|c| matches!(c, Condition::Event { .. })) {
        return Kind::DecoderEvents;
    }
    let plain_flow = |c: &Condition| matches!(c, Condition::Flow(f) if f.established.is_none() && !f.stateless && f.fragments.is_none() && f.stream == StreamChoice::Both);
    let has_app_protocol = rule.conditions.iter().any(|c| matches!(c.value, Condition::AppProtocol(_)));
    let protocol_only =
        rule.conditions.iter().all(|c| matches!(c.value, Condition::AppProtocol(_)) || plain_flow(&c.value));
    if has_app_protocol && protocol_only && !has_packet_sections {
        return Kind::ProtocolOnly;
    }
    if matches!(rule.protocol, RuleProtocol::App { .. }) {
        let plain = rule.conditions.iter().all(|c| plain_flow(&c.value)) && !has_packet_sections;
        return if plain { Kind::AppProtocol } else { Kind::Packet };
    }
    let no_ports = rule.source_ports.is_any() && rule.destination_ports.is_any();
    if rule.conditions.is_empty() && !has_packet_sections && no_ports && rule.protocol != RuleProtocol::PacketHeader {
        let negated = rule.source.is_negated() || rule.destination.is_negated();
        return if negated { Kind::AddressLike } else { Kind::AddressOnly };
    }
    Kind::Packet
}

fn head(rule: &Rule, protocols: Option<Vec<u16>>) -> Head {
    let transport = match &rule.protocol {
        RuleProtocol::PacketHeader => TransportTest::Any,
        RuleProtocol::Ip => TransportTest::Ip,
        RuleProtocol::App { .. } => TransportTest::Ip,
        RuleProtocol::Ipv4 => TransportTest::Ipv4,
        RuleProtocol::Ipv6 => TransportTest::Ipv6,
        RuleProtocol::Tcp | RuleProtocol::TcpPacket | RuleProtocol::TcpStream => TransportTest::Tcp,
        RuleProtocol::Udp => TransportTest::Udp,
        RuleProtocol::Icmp => TransportTest::Icmp,
        RuleProtocol::Icmpv4 => TransportTest::Icmpv4,
        RuleProtocol::Icmpv6 => TransportTest::Icmpv6,
        RuleProtocol::Sctp => TransportTest::Sctp,
    };
    let addresses = |a: &Arc<phitak_rules::Addresses>| (!a.is_any()).then(|| Arc::clone(a));
    let ports = |p: &Arc<phitak_rules::Ports>| (!p.is_any()).then(|| Arc::clone(p));
    Head {
        transport,
        protocols: protocols.map(Into::into),
        source: addresses(&rule.source),
        destination: addresses(&rule.destination),
        source_ports: ports(&rule.source_ports),
        destination_ports: ports(&rule.destination_ports),
        both_ways: rule.arrow != Arrow::Forward,
    }
}

/// Cheap conditions come first.
fn cost(check: &Check) -> u8 {
    match check {
        Check::DecoderEvent(_) | Check::StreamEvent(_) | Check::FlowEvent(_) => 0,
        Check::Flow(_) => 1,
        Check::Plain(_) => 2,
        Check::FlowBits { .. } | Check::FlowIntSet { .. } | Check::FlowInt { .. } | Check::AppProtocol { .. } => 3,
        Check::HostBits { .. } | Check::Reputation { .. } => 4,
    }
}
