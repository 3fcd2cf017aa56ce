//! A Telnet log-in to a device (RFC 854, options of RFC 857, 858, 1091): every key is a packet, and all of it is readable.

use crate::{
    hospital::{Host, Role},
    scene::Scene,
    wire::{Side, Tcp},
};

const SERVER_OPTIONS: &[u8] = b"\xff\xfd\x18\xff\xfb\x01\xff\xfb\x03\xff\xfd\x1f";
const CLIENT_OPTIONS: &[u8] = b"\xff\xfb\x18\xff\xfd\x01\xff\xfd\x03\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0";
const ASK_TERMINAL: &[u8] = b"\xff\xfa\x18\x01\xff\xf0";
const TELL_TERMINAL: &[u8] = b"\xff\xfa\x18\x00XTERM\xff\xf0";

/// Somebody logs in, looks, and leaves.
pub fn visit(scene: &mut Scene<'_>, at: i64, client: &Host, host: &Host) {
    let mut dice = scene.dice.fork();
    let mut tcp = scene.connect(at, client.end(), host.end(), 23);
    tcp.think().server(SERVER_OPTIONS).client(CLIENT_OPTIONS).server(ASK_TERMINAL).client(TELL_TERMINAL);
    let (ask_name, prompt, commands): (String, String, [&str; 2]) = if host.role == Role::Switch {
        (
            "\r\nUser Access Verification\r\n\r\nUsername: ".into(),
            format!("{}#", host.name),
            ["show vlan brief", "show interfaces status"],
        )
    } else {
        (format!("\r\n{} login: ", host.name), format!("[admin@{} ~]$ ", host.name), ["df -h", "uptime"])
    };
    let mut key = |tcp: &mut Tcp, text: &str, echo: Echo| {
        for letter in text.bytes() {
            tcp.wait(dice.between(70_000, 220_000)).client(&[letter]);
            if echo == Echo::On {
                tcp.server(&[letter]);
            }
        }
        tcp.wait(90_000).client(b"\r\n");
    };
    tcp.server(ask_name.as_bytes());
    key(&mut tcp, "admin", Echo::On);
    tcp.server(b"\r\nPassword: ");
    key(&mut tcp, "Inven7ed", Echo::Off);
    tcp.wait(120_000).server(format!("\r\n\r\n{prompt}").as_bytes());
    for command in commands {
        key(&mut tcp, command, Echo::On);
        tcp.server(format!("\r\n{}{prompt}", listing(command)).as_bytes());
    }
    key(&mut tcp, "exit", Echo::On);
    tcp.server(b"\r\n");
    scene.keep(tcp.close(Side::Server));
}

#[derive(PartialEq, Eq)]
enum Echo {
    On,
    Off,
}

fn listing(command: &str) -> String {
    let mut out = String::new();
    for line in 1..12 {
        out.push_str(&match command {
            "show vlan brief" => {
                format!("{:<5}VLAN{:04}                         active    Gi0/{line}\r\n", line * 10, line * 10)
            }
            "df -h" => format!("/dev/sda{line}       1.8T  {}00G  900G  55% /rec/{line}\r\n", line % 9),
            _ => format!("Gi0/{line:<9} port {line:<14} connected    10         a-full a-1000\r\n"),
        });
    }
    out
}
