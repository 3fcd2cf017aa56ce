//! One SMB command with its answer.

use super::names;
use crate::{content::Content, dcerpc::call::Call, krb5::message::Message};
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

pub(super) const COMPLETE: u8 = 1;

const fn buffer(name: &'static str) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: false, stage: [0, 0], shape: Shape::Single }
}

const fn of_file(name: &'static str, shape: Shape) -> BufferDecl {
    BufferDecl { name, to_server: true, to_client: true, stage: [0, 0], shape }
}

pub(super) static BUFFERS: &[BufferDecl] = &[
    buffer("smb.share"),
    buffer("smb.named_pipe"),
    buffer("smb.ntlmssp_user"),
    buffer("smb.ntlmssp_domain"),
    of_file("file.data", Shape::Stream),
    of_file("file.name", Shape::Multi),
    of_file("file.magic", Shape::Multi),
    BufferDecl {
        name: "dcerpc.stub_data",
        to_server: true,
        to_client: true,
        stage: [COMPLETE, COMPLETE],
        shape: Shape::Single,
    },
];

pub(super) static FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "smb.version", stage: [0, 0] },
    FieldDecl { name: "file.size", stage: [0, 0] },
    FieldDecl { name: "dcerpc.iface", stage: [COMPLETE, COMPLETE] },
    FieldDecl { name: "dcerpc.opnum", stage: [COMPLETE, COMPLETE] },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Smb1(u8),
    Smb2(u16),
}

/// Names that an NTLMSSP message of type 3 carries ([MS-NLMP] §2.2.1.3).
#[derive(Debug, Default)]
pub(super) struct Ntlmssp {
    pub(super) domain: String,
    pub(super) user: String,
    pub(super) host: String,
    pub(super) version: Option<String>,
}

#[derive(Debug)]
pub(super) struct SmbTransaction {
    pub(super) id: u64,
    pub(super) command: Command,
    pub(super) message: u64,
    pub(super) session: u64,
    pub(super) tree: u32,
    /// What was agreed on when the command was sent or answered.
    pub(super) dialect: String,
    pub(super) status: Option<u32>,
    pub(super) client_dialects: Vec<String>,
    pub(super) share: Option<String>,
    pub(super) is_pipe: bool,
    pub(super) share_type: Option<&'static str>,
    pub(super) file: Option<String>,
    pub(super) disposition: Option<&'static str>,
    pub(super) access: Option<&'static str>,
    pub(super) fuid: Option<String>,
    pub(super) ntlmssp: Option<Ntlmssp>,
    /// The ticket of a Kerberos log-in.
    pub(super) kerberos: Option<Box<Message>>,
    /// Old and new name.
    pub(super) rename: Option<(String, String)>,
    /// A file's times in seconds since 1970 (created, accessed, modified, changed), and its size.
    pub(super) times: Option<([u64; 4], u64)>,
    /// What an IOCTL asks for.
    pub(super) function: Option<String>,
    /// The remote procedure call that went through a pipe, and the interface as rules compare it.
    pub(super) rpc: Option<Box<Call>>,
    pub(super) interface: Option<String>,
    /// The content that this transaction is about.
    pub(super) transfer: Option<Box<Content>>,
    pub(super) progress: [u8; 2],
    pub(super) events: Vec<u8>,
}

impl SmbTransaction {
    pub(super) fn new(id: u64, command: Command, dialect: &str) -> Self {
        Self {
            id,
            command,
            message: 0,
            session: 0,
            tree: 0,
            dialect: dialect.to_owned(),
            status: None,
            client_dialects: Vec::new(),
            share: None,
            is_pipe: false,
            share_type: None,
            file: None,
            disposition: None,
            access: None,
            fuid: None,
            ntlmssp: None,
            kerberos: None,
            rename: None,
            times: None,
            function: None,
            rpc: None,
            interface: None,
            transfer: None,
            progress: [COMPLETE, 0],
            events: Vec::new(),
        }
    }
}

impl Transaction for SmbTransaction {
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
        if instance > 0 {
            return None;
        }
        let transfer = self.transfer.as_deref().filter(|transfer| transfer.direction == direction);
        match number {
            4 => return transfer?.view(),
            5 => return Some(transfer?.name()),
            6 => return transfer?.magic(),
            7 => {
                let stub = &self.rpc.as_deref()?.half(direction).stub;
                return (self.progress(direction) >= COMPLETE && !stub.is_empty()).then(|| BufferView::whole(stub));
            }
            _ if direction == Direction::ToClient => return None,
            _ => {}
        }
        let ntlmssp = self.ntlmssp.as_ref();
        let text = match number {
            0 => self.share.as_deref().filter(|_| !self.is_pipe),
            1 => self.share.as_deref().filter(|_| self.is_pipe),
            2 => ntlmssp.map(|names| names.user.as_str()),
            3 => ntlmssp.map(|names| names.domain.as_str()),
            _ => None,
        };
        text.map(|text| BufferView::whole(text.as_bytes()))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if (number, instance) == (1, 0) {
            let transfer = self.transfer.as_deref().filter(|transfer| transfer.direction == direction)?;
            return Some(transfer.size());
        }
        if matches!(number, 2 | 3) && instance == 0 {
            let call = self.rpc.as_deref().filter(|call| call.is_request() && self.progress(direction) >= COMPLETE)?;
            return match number {
                2 => self.interface.as_deref().map(FieldValue::Text),
                _ => Some(FieldValue::Number(u64::from(call.operation))),
            };
        }
        let version = match self.command {
            Command::Smb1(_) => 1,
            Command::Smb2(_) => 2,
        };
        ((number, instance) == (0, 0)).then_some(FieldValue::Number(version))
    }

    fn little_endian(&self, direction: Direction) -> Option<bool> {
        self.rpc.as_deref().map(|call| call.half(direction).little)
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE]
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("smb");
        out.begin_object();
        out.member_number("id", self.id.saturating_add(1));
        out.member_str("dialect", &self.dialect);
        match self.command {
            Command::Smb1(command) => out.member_str("command", &names::smb1(command)),
            Command::Smb2(command) => out.member_str("command", &names::smb2(command)),
        }
        if let Some(status) = self.status {
            if let Some(name) = names::status(status) {
                out.member_str("status", name);
            }
            out.member_str("status_code", &format!("0x{status:x}"));
        }
        out.member_number("session_id", self.session);
        out.member_number("tree_id", u64::from(self.tree));
        if !self.client_dialects.is_empty() {
            out.key("client_dialects");
            out.begin_array();
            self.client_dialects.iter().for_each(|dialect| out.string(dialect));
            out.end_array();
        }
        self.write_file(out);
        if let Some(function) = &self.function {
            out.member_str("function", function);
        }
        if let Some(call) = self.rpc.as_deref() {
            out.key("dcerpc");
            out.begin_object();
            call.write_eve_in_smb(out);
            out.end_object();
        }
        self.write_login(out);
        out.end_object();
    }
}

impl SmbTransaction {
    /// The file, the share, and what was done with them.
    fn write_file(&self, out: &mut Writer) {
        if let Some(file) = &self.file {
            out.member_str("filename", file);
        }
        if let Some(disposition) = self.disposition {
            out.member_str("disposition", disposition);
        }
        if let Some(access) = self.access {
            out.member_str("access", access);
        }
        if let Some((times, size)) = self.times {
            for (name, time) in ["created", "accessed", "modified", "changed"].iter().zip(times) {
                out.member_number(name, time);
            }
            out.member_number("size", size);
        }
        if let Some(fuid) = &self.fuid {
            out.member_str("fuid", fuid);
        }
        if let Some(share) = &self.share {
            out.member_str(if self.is_pipe { "named_pipe" } else { "share" }, share);
        }
        if let Some(kind) = self.share_type {
            out.member_str("share_type", kind);
        }
        if let Some((from, to)) = &self.rename {
            out.key("rename");
            out.begin_object();
            out.member_str("from", from);
            out.member_str("to", to);
            out.end_object();
        }
    }

    /// Who logs in.
    fn write_login(&self, out: &mut Writer) {
        if let Some(names) = &self.ntlmssp {
            out.key("ntlmssp");
            out.begin_object();
            out.member_str("domain", &names.domain);
            out.member_str("user", &names.user);
            out.member_str("host", &names.host);
            if let Some(version) = &names.version {
                out.member_str("version", version);
            }
            out.end_object();
        }
        if let Some(ticket) = &self.kerberos {
            out.key("kerberos");
            out.begin_object();
            if let Some(realm) = &ticket.realm {
                out.member_bytes("realm", realm);
            }
            out.key("snames");
            out.begin_array();
            ticket.service.iter().for_each(|part| out.bytes(part));
            out.end_array();
            out.end_object();
        }
    }
}
