//! One message of MQTT, taken apart.

use super::{
    AUTH, CONNACK, CONNECT, DISCONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE, TOPICS_MAX,
    UNSUBACK, UNSUBSCRIBE,
};
use crate::bytes::Reader;
use phitak_model::{Direction, json::Writer};

#[derive(Debug, Default)]
pub(super) struct Connect {
    pub(super) protocol: Vec<u8>,
    pub(super) version: u8,
    pub(super) flags: u8,
    pub(super) client: Vec<u8>,
    pub(super) will_topic: Option<Vec<u8>>,
    pub(super) will_message: Option<Vec<u8>>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Option<Vec<u8>>,
}

/// One message with its fixed header.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) direction: Option<Direction>,
    pub(super) first: u8,
    pub(super) id: Option<u16>,
    pub(super) connect: Option<Box<Connect>>,
    pub(super) session_present: Option<bool>,
    pub(super) code: Option<u8>,
    pub(super) topic: Vec<u8>,
    pub(super) payload: Vec<u8>,
    /// With the quality that is wanted.
    pub(super) topics: Vec<(Vec<u8>, u8)>,
    pub(super) granted: Vec<u8>,
    pub(super) is_whole: bool,
}

impl Message {
    pub(super) fn kind(&self) -> u8 {
        self.first >> 4
    }

    pub(super) fn quality(&self) -> u8 {
        self.first >> 1 & 3
    }

    pub(super) fn parse(direction: Direction, first: u8, body: &[u8], version: u8) -> Self {
        let mut message = Self { direction: Some(direction), first, ..Self::default() };
        message.is_whole = message.read(Reader::new(body), version).is_some();
        message
    }

    fn read(&mut self, mut reader: Reader<'_>, version: u8) -> Option<()> {
        match self.kind() {
            CONNECT => self.connect(reader)?,
            CONNACK => {
                self.session_present = Some(reader.u8()? & 1 != 0);
                self.code = Some(reader.u8()?);
            }
            PUBLISH => {
                self.topic = text(&mut reader)?;
                if self.quality() > 0 {
                    self.id = Some(reader.u16()?);
                }
                properties(&mut reader, version)?;
                self.payload = reader.rest().to_vec();
            }
            PUBACK | PUBREC | PUBREL | PUBCOMP => {
                self.id = Some(reader.u16()?);
                self.code = reader.u8();
            }
            SUBSCRIBE | UNSUBSCRIBE => {
                self.id = Some(reader.u16()?);
                properties(&mut reader, version)?;
                while !reader.is_empty() && self.topics.len() < TOPICS_MAX {
                    let topic = text(&mut reader)?;
                    let quality = if self.kind() == SUBSCRIBE { reader.u8()? & 3 } else { 0 };
                    self.topics.push((topic, quality));
                }
            }
            SUBACK | UNSUBACK => {
                self.id = Some(reader.u16()?);
                properties(&mut reader, version)?;
                self.granted = reader.rest().iter().copied().take(TOPICS_MAX).collect();
            }
            DISCONNECT | AUTH => self.code = reader.u8(),
            _ => {}
        }
        Some(())
    }

    fn connect(&mut self, mut reader: Reader<'_>) -> Option<()> {
        let connect = self.connect.insert(Box::default());
        connect.protocol = text(&mut reader)?;
        connect.version = reader.u8()?;
        connect.flags = reader.u8()?;
        reader.u16()?;
        properties(&mut reader, connect.version)?;
        connect.client = text(&mut reader)?;
        if connect.flags & 0x04 != 0 {
            properties(&mut reader, connect.version)?;
            connect.will_topic = Some(text(&mut reader)?);
            connect.will_message = Some(text(&mut reader)?);
        }
        if connect.flags & 0x80 != 0 {
            connect.user = Some(text(&mut reader)?);
        }
        if connect.flags & 0x40 != 0 {
            connect.password = Some(text(&mut reader)?);
        }
        Some(())
    }

    pub(super) fn write(&self, out: &mut Writer) {
        const NAMES: [&str; 16] = [
            "unassigned",
            "connect",
            "connack",
            "publish",
            "puback",
            "pubrec",
            "pubrel",
            "pubcomp",
            "subscribe",
            "suback",
            "unsubscribe",
            "unsuback",
            "pingreq",
            "pingresp",
            "disconnect",
            "auth",
        ];
        out.key(NAMES.get(usize::from(self.kind())).copied().unwrap_or("unassigned"));
        out.begin_object();
        out.member_number("qos", u64::from(self.quality()));
        out.member_bool("retain", self.first & 1 != 0);
        out.member_bool("dup", self.first & 8 != 0);
        if let Some(connect) = &self.connect {
            connect.write(out);
        }
        if let Some(present) = self.session_present {
            out.member_bool("session_present", present);
        }
        if self.kind() == PUBLISH {
            out.member_bytes("topic", &self.topic);
        }
        if let Some(id) = self.id {
            out.member_number("message_id", u64::from(id));
        }
        if self.kind() == PUBLISH {
            out.member_bytes("message", &self.payload);
        }
        if let Some(code) = self.code {
            out.member_number(if self.kind() == CONNACK { "return_code" } else { "reason_code" }, u64::from(code));
        }
        if !self.topics.is_empty() {
            out.key("topics");
            out.begin_array();
            for (topic, quality) in &self.topics {
                if self.kind() == UNSUBSCRIBE {
                    out.bytes(topic);
                    continue;
                }
                out.begin_object();
                out.member_bytes("topic", topic);
                out.member_number("qos", u64::from(*quality));
                out.end_object();
            }
            out.end_array();
        }
        if !self.granted.is_empty() {
            out.key(if self.kind() == SUBACK { "qos_granted" } else { "reason_codes" });
            out.begin_array();
            self.granted.iter().for_each(|granted| out.number(u64::from(*granted)));
            out.end_array();
        }
        out.end_object();
    }
}

impl Connect {
    pub(super) fn write(&self, out: &mut Writer) {
        out.member_bytes("protocol_string", &self.protocol);
        out.member_number("protocol_version", u64::from(self.version));
        out.key("flags");
        out.begin_object();
        for (name, bit) in
            [("username", 0x80), ("password", 0x40), ("will_retain", 0x20), ("will", 0x04), ("clean_session", 0x02)]
        {
            out.member_bool(name, self.flags & bit != 0);
        }
        out.end_object();
        out.member_bytes("client_id", &self.client);
        // The password stays untold.
        if let Some(user) = &self.user {
            out.member_bytes("username", user);
        }
        if let (Some(topic), Some(message)) = (&self.will_topic, &self.will_message) {
            out.key("will");
            out.begin_object();
            out.member_bytes("topic", topic);
            out.member_bytes("message", message);
            out.end_object();
        }
    }
}

/// A text or bytes with a length of two bytes.
fn text(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let length = usize::from(reader.u16()?);
    reader.take(length).map(<[u8]>::to_vec)
}

/// Version 5 puts properties there; they go by.
fn properties(reader: &mut Reader<'_>, version: u8) -> Option<()> {
    if version < 5 {
        return Some(());
    }
    let mut length: usize = 0;
    for shift in [0, 7, 14, 21] {
        let byte = reader.u8()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    reader.take(length).map(|_| ())
}
