//! One call before rules and records.

use super::call::Call;
use phitak_model::{
    Direction,
    inspect::{BufferDecl, BufferView, FieldDecl, FieldValue, Shape, Transaction},
    json::Writer,
};

pub(super) const COMPLETE: u8 = 1;

pub(super) const BUFFERS: &[BufferDecl] = &[BufferDecl {
    name: "dcerpc.stub_data",
    to_server: true,
    to_client: true,
    stage: [COMPLETE, COMPLETE],
    shape: Shape::Single,
}];

pub(super) const FIELDS: &[FieldDecl] = &[
    FieldDecl { name: "dcerpc.iface", stage: [COMPLETE, COMPLETE] },
    FieldDecl { name: "dcerpc.opnum", stage: [COMPLETE, COMPLETE] },
];

pub(super) const EVENTS: &[&str] = &["malformed_data", "too_many_calls"];
pub(super) const MALFORMED: u8 = 0;
pub(super) const TOO_MANY: u8 = 1;

#[derive(Debug)]
pub(super) struct RpcTransaction {
    pub(super) call: Call,
    /// The interface that the call is addressed to, as rules compare it.
    pub(super) interface: Option<String>,
    pub(super) progress: [u8; 2],
    pub(super) events: Vec<u8>,
}

impl RpcTransaction {
    pub(super) fn new(call: Call) -> Self {
        Self { call, interface: None, progress: [0, 0], events: Vec::new() }
    }

    pub(super) fn raise(&mut self, event: u8) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// What the call has come to since it was told of a message.
    pub(super) fn settle(&mut self) {
        self.interface =
            self.call.interface.as_ref().filter(|i| i.answer.is_none() || i.is_accepted()).map(|i| i.text());
        for (slot, half) in self.progress.iter_mut().zip([&self.call.request, &self.call.response]) {
            *slot = (*slot).max(if half.is_complete { COMPLETE } else { 0 });
        }
    }
}

impl Transaction for RpcTransaction {
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
        if (number, instance) != (0, 0) || self.progress(direction) < COMPLETE {
            return None;
        }
        let half = self.call.half(direction);
        (!half.stub.is_empty()).then(|| BufferView::whole(&half.stub))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if instance > 0 || self.progress(direction) < COMPLETE || !self.call.is_request() {
            return None;
        }
        match number {
            0 => self.interface.as_deref().map(FieldValue::Text),
            1 => Some(FieldValue::Number(u64::from(self.call.operation))),
            _ => None,
        }
    }

    fn little_endian(&self, direction: Direction) -> Option<bool> {
        Some(self.call.half(direction).little)
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        self.progress == [COMPLETE, COMPLETE]
    }

    fn write_eve(&self, out: &mut Writer) {
        out.key("dcerpc");
        out.begin_object();
        self.call.write_eve(out);
        out.end_object();
    }
}
