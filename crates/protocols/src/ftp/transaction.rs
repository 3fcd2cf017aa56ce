//! One FTP command with its reply; the server's greeting is one without a command.

use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

pub(super) const COMPLETE: u8 = 1;

const fn buffer(name: &'static str, to_server: bool, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server, to_client: !to_server, stage: [COMPLETE, COMPLETE], shape }
}

pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("ftp.command", true, Shape::Single),
    buffer("ftp.command_data", true, Shape::Single),
    buffer("ftp.reply", false, Shape::Multi),
    buffer("ftp.completion_code", false, Shape::Multi),
];

pub(super) const FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "ftp.dynamic_port", stage: [COMPLETE, COMPLETE] },
    FieldDecl { name: "ftp.mode", stage: [COMPLETE, COMPLETE] },
    FieldDecl { name: "ftp.reply_received", stage: [COMPLETE, COMPLETE] },
    FieldDecl { name: "ftpbounce", stage: [COMPLETE, COMPLETE] },
];

pub(super) const EVENTS: &[&str] = &["request_command_too_long", "response_command_too_long", "too_many_transactions"];

pub(super) const REQUEST_TOO_LONG: u8 = 0;
pub(super) const RESPONSE_TOO_LONG: u8 = 1;
pub(super) const TOO_MANY: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Active,
    Passive,
}

#[derive(Debug, Default)]
pub(super) struct FtpTransaction {
    /// In capitals; empty for the greeting.
    pub(super) command: Vec<u8>,
    pub(super) data: Option<Vec<u8>>,
    pub(super) command_truncated: bool,
    /// Each line's code, when it has one, and its text.
    pub(super) replies: Vec<(Option<[u8; 3]>, Vec<u8>)>,
    pub(super) reply_truncated: bool,
    pub(super) replied: bool,
    pub(super) mode: Option<Mode>,
    pub(super) port: Option<u16>,
    /// The port that was asked for is another host's.
    pub(super) bounce: bool,
    pub(super) progress: [u8; 2],
    pub(super) events: Vec<u8>,
}

impl FtpTransaction {
    pub(super) fn raise(&mut self, event: u8) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }
}

impl Transaction for FtpTransaction {
    fn progress(&self, direction: Direction) -> u8 {
        self.progress.get(direction.index()).copied().unwrap_or(0)
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        if self.progress(direction) < COMPLETE {
            return None;
        }
        let instance = usize::try_from(instance).ok()?;
        let bytes = match (number, direction) {
            (0, Direction::ToServer) if instance == 0 && !self.command.is_empty() => Some(self.command.as_slice()),
            (1, Direction::ToServer) if instance == 0 => self.data.as_deref(),
            (2, Direction::ToClient) => self.replies.get(instance).map(|reply| reply.1.as_slice()),
            (3, Direction::ToClient) => {
                self.replies.iter().filter_map(|reply| reply.0.as_ref()).nth(instance).map(|code| code.as_slice())
            }
            _ => None,
        };
        bytes.map(BufferView::whole)
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        Some(match (number, instance) {
            (0, 0) => FieldValue::Number(u64::from(self.port?)),
            (1, 0) => FieldValue::Text(mode_name(self.mode?)),
            (2, 0) => FieldValue::Text(if self.replied { "yes" } else { "no" }),
            (3, 0) if self.bounce && direction == Direction::ToServer => FieldValue::Number(1),
            _ => return None,
        })
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE]
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("ftp");
        out.begin_object();
        if !self.command.is_empty() {
            out.member_bytes("command", &self.command);
            if let Some(data) = &self.data {
                out.member_bytes("command_data", data);
            }
            out.member_bool("command_truncated", self.command_truncated);
        }
        if self.replies.iter().any(|reply| reply.0.is_some()) {
            out.key("completion_code");
            out.begin_array();
            self.replies.iter().filter_map(|reply| reply.0.as_ref()).for_each(|code| out.bytes(code));
            out.end_array();
        }
        if !self.replies.is_empty() {
            out.key("reply");
            out.begin_array();
            self.replies.iter().for_each(|reply| out.bytes(&reply.1));
            out.end_array();
        }
        if let Some(port) = self.port {
            out.member_number("dynamic_port", u64::from(port));
        }
        if let Some(mode) = self.mode {
            out.member_str("mode", mode_name(mode));
        }
        out.member_str("reply_received", if self.replied { "yes" } else { "no" });
        out.member_bool("reply_truncated", self.reply_truncated);
        out.end_object();
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Active => "active",
        Mode::Passive => "passive",
    }
}
