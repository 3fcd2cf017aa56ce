//! What a connection has told of itself: the transaction of RFB.

use super::{AUTHENTICATED, LAST, SERVER_INIT_BYTES, VERSION_BYTES, VNC};
use phitak_model::{
    Direction::{self, ToClient},
    inspect::{BufferView, FieldValue, Transaction},
    json::Writer,
};

#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) versions: [Option<[u8; VERSION_BYTES]>; 2],
    pub(super) security: Option<u32>,
    pub(super) challenge: Vec<u8>,
    pub(super) response: Vec<u8>,
    pub(super) result: Option<u32>,
    pub(super) reason: Option<Vec<u8>>,
    pub(super) shared: Option<bool>,
    pub(super) screen: Option<[u8; SERVER_INIT_BYTES]>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) progress: u8,
    pub(super) events: Vec<u8>,
}

fn version(version: &[u8; VERSION_BYTES], out: &mut Writer) {
    out.begin_object();
    out.member_bytes("major", version.get(4..7).unwrap_or_default());
    out.member_bytes("minor", version.get(8..11).unwrap_or_default());
    out.end_object();
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Transaction for Connection {
    fn progress(&self, _: Direction) -> u8 {
        self.progress
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let shown = number == 0 && instance == 0 && direction == ToClient && self.progress == LAST;
        self.name.as_deref().filter(|_| shown).map(BufferView::whole)
    }

    fn field(&self, number: u8, _: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 || self.progress < AUTHENTICATED {
            return None;
        }
        let value = match number {
            0 => self.security?,
            1 => self.result?,
            _ => return None,
        };
        Some(FieldValue::Number(u64::from(value)))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == LAST
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("rfb");
        out.begin_object();
        let [client, server] = &self.versions;
        for (key, value) in [("server_protocol_version", server), ("client_protocol_version", client)] {
            if let Some(value) = value {
                out.key(key);
                version(value, out);
            }
        }
        if let Some(security) = self.security {
            out.key("authentication");
            out.begin_object();
            out.member_number("security_type", u64::from(security));
            if security == VNC {
                out.key("vnc");
                out.begin_object();
                out.member_str("challenge", &hex(&self.challenge));
                out.member_str("response", &hex(&self.response));
                out.end_object();
            }
            if let Some(result) = self.result {
                let name = match result {
                    0 => "OK".to_owned(),
                    1 => "FAIL".to_owned(),
                    2 => "TOOMANY".to_owned(),
                    other => format!("UNKNOWN ({other})"),
                };
                out.member_str("security_result", &name);
            }
            out.end_object();
        }
        if let Some(reason) = &self.reason {
            out.member_bytes("server_security_failure_reason", reason);
        }
        if let Some(shared) = self.shared {
            out.member_bool("screen_shared", shared);
        }
        if let Some(screen) = &self.screen {
            self.framebuffer(screen, out);
        }
        out.end_object();
    }
}

impl Connection {
    fn framebuffer(&self, screen: &[u8; SERVER_INIT_BYTES], out: &mut Writer) {
        let byte = |at: usize| u64::from(screen.get(at).copied().unwrap_or(0));
        let pair = |at: usize| byte(at) << 8 | byte(at.saturating_add(1));
        out.key("framebuffer");
        out.begin_object();
        out.member_number("width", pair(0));
        out.member_number("height", pair(2));
        if let Some(name) = &self.name {
            out.member_bytes("name", name);
        }
        out.key("pixel_format");
        out.begin_object();
        out.member_number("bits_per_pixel", byte(4));
        out.member_number("depth", byte(5));
        out.member_bool("big_endian", byte(6) != 0);
        out.member_bool("true_color", byte(7) != 0);
        for (name, at) in [("red_max", 8), ("green_max", 10), ("blue_max", 12)] {
            out.member_number(name, pair(at));
        }
        for (name, at) in [("red_shift", 14), ("green_shift", 15), ("blue_shift", 16)] {
            out.member_number(name, byte(at));
        }
        out.end_object();
        out.end_object();
    }
}
