//! One call: its request and response, put together from their fragments.

use super::{
    binding::{Binding, Interface},
    pdu::{self, Header, Numbers, Uuid},
};
use phitak_model::{Direction, json::Writer};

/// Bytes of arguments kept of each direction.
const STUB_BYTES_MAX: usize = 64 * 1024;

/// What a call travels over. What EVE tells of it differs, and what counts as a response's arguments: over a connection
/// the eight bytes before them do, as Suricata shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Connection,
    Datagrams,
    Pipe,
}

/// Arguments of one direction.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) kind: Option<u8>,
    pub(crate) fragments: u64,
    pub(crate) stub: Vec<u8>,
    /// Of all of it.
    stub_bytes: u64,
    pub(crate) little: bool,
    pub(crate) is_complete: bool,
}

impl Half {
    fn push(&mut self, stub: &[u8]) {
        self.fragments = self.fragments.saturating_add(1);
        self.stub_bytes = self.stub_bytes.saturating_add(stub.len() as u64);
        let room = STUB_BYTES_MAX.saturating_sub(self.stub.len()).min(stub.len());
        self.stub.extend_from_slice(stub.get(..room).unwrap_or_default());
    }
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: u32,
    minor: u8,
    over: Over,
    /// A datagram's activity and sequence number.
    pub(crate) activity: Option<(Uuid, u32)>,
    pub(crate) operation: u16,
    /// What a request is addressed to.
    pub(crate) interface: Option<Interface>,
    /// What a BIND or ALTER_CONTEXT asks for.
    asked: Vec<Interface>,
    pub(crate) request: Half,
    pub(crate) response: Half,
}

impl Call {
    pub(crate) fn new(id: u32, minor: u8, over: Over) -> Self {
        Self {
            id,
            minor,
            over,
            activity: None,
            operation: 0,
            interface: None,
            asked: Vec::new(),
            request: Half::default(),
            response: Half::default(),
        }
    }

    pub(crate) fn is_request(&self) -> bool {
        self.request.kind == Some(pdu::REQUEST)
    }

    pub(crate) fn half(&self, direction: Direction) -> &Half {
        match direction {
            Direction::ToServer => &self.request,
            Direction::ToClient => &self.response,
        }
    }

    /// A message of the client's, whole, header included. `false` when its inside could not be read.
    pub(crate) fn ask(&mut self, header: &Header, message: &[u8], binding: &mut Binding) -> bool {
        let body = message.get(pdu::HEADER_BYTES..).unwrap_or_default();
        self.request.kind = Some(header.kind);
        self.request.little = header.little;
        self.request.is_complete = header.is_last() || header.kind != pdu::REQUEST;
        match header.kind {
            pdu::BIND | pdu::ALTER_CONTEXT => {
                let read = binding.ask(header.call, body, header.little).is_some();
                self.asked = binding.asked_by(header.call);
                read
            }
            pdu::REQUEST => {
                let mut numbers = Numbers::new(body, header.little);
                let parts = (numbers.u32(), numbers.u16(), numbers.u16());
                let (Some(_), Some(context), Some(operation)) = parts else { return false };
                // An object's UUID, where there is one, counts as the first of the arguments, as Suricata shows them.
                self.operation = operation;
                self.interface = binding.of_context(context).cloned();
                self.request.push(numbers.rest());
                true
            }
            _ => true,
        }
    }

    /// A message of the server's.
    pub(crate) fn answer(&mut self, header: &Header, message: &[u8], binding: &mut Binding) -> bool {
        let body = message.get(pdu::HEADER_BYTES..).unwrap_or_default();
        self.response.kind = Some(header.kind);
        self.response.little = header.little;
        self.response.is_complete = header.is_last() || header.kind != pdu::RESPONSE;
        match header.kind {
            pdu::BIND_ACK | pdu::ALTER_CONTEXT_RESPONSE => {
                let read = binding.answer(header.call, body, header.little).is_some();
                self.asked = binding.asked_by(header.call);
                read
            }
            pdu::RESPONSE => {
                let read = body.get(8..);
                let stub = if self.over == Over::Pipe { read.unwrap_or_default() } else { body };
                self.response.push(stub);
                read.is_some()
            }
            _ => true,
        }
    }

    /// One datagram's arguments.
    pub(crate) fn datagram(&mut self, direction: Direction, datagram: &pdu::Datagram, stub: &[u8]) {
        let half = match direction {
            Direction::ToServer => &mut self.request,
            Direction::ToClient => &mut self.response,
        };
        half.kind = Some(datagram.kind);
        half.little = datagram.little;
        half.push(stub);
        half.is_complete |= datagram.is_last;
        if direction == Direction::ToServer {
            self.operation = datagram.operation;
            self.interface = Some(Interface {
                context: 0,
                uuid: datagram.interface,
                version: (u16::try_from(datagram.version & 0xffff).unwrap_or(0), 0),
                call: datagram.sequence,
                answer: Some((0, 0)),
            });
        }
    }

    /// The members of EVE's `dcerpc` object when it stands alone.
    pub(super) fn write_eve(&self, out: &mut Writer) {
        self.write_request(out);
        self.write_response(out);
        match &self.activity {
            Some((activity, sequence)) => {
                out.member_str("activityuuid", &activity.to_string());
                out.member_number("seqnum", u64::from(*sequence));
                out.member_str("rpc_version", "4.0");
            }
            None => {
                out.member_number("call_id", u64::from(self.id));
                out.member_str("rpc_version", &format!("5.{}", self.minor));
            }
        }
    }

    /// The members of the `dcerpc` object inside `smb`.
    pub(crate) fn write_eve_in_smb(&self, out: &mut Writer) {
        self.write_request(out);
        self.write_response(out);
        out.member_number("call_id", u64::from(self.id));
    }

    fn write_request(&self, out: &mut Writer) {
        let in_smb = self.over == Over::Pipe;
        let Some(kind) = self.request.kind.filter(|_| self.request.is_complete) else {
            out.member_str("request", "REQUEST_LOST");
            return;
        };
        out.member_str("request", &pdu::kind_name(kind));
        if kind == pdu::REQUEST {
            if in_smb {
                out.member_number("opnum", u64::from(self.operation));
            }
            out.key("req");
            out.begin_object();
            if !in_smb {
                out.member_number("opnum", u64::from(self.operation));
            }
            out.member_number("frag_cnt", self.request.fragments);
            out.member_number("stub_data_size", self.request.stub_bytes);
            out.end_object();
        }
        // Datagrams name their interface themselves, and EVE does not.
        let bound: &[Interface] = match kind {
            pdu::BIND | pdu::ALTER_CONTEXT => &self.asked,
            _ if self.over != Over::Datagrams => self.interface.as_slice(),
            _ => &[],
        };
        if bound.is_empty() {
            return;
        }
        out.key("interfaces");
        out.begin_array();
        for interface in bound {
            out.begin_object();
            out.member_str("uuid", &interface.uuid.to_string());
            out.member_str("version", &format!("{}.{}", interface.version.0, interface.version.1));
            if let Some((result, reason)) = interface.answer {
                out.member_number("ack_result", u64::from(result));
                if in_smb {
                    out.member_number("ack_reason", u64::from(reason));
                }
            }
            out.end_object();
        }
        out.end_array();
    }

    fn write_response(&self, out: &mut Writer) {
        let Some(kind) = self.response.kind.filter(|_| self.response.is_complete) else {
            out.member_str("response", "UNREPLIED");
            return;
        };
        out.member_str("response", &pdu::kind_name(kind));
        if kind == pdu::RESPONSE {
            out.key("res");
            out.begin_object();
            out.member_number("frag_cnt", self.response.fragments);
            out.member_number("stub_data_size", self.response.stub_bytes);
            out.end_object();
        }
    }
}
