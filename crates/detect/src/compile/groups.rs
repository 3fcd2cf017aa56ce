//! Rules into groups: each rule where its best literal is looked for.

use super::resolve::Resolved;
use crate::{
    compiled::{
        AppCheckKind, AppGroup, AppGroups, Class, Kind, PacketGroup, PortGroups, PortMap, Route, direction_bit,
    },
    prefilter::{Literal, LiteralOf, MatcherBuilder, PacketMatcherBuilder, Standing},
    transform::Transforms,
    zones::{ZONES, Zone, ZoneSet},
};
use phitak_model::{
    Direction,
    inspect::{ProtocolDecl, Shape},
};
use phitak_packet::packet::ip_proto;
use phitak_rules::{
    Ports, Rule, Section,
    buffer::Buffer,
    condition::{Condition, Transform},
};
use std::collections::BTreeMap;

/// A rule with more server ports than this is in the group of all ports.
pub(super) const PORTS_MAX: usize = 32;

const DIRECTIONS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

#[derive(Default)]
struct PacketGroupBuilder {
    payload: PacketMatcherBuilder,
    always: Vec<u32>,
    always_payload: Vec<u32>,
}

#[derive(Default)]
struct PortGroupsBuilder {
    any: PacketGroupBuilder,
    by_port: BTreeMap<u16, PacketGroupBuilder>,
}

/// Groups of packet rules, by class, direction and zone.
#[derive(Default)]
pub(super) struct PacketGroups {
    groups: BTreeMap<(usize, usize, usize), PortGroupsBuilder>,
}

impl PacketGroups {
    /// Puts a rule that is looked at for packets where it belongs.
    pub fn add(&mut self, number: u32, rule: &Rule, resolved: &Resolved, zones: ZoneSet) {
        let payload = rule.sections.iter().enumerate().filter(|(_, s)| s.buffer == Buffer::Payload);
        let literal = super::literals::choose(payload).map(|(_, l)| Literal { standing: Standing::Anywhere, ..l });
        for (class_index, class) in Class::ALL.into_iter().enumerate() {
            if !class.admits(resolved.rule.head.transport) || !may_carry(class, rule) {
                continue;
            }
            for direction in DIRECTIONS {
                if resolved.rule.directions & direction_bit(direction) == 0 {
                    continue;
                }
                let ports = server_ports(rule, class, direction);
                for zone in Zone::all().filter(|zone| zone.is_in(zones)) {
                    let groups = self.groups.entry((class_index, direction.index(), zone.index())).or_default();
                    match &ports {
                        None => groups.any.add(number, resolved, literal.as_ref(), class),
                        Some(ports) => {
                            for port in ports {
                                groups.by_port.entry(*port).or_default().add(number, resolved, literal.as_ref(), class);
                            }
                        }
                    }
                }
            }
        }
    }

    pub fn build(self) -> [[[PortGroups; ZONES]; 2]; 4] {
        let mut built: [[[PortGroups; ZONES]; 2]; 4] = Default::default();
        for ((class, direction, zone), groups) in self.groups {
            let of_direction = built.get_mut(class).and_then(|d| d.get_mut(direction));
            if let Some(slot) = of_direction.and_then(|zones| zones.get_mut(zone)) {
                let by_port = PortMap::new(groups.by_port.into_iter().map(|(port, g)| (port, g.build())));
                *slot = PortGroups { any: groups.any.build(), by_port };
            }
        }
        built
    }
}

impl PacketGroupBuilder {
    fn add(&mut self, number: u32, resolved: &Resolved, literal: Option<&Literal>, class: Class) {
        let rule = &resolved.rule;
        let Some(_) = rule.payload else {
            self.always.push(number);
            return;
        };
        let of = match rule.payload_of {
            of if class != Class::Tcp || of.packet => LiteralOf::Unit,
            of if of.stream || of.packet_outside_stream => LiteralOf::Stream,
            _ => return,
        };
        match literal {
            Some(literal) => self.payload.add(literal.clone(), of, number),
            None => self.always_payload.push(number),
        }
    }

    fn build(self) -> PacketGroup {
        PacketGroup {
            payload: self.payload.build(),
            always: self.always.into(),
            always_payload: self.always_payload.into(),
        }
    }
}

/// Whether packets of a class can be of the IP protocol that a rule names.
fn may_carry(class: Class, rule: &Rule) -> bool {
    let protocols: &[u8] = match class {
        Class::Tcp => &[ip_proto::TCP],
        Class::Udp => &[ip_proto::UDP],
        Class::Icmp => &[ip_proto::ICMP, ip_proto::ICMPV6],
        Class::Other => return true,
    };
    rule.conditions.iter().all(|condition| match &condition.value {
        Condition::IpProtocol(test) => protocols.iter().any(|p| test.holds(u64::from(*p))),
        _ => true,
    })
}

/// The ports of the server's side, when they are few. A rule both ways, or with other classes than TCP and UDP, is for
/// all ports.
fn server_ports(rule: &Rule, class: Class, direction: Direction) -> Option<Vec<u16>> {
    if rule.arrow != phitak_rules::Arrow::Forward || !matches!(class, Class::Tcp | Class::Udp) {
        return None;
    }
    let ports: &Ports = match direction {
        Direction::ToServer => &rule.destination_ports,
        Direction::ToClient => &rule.source_ports,
    };
    let count: usize = ports.ranges().map(|(first, last)| usize::from(last - first) + 1).sum();
    (count <= PORTS_MAX).then(|| ports.ranges().flat_map(|(first, last)| first..=last).collect())
}

/// Groups of one protocol in one direction and zone while they grow: by buffer and transforms.
#[derive(Default)]
struct AppBuilder {
    groups: BTreeMap<(u8, u8, Vec<String>), AppGroupBuilder>,
    always: Vec<u32>,
    by_event: Vec<(u8, u32)>,
    is_used: bool,
}

struct AppGroupBuilder {
    shape: Shape,
    transforms: Vec<Transform>,
    matcher: MatcherBuilder,
    overlap: usize,
}

/// All groups of transactions.
pub(super) struct AppGroupsBuilder {
    by_protocol: Vec<[[AppBuilder; ZONES]; 2]>,
}

impl AppGroupsBuilder {
    pub fn new(protocols: &[&'static ProtocolDecl]) -> Self {
        Self { by_protocol: protocols.iter().map(|_| Default::default()).collect() }
    }

    /// Puts a route where its literal is looked for, in the zones of its rule.
    pub fn add(&mut self, number: u32, route: &Route, rule: &Rule, app_sections: &[(usize, u32)], zones: ZoneSet) {
        let Some(directions) = self.by_protocol.get_mut(usize::from(route.protocol)) else { return };
        let of_route = rule.sections.iter().enumerate().filter(|(index, section)| {
            let absent = section.tests.iter().any(|t| matches!(t.value, phitak_rules::Test::Absent { .. }));
            !absent && check_of(route, app_sections, *index).is_some()
        });
        let chosen = super::literals::choose(of_route).and_then(|(index, literal)| {
            let check = check_of(route, app_sections, index)?;
            Some((check, rule.sections.get(index)?, literal))
        });
        let event = route.checks.iter().find_map(|c| match c.kind {
            AppCheckKind::Event(event) => Some(event),
            _ => None,
        });
        for (direction, builders) in DIRECTIONS.into_iter().zip(directions) {
            let is_routes = route.directions & direction_bit(direction) != 0;
            for (zone, builder) in Zone::all().zip(builders) {
                // What began on one side may end on the other.
                builder.is_used |= is_routes && (zone.is_in(zones) || zone.turned().is_in(zones));
                if !zone.is_in(zones) {
                    continue;
                }
                match (&chosen, event) {
                    (Some((check, section, literal)), _) => {
                        if check.direction == direction {
                            builder.add_literal(number, check, section, literal.clone());
                        }
                    }
                    (None, _) if !is_routes => {}
                    (None, Some(event)) => builder.by_event.push((event, number)),
                    (None, None) => builder.always.push(number),
                }
            }
        }
    }

    pub fn build(self, expressions: &mut u32) -> Vec<[[AppGroups; ZONES]; 2]> {
        let built = self.by_protocol.into_iter();
        built.map(|directions| directions.map(|zones| zones.map(|builder| builder.build(expressions)))).collect()
    }
}

/// The check of a route that looks at one of the rule's sections.
fn check_of<'r>(
    route: &'r Route,
    app_sections: &[(usize, u32)],
    index: usize,
) -> Option<&'r crate::compiled::AppCheck> {
    let (_, compiled) = app_sections.iter().find(|(i, _)| *i == index)?;
    route.checks.iter().find(|c| matches!(c.kind, AppCheckKind::Buffer { section, .. } if section == *compiled))
}

impl AppBuilder {
    fn add_literal(&mut self, number: u32, check: &crate::compiled::AppCheck, section: &Section, literal: Literal) {
        let AppCheckKind::Buffer { number: buffer, shape, .. } = check.kind else { return };
        self.is_used = true;
        let names = section.transforms.iter().map(|t| format!("{t:?}")).collect();
        let group = self.groups.entry((check.stage, buffer, names)).or_insert_with(|| AppGroupBuilder {
            shape,
            transforms: section.transforms.clone(),
            matcher: MatcherBuilder::default(),
            overlap: 0,
        });
        group.overlap = group.overlap.max(literal.bytes.len());
        let standing = if shape == Shape::Stream { Standing::Anywhere } else { literal.standing };
        group.matcher.add(Literal { standing, ..literal }, number);
    }

    fn build(mut self, expressions: &mut u32) -> AppGroups {
        self.always.sort_unstable();
        self.by_event.sort_unstable();
        let groups = self.groups.into_iter().map(|((stage, buffer, _), g)| AppGroup {
            buffer,
            stage,
            shape: g.shape,
            // They compiled once already, for the rule's own section.
            transforms: Transforms::compile(&g.transforms, expressions).unwrap_or_default(),
            matcher: g.matcher.build(),
            overlap: g.overlap,
        });
        AppGroups {
            groups: groups.collect(),
            always: self.always.into(),
            by_event: self.by_event.into(),
            is_used: self.is_used,
        }
    }
}

/// Which rules are found by packets, and not by events, addresses, detection or transactions.
pub(super) fn is_for_packets(resolved: &Resolved) -> bool {
    let events = &resolved.events;
    let by_event = !events.decoder.is_empty() || !events.stream.is_empty() || !events.flow.is_empty();
    !by_event && !matches!(resolved.rule.kind, Kind::Transaction | Kind::AddressOnly | Kind::ProtocolOnly)
}

/// Rules by the number of an event.
#[derive(Default)]
pub(super) struct EventRules {
    lists: Vec<Vec<u32>>,
}

impl EventRules {
    pub fn new(events: usize) -> Self {
        Self { lists: vec![Vec::new(); events] }
    }

    /// Under its first event: all of its events must be there.
    pub fn add(&mut self, events: &[u8], rule: u32) {
        if let Some(list) = events.first().and_then(|e| self.lists.get_mut(usize::from(*e))) {
            list.push(rule);
        }
    }

    pub fn build(self) -> Vec<Box<[u32]>> {
        self.lists.into_iter().map(Into::into).collect()
    }
}
