//! Keywords about the packet's own headers: IP, TCP, ICMP, VLAN, checksums.

use crate::{
    condition::{BitsMode, ChecksumLayer, Condition, FragmentBits, IpOption, TcpFlags, VlanLayer},
    number,
    text::{Fault, Text, nearest},
};

/// Names of IP protocols (IANA) that rules use.
pub(crate) const IP_PROTOCOLS: number::Names = &[
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("eigrp", 88),
    ("esp", 50),
    ("ggp", 3),
    ("gre", 47),
    ("hip", 139),
    ("icmp", 1),
    ("icmp6", 58),
    ("icmpv6", 58),
    ("igmp", 2),
    ("ip", 0),
    ("ipip", 4),
    ("ipv4", 4),
    ("ipv6", 41),
    ("ipv6-frag", 44),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("isis", 124),
    ("l2tp", 115),
    ("mobility", 135),
    ("mtp", 92),
    ("ospf", 89),
    ("pim", 103),
    ("pup", 12),
    ("rdp", 27),
    ("rsvp", 46),
    ("sctp", 132),
    ("tcp", 6),
    ("udp", 17),
    ("udplite", 136),
    ("vrrp", 112),
    ("xns-idp", 22),
];

pub(crate) fn ip_option(text: Text<'_>) -> Result<IpOption, Fault> {
    let kinds: [(&str, u8); 11] = [
        ("cipso", 134),
        ("eol", 0),
        ("esec", 133),
        ("lsrr", 131),
        ("nop", 1),
        ("rr", 7),
        ("rtralt", 148),
        ("satid", 136),
        ("sec", 130),
        ("ssrr", 137),
        ("ts", 68),
    ];
    if text.is("any") {
        return Ok(IpOption::Any);
    }
    let found = kinds.iter().find(|(name, _)| text.is(name));
    found.map(|(_, kind)| IpOption::Kind(*kind)).ok_or_else(|| {
        let fault = text.fault(format!("{:?} is not an IP option", text.text));
        match nearest(text.text, kinds.iter().map(|(name, _)| *name)) {
            Some(near) => fault.hint(format!("did you mean {near}?")),
            None => fault,
        }
    })
}

fn mode_and_rest(text: Text<'_>) -> (BitsMode, Text<'_>) {
    for (sign, mode) in
        [("+", BitsMode::AtLeast), ("*", BitsMode::AnyOf), ("!", BitsMode::NoneOf), ("-", BitsMode::Exactly)]
    {
        if let Some(rest) = text.strip_prefix(sign) {
            return (mode, rest.trim());
        }
    }
    // The sign may stand behind the letters as well.
    for (sign, mode) in [("+", BitsMode::AtLeast), ("*", BitsMode::AnyOf)] {
        if let Some(rest) = text.strip_suffix(sign) {
            return (mode, rest.trim());
        }
    }
    (BitsMode::Exactly, text)
}

pub(crate) fn fragment_bits(text: Text<'_>) -> Result<FragmentBits, Fault> {
    let (mode, letters) = mode_and_rest(text.trim());
    let mut bits = 0;
    for (index, letter) in letters.text.char_indices() {
        bits |= match letter {
            'M' | 'm' => 1,
            'D' | 'd' => 2,
            'R' | 'r' => 4,
            _ => return Err(letters.from(index).fault(format!("{letter:?} is not a fragment bit")).hint("M, D, R")),
        };
    }
    if bits == 0 {
        return Err(letters.fault("no fragment bit is named"));
    }
    Ok(FragmentBits { mode, bits })
}

fn flag_letters(text: Text<'_>) -> Result<u8, Fault> {
    let mut flags = 0u8;
    for (index, letter) in text.text.char_indices() {
        flags |= match letter.to_ascii_uppercase() {
            'F' => 1,
            'S' => 2,
            'R' => 4,
            'P' => 8,
            'A' => 16,
            'U' => 32,
            'E' | '2' => 64,
            'C' | '1' => 128,
            '0' => 0,
            _ => {
                return Err(text
                    .from(index)
                    .fault(format!("{letter:?} is not a TCP flag"))
                    .hint("F S R P A U E C, 0 for none"));
            }
        };
    }
    Ok(flags)
}

pub(crate) fn tcp_flags(text: Text<'_>) -> Result<TcpFlags, Fault> {
    let (asked, ignored) = match text.split_once(',') {
        Some((asked, ignored)) => (asked.trim(), flag_letters(ignored.trim())?),
        None => (text.trim(), 0),
    };
    if asked.is_empty() {
        return Err(asked.fault("no TCP flag is named"));
    }
    let (mode, letters) = mode_and_rest(asked);
    let flags = flag_letters(letters)?;
    Ok(TcpFlags { mode, flags, ignored })
}

pub(crate) fn vlan_id(text: Text<'_>) -> Result<Condition, Fault> {
    let (test, layer) = match text.split_once(',') {
        None => (text, VlanLayer::Any),
        Some((test, layer)) => {
            let layer = layer.trim();
            let layer = match layer.text {
                "any" => VlanLayer::Any,
                "all" => VlanLayer::All,
                _ => {
                    let number: i8 = layer.signed()?;
                    if !(-3..=2).contains(&number) {
                        return Err(layer.fault("a layer of VLAN tags is any, all, or -3 to 2"));
                    }
                    VlanLayer::At(number)
                }
            };
            (test, layer)
        }
    };
    Ok(Condition::VlanId { test: number::parse(test, 4095, &[])?, layer })
}

pub(crate) fn checksum(layer: ChecksumLayer, text: Text<'_>) -> Result<Condition, Fault> {
    match text.unquote().text.to_ascii_lowercase().as_str() {
        "valid" => Ok(Condition::Checksum { layer, valid: true }),
        "invalid" => Ok(Condition::Checksum { layer, valid: false }),
        _ => Err(text.fault("a checksum is valid or invalid")),
    }
}

pub(crate) fn rpc(text: Text<'_>) -> Result<Condition, Fault> {
    let parts = text.split(',');
    let [program, rest @ ..] = parts.as_slice() else { return Err(text.fault("rpc needs a program number")) };
    let number = |part: Option<&Text<'_>>| match part {
        None => Ok(None),
        Some(p) if p.text == "*" => Ok(None),
        Some(p) => p.number::<u32>().map(Some),
    };
    if rest.len() > 2 {
        return Err(text.fault("rpc takes a program, a version and a procedure"));
    }
    Ok(Condition::Rpc { program: program.number()?, version: number(rest.first())?, procedure: number(rest.get(1))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_modes_and_a_mask() {
        let read = |text: &str| tcp_flags(Text::new(text, 0));
        assert_eq!(read("S,12"), Ok(TcpFlags { mode: BitsMode::Exactly, flags: 2, ignored: 192 }));
        assert_eq!(read("+SA"), Ok(TcpFlags { mode: BitsMode::AtLeast, flags: 18, ignored: 0 }));
        assert_eq!(read("0"), Ok(TcpFlags { mode: BitsMode::Exactly, flags: 0, ignored: 0 }));
        assert_eq!(read("SX").expect_err("letter").at, 1);
    }

    #[test]
    fn options_and_bits_are_named() {
        assert_eq!(ip_option(Text::new("lsrr", 0)), Ok(IpOption::Kind(131)));
        assert!(ip_option(Text::new("lsr", 0)).is_err());
        assert_eq!(fragment_bits(Text::new("!DF", 0)).expect_err("letter").at, 2);
        assert_eq!(
            vlan_id(Text::new("400,-1", 0)),
            Ok(Condition::VlanId { test: number::NumberTest::Equal(400), layer: VlanLayer::At(-1) })
        );
    }
}
