//! One message of Modbus: unit, function, and what it reads or writes.

use super::EXCEPTION;
use crate::bytes::Reader;
use phitak_model::{Direction, json::Writer};

/// One message, taken apart.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) transaction: u16,
    pub(super) protocol: u16,
    pub(super) unit: u8,
    pub(super) function: u8,
    pub(super) exception: Option<u8>,
    pub(super) sub_function: Option<u16>,
    pub(super) address: Option<u16>,
    pub(super) quantity: Option<u16>,
    /// Of a single write.
    pub(super) value: Option<u16>,
    pub(super) data: Vec<u8>,
    pub(super) is_whole: bool,
}

fn function_name(function: u8) -> &'static str {
    match function & !EXCEPTION {
        1 => "RdCoils",
        2 => "RdDiscreteInputs",
        3 => "RdHoldRegs",
        4 => "RdInputRegs",
        5 => "WrSingleCoil",
        6 => "WrSingleReg",
        7 => "RdExcStatus",
        8 => "Diagnostic",
        11 => "GetCmtEventCtr",
        12 => "GetCmtEventLog",
        15 => "WrMultCoils",
        16 => "WrMultRegs",
        17 => "ReportServerID",
        20 => "RdFileRec",
        21 => "WrFileRec",
        22 => "MaskWrReg",
        23 => "RdWrMultRegs",
        24 => "RdFIFOQueue",
        43 => "MEI",
        _ => "Unknown",
    }
}

fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "ILLEGAL_FUNCTION",
        2 => "ILLEGAL_DATA_ADDR",
        3 => "ILLEGAL_DATA_VALUE",
        4 => "SERVER_DEVICE_FAIL",
        5 => "ACK",
        6 => "SERVER_DEVICE_BUSY",
        7 => "NEGATIVE_ACK",
        8 => "MEM_PARITY_ERROR",
        10 => "GATEWAY_UNAVAILABLE",
        11 => "GATEWAY_TARGET_NO_RESPONSE",
        _ => "UNKNOWN",
    }
}

impl Message {
    pub(super) fn parse(bytes: &[u8], direction: Direction) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut message = Self { transaction: reader.u16()?, protocol: reader.u16()?, ..Self::default() };
        reader.u16()?;
        message.unit = reader.u8()?;
        message.function = reader.u8()?;
        message.is_whole = message.body(reader, direction).is_some();
        Some(message)
    }

    fn body(&mut self, mut reader: Reader<'_>, direction: Direction) -> Option<()> {
        if self.function & EXCEPTION != 0 {
            self.exception = Some(reader.u8()?);
            return Some(());
        }
        match (self.function, direction) {
            (1..=4, Direction::ToServer) => {
                self.address = Some(reader.u16()?);
                self.quantity = Some(reader.u16()?);
            }
            (1..=4 | 23, Direction::ToClient) => {
                let count = usize::from(reader.u8()?);
                self.data = reader.take(count)?.to_vec();
            }
            (5 | 6, _) => {
                self.address = Some(reader.u16()?);
                self.value = Some(reader.u16()?);
            }
            (8, _) => {
                self.sub_function = Some(reader.u16()?);
                self.data = reader.rest().to_vec();
            }
            (15 | 16, _) => {
                self.address = Some(reader.u16()?);
                self.quantity = Some(reader.u16()?);
                if direction == Direction::ToServer {
                    let count = usize::from(reader.u8()?);
                    self.data = reader.take(count)?.to_vec();
                }
            }
            (22, _) => {
                self.address = Some(reader.u16()?);
                reader.u32()?;
            }
            (23, Direction::ToServer) => {
                self.address = Some(reader.u16()?);
                self.quantity = Some(reader.u16()?);
            }
            _ => self.data = reader.rest().to_vec(),
        }
        Some(())
    }

    /// A quantity or value that the function does not allow (§6).
    pub(super) fn is_allowed(&self) -> bool {
        let within = |most: u16| self.quantity.is_none_or(|quantity| (1..=most).contains(&quantity));
        match self.function {
            1 | 2 => within(2000),
            3 | 4 => within(125),
            5 => self.value.is_none_or(|value| matches!(value, 0 | 0xff00)),
            15 => within(1968),
            16 => within(123),
            _ => true,
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.member_number("transaction_id", u64::from(self.transaction));
        out.member_number("protocol_id", u64::from(self.protocol));
        out.member_number("unit_id", u64::from(self.unit));
        out.member_number("function_raw", u64::from(self.function));
        out.member_str("function_code", function_name(self.function));
        let access = match self.function {
            1..=4 | 20 | 24 => Some("read"),
            5 | 6 | 15 | 16 | 21 | 22 => Some("write"),
            23 => Some("read write"),
            _ => None,
        };
        if let Some(access) = access {
            out.member_str("access_type", access);
        }
        if let Some(exception) = self.exception {
            out.key("exception");
            out.begin_object();
            out.member_number("raw", u64::from(exception));
            out.member_str("code", exception_name(exception));
            out.end_object();
        }
        if let Some(sub_function) = self.sub_function {
            out.key("diagnostic");
            out.begin_object();
            out.member_number("raw", u64::from(sub_function));
            out.end_object();
        }
        let key = if matches!(self.function, 5 | 6 | 15 | 16 | 21 | 22) { "write" } else { "read" };
        let numbers = [("address", self.address), ("quantity", self.quantity), ("data", self.value)];
        if numbers.iter().any(|(_, value)| value.is_some()) {
            out.key(key);
            out.begin_object();
            for (name, value) in numbers {
                if let Some(value) = value {
                    out.member_number(name, u64::from(value));
                }
            }
            out.end_object();
        }
    }
}
