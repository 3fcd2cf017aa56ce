//! A request with its responses, and what rules may look at in them.

use super::{
    names,
    operation::{
        ABANDON_REQUEST, INTERMEDIATE_RESPONSE, Operation, SEARCH_RESULT_ENTRY, SEARCH_RESULT_REFERENCE,
        UNBIND_REQUEST, Value,
    },
};
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

/// Responses to one request that are kept, and their bytes; those beyond are counted.
const RESPONSES_MAX: usize = 256;
const RESPONSE_BYTES_MAX: usize = 64 * 1024;
const COMPLETE: u8 = 1;

const fn buffer(name: &'static str, to_server: bool, shape: Shape) -> BufferDecl {
    // Responses are looked at as they come.
    BufferDecl { name, to_server, to_client: !to_server, stage: [COMPLETE, 0], shape }
}

pub(super) const BUFFERS: &[BufferDecl] = &[
    buffer("ldap.request.dn", true, Shape::Single),
    buffer("ldap.request.attribute_type", true, Shape::Multi),
    buffer("ldap.responses.dn", false, Shape::Multi),
    buffer("ldap.responses.message", false, Shape::Multi),
    buffer("ldap.responses.attribute_type", false, Shape::Multi),
];

pub(super) const FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "ldap.request.operation", stage: [COMPLETE, COMPLETE] },
    FieldDecl { name: "ldap.responses.operation", stage: [COMPLETE, 0] },
    FieldDecl { name: "ldap.responses.result_code", stage: [COMPLETE, 0] },
    FieldDecl { name: "ldap.responses.count", stage: [COMPLETE, 0] },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    TooManyTransactions,
    InvalidData,
    RequestNotFound,
    IncompleteData,
}

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: u64,
    pub(super) request: Option<Operation>,
    responses: Vec<Operation>,
    response_bytes: usize,
    response_count: u64,
    progress: [u8; 2],
    events: Vec<u8>,
}

impl Exchange {
    pub(super) fn new(id: u64) -> Self {
        Self {
            id,
            request: None,
            responses: Vec::new(),
            response_bytes: 0,
            response_count: 0,
            progress: [0, 0],
            events: Vec::new(),
        }
    }

    pub(super) fn raise(&mut self, event: Event) {
        if !self.events.contains(&(event as u8)) {
            self.events.push(event as u8);
        }
    }

    pub(super) fn ask(&mut self, operation: Operation) {
        let needs_no_answer = matches!(operation.code, UNBIND_REQUEST | ABANDON_REQUEST);
        self.request = Some(operation);
        self.progress[0] = COMPLETE;
        if needs_no_answer {
            self.progress[1] = COMPLETE;
        }
    }

    pub(super) fn answer(&mut self, operation: Operation) {
        let is_last = !matches!(operation.code, SEARCH_RESULT_ENTRY | SEARCH_RESULT_REFERENCE | INTERMEDIATE_RESPONSE);
        self.response_count = self.response_count.saturating_add(1);
        self.response_bytes = self.response_bytes.saturating_add(operation.size);
        let fits = self.responses.len() < RESPONSES_MAX && self.response_bytes <= RESPONSE_BYTES_MAX;
        // The last one tells how it went.
        if fits || is_last {
            self.responses.push(operation);
        }
        if is_last {
            self.progress[1] = COMPLETE;
        }
    }

    pub(super) fn finish(&mut self, direction: Direction) {
        if let Some(progress) = self.progress.get_mut(direction.index()) {
            *progress = COMPLETE;
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.progress[1] == COMPLETE
    }
}

fn operation(operation: &Operation, out: &mut Writer) {
    let name = names::operation(operation.code);
    out.member_str("operation", name);
    if !operation.members.is_empty() {
        out.key(name);
        out.begin_object();
        for (key, value) in &operation.members {
            out.key(key);
            Value::write(value, out);
        }
        out.end_object();
    }
}

impl Transaction for Exchange {
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
        let decl = BUFFERS.get(usize::from(number))?;
        let offered = if direction == Direction::ToServer { decl.to_server } else { decl.to_client };
        let instance = usize::try_from(instance).ok()?;
        if !offered || self.progress(direction) < *decl.stage.get(direction.index())? {
            return None;
        }
        let bytes = match number {
            0 => self.request.as_ref()?.dn.as_ref().filter(|_| instance == 0),
            1 => self.request.as_ref()?.attributes.get(instance),
            2 => self.responses.iter().filter_map(|response| response.dn.as_ref()).nth(instance),
            3 => self.responses.iter().filter_map(|response| response.message.as_ref()).nth(instance),
            4 => self.responses.iter().flat_map(|response| &response.attributes).nth(instance),
            _ => None,
        };
        bytes.map(|bytes| BufferView::whole(bytes))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        let instance = usize::try_from(instance).ok()?;
        let value = match (number, direction) {
            (0, Direction::ToServer) if instance == 0 => u64::from(self.request.as_ref()?.code),
            (1, Direction::ToClient) => u64::from(self.responses.get(instance)?.code),
            (2, Direction::ToClient) => self.responses.iter().filter_map(|response| response.result).nth(instance)?,
            (3, Direction::ToClient) if instance == 0 && self.response_count > 0 => self.response_count,
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE] && (self.request.is_some() || !self.responses.is_empty())
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("ldap");
        out.begin_object();
        if let Some(request) = &self.request {
            out.key("request");
            out.begin_object();
            out.member_number("message_id", self.id);
            operation(request, out);
            out.end_object();
        }
        if !self.responses.is_empty() {
            out.key("responses");
            out.begin_array();
            for response in &self.responses {
                out.begin_object();
                if self.request.is_none() {
                    out.member_number("message_id", self.id);
                }
                operation(response, out);
                out.end_object();
            }
            out.end_array();
        }
        out.end_object();
    }
}
