//! Frames of every kind: what is read out of them, and that damage never panics.

mod wire;

use phitak_model::Timestamp;
use phitak_packet::{Checksum, DECODER_EVENTS, Decoder, DecoderSettings, Frame, Layer4, LinkType, Packet};
use wire::{Dice, TcpParts, ethernet, ipv4, ipv6, tcp, udp};

fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    Frame { number: 1, at: Timestamp::from_secs(1), link, wire_length: bytes.len() as u32, bytes }
}

/// One line for each packet of a frame, innermost first.
fn tell(decoder: &mut Decoder, link: LinkType, bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    decoder.decode(&frame(link, bytes), &mut |packet| lines.push(line(packet)));
    lines
}

fn line(packet: &Packet<'_>) -> String {
    let kind = match &packet.layer4 {
        Layer4::Tcp(tcp) => format!("tcp {}>{} flags {:02x}", tcp.src_port, tcp.dst_port, tcp.flags),
        Layer4::Udp(udp) => format!("udp {}>{}", udp.src_port, udp.dst_port),
        Layer4::Icmp(icmp) => format!("icmp {}/{}", icmp.kind, icmp.code),
        Layer4::Sctp { src_port, dst_port, .. } => format!("sctp {src_port}>{dst_port}"),
        Layer4::Other => "other".to_owned(),
    };
    let version = packet.ip.as_ref().map_or("no ip", |ip| if ip.src.is_ipv4() { "v4" } else { "v6" });
    let events: Vec<&str> = packet.events.as_slice().iter().map(|n| DECODER_EVENTS[usize::from(*n)]).collect();
    format!(
        "{} | {version} | {kind} | vlan {:?} | {} bytes | {}{}",
        packet.source.as_str(),
        packet.vlans(),
        packet.payload.len(),
        if packet.invalid { "invalid " } else { "" },
        events.join(" ")
    )
}

fn check(link: LinkType, bytes: &[u8], wanted: &[&str]) {
    assert_eq!(tell(&mut Decoder::new(DecoderSettings::default()), link, bytes), wanted);
}

fn hello() -> Vec<u8> {
    ipv4(17, 0, 7, &udp(1234, 53, b"hello"))
}

#[test]
fn links_lead_to_the_same_packet() {
    let plain = "wire/pcap | v4 | udp 1234>53 | vlan [] | 5 bytes | ";
    check(LinkType::Ethernet, &ethernet(0x0800, &hello()), &[plain]);
    check(LinkType::Raw, &hello(), &[plain]);
    check(LinkType::Null, &[&[2, 0, 0, 0], &hello()[..]].concat(), &[plain]);
    check(LinkType::Loop, &[&[0, 0, 0, 2], &hello()[..]].concat(), &[plain]);
    check(LinkType::Ppp, &[&[0xff, 3, 0, 0x21], &hello()[..]].concat(), &[plain]);
    check(LinkType::CiscoHdlc, &[&[0xf, 0, 8, 0], &hello()[..]].concat(), &[plain]);
    check(LinkType::LinuxSll, &[&[0; 14][..], &[8, 0], &hello()].concat(), &[plain]);
    check(LinkType::LinuxSll2, &[&[8, 0][..], &[0; 18], &hello()].concat(), &[plain]);
}

#[test]
fn tags_labels_and_sessions_are_looked_through() {
    let tagged = [&[0, 5, 0x81, 0, 0x20, 6, 8, 0], &hello()[..]].concat();
    check(LinkType::Ethernet, &ethernet(0x88a8, &tagged), &["wire/pcap | v4 | udp 1234>53 | vlan [5, 6] | 5 bytes | "]);
    let labelled = [&[0, 1, 0, 64, 0, 2, 1, 64], &hello()[..]].concat();
    check(LinkType::Ethernet, &ethernet(0x8847, &labelled), &["wire/pcap | v4 | udp 1234>53 | vlan [] | 5 bytes | "]);
    let session = [&[0x11, 0, 0, 1, 0, 35, 0, 0x21], &hello()[..]].concat();
    check(LinkType::Ethernet, &ethernet(0x8864, &session), &["wire/pcap | v4 | udp 1234>53 | vlan [] | 5 bytes | "]);
}

#[test]
fn tunnels_give_the_inner_packet_before_the_outer_one() {
    let gre = ipv4(47, 0, 1, &[&[0, 0, 8, 0], &hello()[..]].concat());
    check(
        LinkType::Raw,
        &gre,
        &["gre tunnel | v4 | udp 1234>53 | vlan [] | 5 bytes | ", "wire/pcap | v4 | other | vlan [] | 33 bytes | "],
    );
    let inner = ethernet(0x0800, &hello());
    let vxlan = ipv4(17, 0, 1, &udp(5000, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &inner[..]].concat()));
    check(
        LinkType::Raw,
        &vxlan,
        &[
            "vxlan encapsulation | v4 | udp 1234>53 | vlan [] | 5 bytes | ",
            "wire/pcap | v4 | udp 5000>4789 | vlan [] | 55 bytes | ",
        ],
    );
    let six_in_four = ipv4(41, 0, 1, &ipv6(17, &udp(1234, 53, b"hello")));
    check(
        LinkType::Raw,
        &six_in_four,
        &["ipv4 tunnel | v6 | udp 1234>53 | vlan [] | 5 bytes | ", "wire/pcap | v4 | other | vlan [] | 53 bytes | "],
    );
}

#[test]
fn tunnels_over_udp_are_told_by_their_ports_and_their_own_headers() {
    let settings = DecoderSettings { gtp_enabled: true, ..DecoderSettings::default() };
    let check = |link, bytes: &[u8], wanted: &[&str]| {
        assert_eq!(tell(&mut Decoder::new(settings.clone()), link, bytes), wanted);
    };
    let inner = "| v4 | udp 1234>53 | vlan [] | 5 bytes | ";
    let carried = |port: u16, head: &[u8]| ipv4(17, 0, 1, &udp(5000, port, &[head, &hello()[..]].concat()));
    let outer = |port: u16, bytes: usize| format!("wire/pcap | v4 | udp 5000>{port} | vlan [] | {bytes} bytes | ");
    let length = hello().len() as u8;
    // GRE with a key; GTP alone, with a sequence number, and with one extension header more.
    for (port, head, name) in [
        (4754, vec![0x20, 0, 8, 0, 0, 0, 0, 9], "gre tunnel"),
        (2152, vec![0x30, 0xff, 0, length, 0, 0, 0, 1], "gtp tunnel"),
        (2152, vec![0x32, 0xff, 0, length + 4, 0, 0, 0, 1, 0, 5, 0, 0], "gtp tunnel"),
        (2152, vec![0x34, 0xff, 0, length + 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 1, 0], "gtp tunnel"),
    ] {
        let bytes = head.len() + hello().len();
        check(LinkType::Raw, &carried(port, &head), &[&format!("{name} {inner}"), &outer(port, bytes)]);
    }
    // Another port, a control message, a header that ends nowhere, no IP behind it.
    for (port, head) in [
        (4755, vec![0x20, 0, 8, 0, 0, 0, 0, 9]),
        (2152, vec![0x30, 1, 0, length, 0, 0, 0, 1]),
        (2152, vec![0x34, 0xff, 0, length + 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0x10, 1, 0]),
        (2152, vec![0x30, 0xff, 0, length + 1, 0, 0, 0, 1, 0xff]),
    ] {
        check(LinkType::Raw, &carried(port, &head), &[&outer(port, head.len() + hello().len())]);
    }
}

#[test]
fn fragments_make_one_datagram_in_any_order() {
    let body = udp(1234, 53, &[7; 100]);
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for (at, piece) in body.chunks(24).enumerate() {
        let more = if (at + 1) * 24 < body.len() { 0x2000 } else { 0 };
        parts.push(ipv4(17, more | (at * 3) as u16, 9, piece));
    }
    let mut dice = Dice(1);
    for _ in 0..50 {
        dice.shuffle(&mut parts);
        let mut decoder = Decoder::new(DecoderSettings::default());
        let lines: Vec<String> = parts.iter().flat_map(|part| tell(&mut decoder, LinkType::Raw, part)).collect();
        assert_eq!(lines.len(), parts.len() + 1);
        let whole = lines.iter().filter(|line| line.starts_with("defrag | v4 | udp 1234>53 | vlan [] | 100 bytes | "));
        assert_eq!(whole.count(), 1, "{lines:#?}");
    }
}

#[test]
fn fragments_of_ipv6_lose_their_fragment_header() {
    let body = udp(1234, 53, &[7; 40]);
    let first = [&[17, 0, 0, 1, 0, 0, 0, 5], &body[..24]].concat();
    let last = [&[17, 0, 0, 24, 0, 0, 0, 5], &body[24..]].concat();
    let mut decoder = Decoder::new(DecoderSettings::default());
    assert_eq!(tell(&mut decoder, LinkType::Raw, &ipv6(44, &first)).len(), 1);
    let lines = tell(&mut decoder, LinkType::Raw, &ipv6(44, &last));
    assert_eq!(lines[0], "defrag | v6 | udp 1234>53 | vlan [] | 40 bytes | ");
}

#[test]
fn malformed_headers_are_named() {
    let short = &hello()[..30];
    check(LinkType::Raw, short, &["wire/pcap | no ip | other | vlan [] | 30 bytes | invalid ipv4.trunc_pkt"]);
    let doubled = [2, 4, 5, 0xb4, 2, 4, 5, 0xb4];
    let segment = tcp(&TcpParts { src: 4000, dst: 80, seq: 1, ack: 0, flags: 2, options: &doubled, payload: &[] });
    check(
        LinkType::Raw,
        &ipv4(6, 0, 1, &segment),
        &["wire/pcap | v4 | tcp 4000>80 flags 02 | vlan [] | 0 bytes | tcp.opt_duplicate"],
    );
    let cut_options = [2, 9, 0, 0];
    let segment = tcp(&TcpParts { src: 4000, dst: 80, seq: 1, ack: 0, flags: 2, options: &cut_options, payload: &[] });
    check(
        LinkType::Raw,
        &ipv4(6, 0, 1, &segment),
        &["wire/pcap | v4 | tcp 4000>80 flags 02 | vlan [] | 0 bytes | tcp.opt_invalid_len"],
    );
    check(
        LinkType::Ethernet,
        &[1, 2, 3],
        &["wire/pcap | no ip | other | vlan [] | 0 bytes | invalid ethernet.pkt_too_small"],
    );
}

#[test]
fn checksums_are_judged_and_zero_means_none_for_udp_over_ipv4() {
    let mut decoder = Decoder::new(DecoderSettings::default());
    let mut judge = |bytes: &[u8]| {
        let mut found = None;
        decoder.decode(&frame(LinkType::Raw, bytes), &mut |packet| found = Some(packet.checksums));
        let checksums = found.expect("a packet");
        (checksums.ip_bad, checksums.layer4)
    };
    assert_eq!(judge(&hello()), (false, Checksum::Unknown));
    let good =
        ipv4(6, 0, 1, &tcp(&TcpParts { src: 4000, dst: 80, seq: 1, ack: 0, flags: 2, options: &[], payload: b"x" }));
    assert_eq!(judge(&good), (false, Checksum::Right));
    let mut bad = good.clone();
    bad[11] ^= 1;
    assert_eq!(judge(&bad), (true, Checksum::Right));
    let mut bad = good.clone();
    *bad.last_mut().expect("bytes") ^= 1;
    assert_eq!(judge(&bad), (false, Checksum::Wrong));
    // What a sender leaves to its network card is the sum over the pseudo header: here with the segment's length of 21.
    let mut unfinished = good.clone();
    let pseudo = phitak_packet::checksum::pseudo_header(wire::SERVER.into(), wire::CLIENT.into(), 6, 21);
    unfinished[36..38].copy_from_slice(&pseudo.to_be_bytes());
    assert_eq!(judge(&unfinished), (false, Checksum::LeftToHardware));
}

#[test]
fn truncated_and_mutated_frames_never_panic() {
    let inner = ethernet(0x0800, &hello());
    let samples: Vec<(LinkType, Vec<u8>)> = vec![
        (LinkType::Ethernet, ethernet(0x8100, &[&[0, 5, 0x86, 0xdd], &ipv6(6, &[0; 20])[..]].concat())),
        (LinkType::Ethernet, ethernet(0x8847, &[&[0, 1, 1, 64], &hello()[..]].concat())),
        (LinkType::Raw, ipv4(17, 0, 1, &udp(5000, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &inner[..]].concat()))),
        (LinkType::Raw, ipv4(17, 0, 1, &udp(5000, 6081, &[&[0, 0, 0x65, 0x58, 0, 0, 1, 0], &inner[..]].concat()))),
        (LinkType::Raw, ipv4(17, 0, 1, &udp(3544, 3544, &ipv6(17, &udp(1, 2, b"x"))))),
        (
            LinkType::Raw,
            ipv4(47, 0, 1, &[&[0x30, 0, 0x88, 0xbe, 0, 0, 0, 1, 0, 0, 0, 2][..], &[0x10; 8], &inner].concat()),
        ),
        (
            LinkType::Raw,
            ipv6(0, &[60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 5, 2, 0, 0, 1, 0, 44, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 1]),
        ),
        (LinkType::Raw, ipv4(1, 0, 1, &[&[3, 4, 0, 0, 0, 0, 5, 0], &hello()[..]].concat())),
        (LinkType::Ppp, [&[0xff, 3, 0, 0x21], &hello()[..]].concat()),
    ];
    let mut dice = Dice(2);
    let mut decoder = Decoder::new(DecoderSettings::default());
    for (link, sample) in &samples {
        for cut in 0..=sample.len() {
            decoder.decode(&frame(*link, &sample[..cut]), &mut |_| {});
        }
        for _ in 0..20_000 {
            let mut garbled = sample.clone();
            for _ in 0..=dice.below(5) {
                let at = dice.below(garbled.len());
                garbled[at] = dice.next() as u8;
            }
            decoder.decode(&frame(*link, &garbled), &mut |packet| {
                let _ = (packet.ip_checksum_good(), packet.layer4_checksum_good(), line(packet));
            });
        }
    }
}
