//! An application fragment: function, indications and objects.

use super::{COMPLETE, FROM_MASTER, Link, OBJECTS_MAX};
use crate::bytes::Reader;
use phitak_model::{
    Direction,
    inspect::{BufferView, FieldValue, Transaction},
    json::Writer,
};

const INDICATORS: &[&str] = &[
    "all_stations",
    "class_1_events",
    "class_2_events",
    "class_3_events",
    "need_time",
    "local_control",
    "device_trouble",
    "device_restart",
    "no_func_code_support",
    "object_unknown",
    "parameter_error",
    "event_buffer_overflow",
    "already_executing",
    "config_corrupt",
    "reserved_2",
    "reserved_1",
];

#[derive(Debug)]
struct ObjectHeader {
    group: u8,
    variation: u8,
    qualifier: u8,
    range: Option<(u32, u32)>,
    count: u32,
}

#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) direction: Direction,
    pub(super) control: u8,
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) application_control: u8,
    pub(super) function: u8,
    /// Internal indications of a response, the first byte high.
    pub(super) indications: Option<u16>,
    objects: Vec<ObjectHeader>,
    pub(super) data: Vec<u8>,
    pub(super) events: Vec<u8>,
}

impl Fragment {
    pub(super) fn new(direction: Direction, link: Link) -> Self {
        Self {
            direction,
            control: link.control,
            source: link.source,
            destination: link.destination,
            application_control: 0,
            function: 0,
            indications: None,
            objects: Vec::new(),
            data: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<()> {
        let mut reader = Reader::new(bytes);
        self.application_control = reader.u8()?;
        self.function = reader.u8()?;
        if self.function >= 0x81 {
            self.indications = Some(reader.u16()?);
        }
        self.data = reader.rest().to_vec();
        while !reader.is_empty() && self.objects.len() < OBJECTS_MAX {
            let object = object_header(&mut reader)?;
            let carries_points = self.function != 1 && object.count > 0;
            self.objects.push(object);
            // Points differ in size by group and variation: what stands behind them is not looked for.
            if carries_points {
                break;
            }
        }
        Some(())
    }
}

/// §4.2.2.7: the range is numbers of one, two or four bytes, a count of them, or everything.
fn object_header(reader: &mut Reader<'_>) -> Option<ObjectHeader> {
    let (group, variation, qualifier) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let range = match qualifier & 0xf {
        0 | 3 => Some((u32::from(reader.u8()?), u32::from(reader.u8()?))),
        1 | 4 => Some((u32::from(reader.u16_le()?), u32::from(reader.u16_le()?))),
        2 | 5 => Some((reader.u32_le()?, reader.u32_le()?)),
        _ => None,
    };
    let count = match (range, qualifier & 0xf) {
        (Some((start, stop)), _) => stop.saturating_sub(start).saturating_add(1),
        (None, 7 | 0xb) => u32::from(reader.u8()?),
        (None, 8) => u32::from(reader.u16_le()?),
        (None, 9) => reader.u32_le()?,
        _ => 0,
    };
    Some(ObjectHeader { group, variation, qualifier, range, count })
}

impl Transaction for Fragment {
    fn progress(&self, _: Direction) -> u8 {
        COMPLETE
    }

    fn buffer<'a>(
        &'a self,
        number: u8,
        direction: Direction,
        instance: u32,
        _: &'a mut Vec<u8>,
    ) -> Option<BufferView<'a>> {
        let shown = number == 0 && instance == 0 && direction == self.direction && !self.data.is_empty();
        shown.then(|| BufferView::whole(&self.data))
    }

    fn field(&self, number: u8, direction: Direction, instance: u32) -> Option<FieldValue<'_>> {
        if direction != self.direction || (number < 2 && instance > 0) {
            return None;
        }
        let value = match number {
            0 => u64::from(self.function),
            1 => u64::from(self.indications?),
            2 => {
                let object = self.objects.get(usize::try_from(instance).ok()?)?;
                u64::from(object.group) << 8 | u64::from(object.variation)
            }
            _ => return None,
        };
        Some(FieldValue::Number(value))
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn loggable(&self) -> bool {
        true
    }

    fn write_eve(&self, out: &mut Writer) {
        let bit = |byte: u8, bit: u8| byte & bit != 0;
        out.key("dnp3");
        out.begin_object();
        let kind = match (self.direction, self.function) {
            (Direction::ToServer, _) => "request",
            (_, 0x82) => "unsolicited_response",
            _ => "response",
        };
        out.member_str("type", kind);
        out.key("control");
        out.begin_object();
        out.member_bool("dir", bit(self.control, FROM_MASTER));
        out.member_bool("pri", bit(self.control, 0x40));
        out.member_bool("fcb", bit(self.control, 0x20));
        out.member_bool("fcv", bit(self.control, 0x10));
        out.member_number("function_code", u64::from(self.control & 0xf));
        out.end_object();
        out.member_number("src", u64::from(self.source));
        out.member_number("dst", u64::from(self.destination));
        out.key("application");
        out.begin_object();
        out.key("control");
        out.begin_object();
        out.member_bool("fir", bit(self.application_control, 0x80));
        out.member_bool("fin", bit(self.application_control, 0x40));
        out.member_bool("con", bit(self.application_control, 0x20));
        out.member_bool("uns", bit(self.application_control, 0x10));
        out.member_number("sequence", u64::from(self.application_control & 0xf));
        out.end_object();
        out.member_number("function_code", u64::from(self.function));
        out.key("objects");
        out.begin_array();
        for object in &self.objects {
            out.begin_object();
            out.member_number("group", u64::from(object.group));
            out.member_number("variation", u64::from(object.variation));
            out.member_number("qualifier", u64::from(object.qualifier));
            out.member_number("prefix_code", u64::from(object.qualifier >> 4 & 7));
            out.member_number("range_code", u64::from(object.qualifier & 0xf));
            if let Some((start, stop)) = object.range {
                out.member_number("start", u64::from(start));
                out.member_number("stop", u64::from(stop));
            }
            out.member_number("count", u64::from(object.count));
            out.end_object();
        }
        out.end_array();
        out.member_bool("complete", self.events.is_empty());
        out.end_object();
        if let Some(indications) = self.indications {
            out.key("iin");
            out.begin_object();
            out.key("indicators");
            out.begin_array();
            let [first, second] = indications.to_be_bytes();
            let set = u16::from(second) << 8 | u16::from(first);
            for (at, name) in INDICATORS.iter().enumerate().filter(|(at, _)| set >> at & 1 != 0) {
                let _ = at;
                out.string(name);
            }
            out.end_array();
            out.end_object();
        }
        out.end_object();
    }
}
