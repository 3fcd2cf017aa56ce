//! One call with its reply, or all reads or writes of one file.

use super::{
    names,
    rpc::{self, Credentials},
};
use crate::content::Content;
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

pub(super) const COMPLETE: u8 = 1;

const fn of_file(name: &'static str, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [0, 0], shape }
}

pub(super) const BUFFERS: &[BufferDecl] =
    &[of_file("file.data", Shape::Stream), of_file("file.name", Shape::Multi), of_file("file.magic", Shape::Multi)];

pub(super) const FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "nfs_procedure", stage: [0, 0] },
    FieldDecl { name: "nfs_version", stage: [0, 0] },
    FieldDecl { name: "file.size", stage: [0, 0] },
];

pub(super) const EVENTS: &[&str] =
    &["malformed_data", "non_existing_version", "unsupported_version", "too_many_transactions"];
pub(super) const MALFORMED: u8 = 0;
pub(super) const NO_SUCH_VERSION: u8 = 1;

#[derive(Debug)]
pub(super) struct NfsTransaction {
    pub(super) id: u64,
    pub(super) call: u32,
    pub(super) version: u32,
    pub(super) procedure: u32,
    pub(super) credentials: Credentials,
    pub(super) handle: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) new_name: Option<Vec<u8>>,
    /// What became of the call, and what NFS says.
    pub(super) rpc_status: u32,
    pub(super) status: Option<u32>,
    /// The file whose content this is about.
    pub(super) content: Option<Box<Content>>,
    pub(super) is_write: bool,
    /// COMMIT or CLOSE told that the file is complete.
    pub(super) is_last: bool,
    pub(super) chunks: u64,
    pub(super) progress: [u8; 2],
    pub(super) events: Vec<u8>,
}

impl NfsTransaction {
    fn content(&self, direction: Direction) -> Option<&Content> {
        self.content.as_deref().filter(|content| content.direction == direction)
    }
}

impl Transaction for NfsTransaction {
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
        let content = self.content(direction).filter(|_| instance == 0)?;
        match number {
            0 => content.view(),
            1 => Some(content.name()),
            2 => content.magic(),
            _ => None,
        }
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        match (number, instance) {
            (0, 0) => Some(FieldValue::Number(self.procedure.into())),
            (1, 0) => Some(FieldValue::Number(self.version.into())),
            (2, 0) => self.content(direction).map(Content::size),
            _ => None,
        }
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    /// Attributes are asked for all the time: their calls are not recorded.
    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE] && !(self.version < 4 && self.procedure == 1)
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("rpc");
        out.begin_object();
        out.member_number("xid", self.call.into());
        out.member_str("status", if self.rpc_status == 0 { "ACCEPTED" } else { "DENIED" });
        out.member_str("auth_type", &rpc::flavor_name(self.credentials.flavor));
        if let Some(unix) = &self.credentials.unix {
            out.key("creds");
            out.begin_object();
            out.member_bytes("machine_name", &unix.machine);
            out.member_number("uid", unix.user.into());
            out.member_number("gid", unix.group.into());
            out.end_object();
        }
        out.end_object();
        out.key("nfs");
        out.begin_object();
        out.member_number("version", self.version.into());
        out.member_str("procedure", &names::procedure(self.version, self.procedure));
        out.member_bytes("filename", &self.name);
        if !self.handle.is_empty() {
            let mut crc = flate2::Crc::new();
            crc.update(&self.handle);
            out.member_str("hhash", &format!("{:x}", crc.sum()));
        }
        out.member_number("id", self.id.saturating_add(1));
        out.member_bool("file_tx", self.content.is_some());
        out.member_str("type", "response");
        out.member_str("status", &names::status(self.status.unwrap_or(0)));
        if self.content.is_some() {
            out.key(if self.is_write { "write" } else { "read" });
            out.begin_object();
            // All pieces of a file are one transaction here: it begins with the first one.
            out.member_bool("first", true);
            out.member_bool("last", self.is_last);
            out.member_number("last_xid", self.call.into());
            out.member_number("chunks", self.chunks);
            out.end_object();
        }
        if let Some(to) = &self.new_name {
            out.key("rename");
            out.begin_object();
            out.member_bytes("from", &self.name);
            out.member_bytes("to", to);
            out.end_object();
        }
        out.end_object();
    }
}
