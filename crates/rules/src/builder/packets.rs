//! Keywords about packets, flows and events.

use super::{Builder, Taken, needed, no_value};
use crate::{
    condition::{
        AppProtocolName, AppProtocolOf, AppProtocolTest, ChecksumLayer, Condition, EventSource, ReputationSide, Side,
    },
    flow::{self, FlowWord},
    head, number, packet,
    text::{Fault, Text},
};

const U8: u64 = u8::MAX as u64;
const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;

const CHECKSUMS: &[(&str, ChecksumLayer)] = &[
    ("icmpv4-csum", ChecksumLayer::IcmpV4),
    ("icmpv6-csum", ChecksumLayer::IcmpV6),
    ("ipv4-csum", ChecksumLayer::Ipv4),
    ("tcpv4-csum", ChecksumLayer::TcpV4),
    ("tcpv6-csum", ChecksumLayer::TcpV6),
    ("udpv4-csum", ChecksumLayer::UdpV4),
    ("udpv6-csum", ChecksumLayer::UdpV6),
];

impl Builder<'_> {
    pub(super) fn take_packet(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        if let Some((_, layer)) = CHECKSUMS.iter().find(|(name, _)| *name == keyword.text) {
            let condition = packet::checksum(*layer, needed(keyword, value)?)?;
            self.condition(keyword, condition);
            return Ok(true);
        }
        let number = |max| needed(keyword, value).and_then(|v| number::parse(v.unquote(), max, &[]));
        let condition = match keyword.text {
            "ttl" => Condition::Ttl(number(U8)?),
            "tos" => Condition::Tos(tos(needed(keyword, value)?)?),
            "id" => Condition::IpId(number(U16)?),
            "ip_proto" => {
                Condition::IpProtocol(number::parse(needed(keyword, value)?.unquote(), U8, packet::IP_PROTOCOLS)?)
            }
            "ipopts" => Condition::IpOption(packet::ip_option(needed(keyword, value)?)?),
            "sameip" => {
                no_value(keyword, value)?;
                Condition::SameAddress
            }
            "fragbits" => Condition::FragmentBits(packet::fragment_bits(needed(keyword, value)?)?),
            "fragoffset" => Condition::FragmentOffset(number(U16)?),
            "flags" | "tcp.flags" => Condition::TcpFlags(packet::tcp_flags(needed(keyword, value)?)?),
            "seq" | "tcp.seq" => Condition::TcpSequence(number(U32)?),
            "ack" | "tcp.ack" => Condition::TcpAcknowledgement(number(U32)?),
            "window" | "tcp.window" => Condition::TcpWindow(number(U16)?),
            "tcp.mss" => Condition::TcpMss(number(U16)?),
            "tcp.wscale" => Condition::TcpWindowScale(number(U8)?),
            "itype" => Condition::IcmpType(number(U8)?),
            "icode" => Condition::IcmpCode(number(U8)?),
            "icmp_id" => Condition::IcmpId(number(U16)?),
            "icmp_seq" => Condition::IcmpSequence(number(U16)?),
            "icmpv6.mtu" => Condition::IcmpMtu(number(U32)?),
            "dsize" => Condition::PayloadSize(number(U16)?),
            "vlan.id" => packet::vlan_id(needed(keyword, value)?)?,
            "vlan.layers" => Condition::VlanLayers(number(3)?),
            "rpc" => packet::rpc(needed(keyword, value)?)?,
            "iprep" => reputation(needed(keyword, value)?)?,
            _ => return Ok(false),
        };
        self.condition(keyword, condition);
        Ok(true)
    }

    pub(super) fn take_flow(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        let bits = match keyword.text {
            "flowbits" => Some(flow::flowbits(needed(keyword, value)?)?),
            "flowint" => Some(flow::flowint(needed(keyword, value)?)?),
            "xbits" => Some(flow::xbits(needed(keyword, value)?)?),
            "hostbits" => Some(flow::hostbits(needed(keyword, value)?)?),
            _ => None,
        };
        match bits {
            Some(FlowWord::Condition(condition)) => self.condition(keyword, condition),
            Some(FlowWord::Effect(effect)) => self.effect(keyword, effect),
            Some(FlowWord::NoAlert) => self.no_alert = true,
            None => return self.take_flow_numbers(keyword, value),
        }
        Ok(true)
    }

    fn take_flow_numbers(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        let sided = |max| needed(keyword, value).and_then(|v| flow::sided(v, max));
        let number = |max| needed(keyword, value).and_then(|v| number::parse(v, max, &[]));
        let condition = match keyword.text {
            "flow" => {
                self.once(keyword, "flow")?;
                Condition::Flow(flow::flow(needed(keyword, value)?)?)
            }
            "flow.age" => Condition::FlowAge(number(U32)?),
            "flow.pkts" => sided(U32).map(|(side, test)| Condition::FlowPackets { side, test })?,
            "flow.bytes" => sided(u64::MAX).map(|(side, test)| Condition::FlowBytes { side, test })?,
            "flow.pkts_toclient" => Condition::FlowPackets { side: Side::ToClient, test: number(U32)? },
            "flow.pkts_toserver" => Condition::FlowPackets { side: Side::ToServer, test: number(U32)? },
            "flow.bytes_toclient" => Condition::FlowBytes { side: Side::ToClient, test: number(u64::MAX)? },
            "flow.bytes_toserver" => Condition::FlowBytes { side: Side::ToServer, test: number(u64::MAX)? },
            "stream_size" => flow::stream_size(needed(keyword, value)?)?,
            "app-layer-protocol" => self.app_protocol(needed(keyword, value)?)?,
            "app-layer-event" => event(EventSource::App, needed(keyword, value)?)?,
            "decode-event" => event(EventSource::Decoder, needed(keyword, value)?)?,
            "stream-event" => event(EventSource::Stream, needed(keyword, value)?)?,
            "engine-event" => event(EventSource::Engine, needed(keyword, value)?)?,
            _ => return Ok(false),
        };
        self.condition(keyword, condition);
        Ok(true)
    }

    fn app_protocol(&self, value: Text<'_>) -> Result<Condition, Fault> {
        let (name, of) = match value.split_once(',') {
            Some((name, of)) => (name.trim(), app_protocol_of(of.trim())?),
            None => (value, AppProtocolOf::Direction),
        };
        let (negated, name) = match name.strip_prefix("!") {
            Some(rest) => (true, rest.trim()),
            None => (false, name),
        };
        let protocol = match name.text {
            "failed" => AppProtocolName::Failed,
            "unknown" => AppProtocolName::Unknown,
            _ => match head::app_names(name.text, self.context) {
                Some(names) => AppProtocolName::AnyOf(names),
                None => {
                    let fault = name.fault(format!("the protocol {:?} is not known", name.text));
                    return Err(match head::app_protocol_hint(name.text, self.context) {
                        Some(hint) => fault.hint(hint),
                        None => fault,
                    });
                }
            },
        };
        Ok(Condition::AppProtocol(AppProtocolTest { protocol, negated, of }))
    }
}

/// `tos` negates by `!`, and takes nothing else but a number.
fn tos(value: Text<'_>) -> Result<number::NumberTest, Fault> {
    number::parse(value.unquote(), U8, &[])
}

fn app_protocol_of(text: Text<'_>) -> Result<AppProtocolOf, Fault> {
    Ok(match text.text {
        "direction" => AppProtocolOf::Direction,
        "to_server" | "toserver" => AppProtocolOf::ToServer,
        "to_client" | "toclient" => AppProtocolOf::ToClient,
        "final" => AppProtocolOf::Final,
        "original" => AppProtocolOf::Original,
        "either" => AppProtocolOf::Either,
        _ => {
            return Err(text
                .fault(format!("{:?} is not a mode of app-layer-protocol", text.text))
                .hint("direction, to_server, to_client, final, original, either"));
        }
    })
}

fn event(source: EventSource, value: Text<'_>) -> Result<Condition, Fault> {
    let value = value.unquote();
    let (protocol, name) = match source {
        EventSource::App => match value.split_once('.') {
            Some((protocol, name)) => (Some(protocol.text.to_ascii_lowercase()), name),
            None => (None, value),
        },
        _ => (None, value),
    };
    if name.is_empty() {
        return Err(value.fault("an event has no name"));
    }
    Ok(Condition::Event { source, protocol, name: name.text.to_ascii_lowercase() })
}

fn reputation(value: Text<'_>) -> Result<Condition, Fault> {
    let parts = value.split(',');
    let [side, category, rest @ ..] = parts.as_slice() else {
        return Err(value.fault("iprep needs a side, a category and a comparison").hint("iprep:src,CnC,>,30"));
    };
    let side = match side.text {
        "any" => ReputationSide::Any,
        "src" => ReputationSide::Source,
        "dst" => ReputationSide::Destination,
        "both" => ReputationSide::Both,
        _ => return Err(side.fault("iprep looks at any, src, dst or both")),
    };
    let (test, set) = match rest {
        [word] if word.text == "isset" => (number::NumberTest::GreaterOrEqual(0), Some(true)),
        [word] if word.text == "isnotset" => (number::NumberTest::GreaterOrEqual(0), Some(false)),
        [sign, number] => {
            let joined = format!("{}{}", sign.text, number.text);
            (number::parse(Text::new(&joined, sign.at), 127, &[])?, None)
        }
        _ => return Err(value.fault("iprep compares by an operator and a value, or by isset or isnotset")),
    };
    Ok(Condition::Reputation { side, category: category.text.to_owned(), test, set })
}
