//! Interfaces that a client asks for, and what the server says of each (C706 §12.6.4.3, §12.6.4.4).

use super::pdu::{Numbers, Uuid};

/// Interfaces of one connection or pipe.
const INTERFACES_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) context: u16,
    pub(crate) uuid: Uuid,
    pub(crate) version: (u16, u16),
    /// The message that asked for it.
    pub(crate) call: u32,
    /// Result and reason.
    pub(crate) answer: Option<(u16, u16)>,
}

impl Interface {
    pub(crate) fn is_accepted(&self) -> bool {
        self.answer.is_some_and(|(result, _)| result == 0)
    }

    /// Its UUID, and behind a slash its major version.
    pub(crate) fn text(&self) -> String {
        format!("{}/{}", self.uuid, self.version.0)
    }
}

/// The interfaces of one connection or pipe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binding {
    interfaces: Vec<Interface>,
}

impl Binding {
    /// A BIND or ALTER_CONTEXT. `body` follows the header.
    pub(crate) fn ask(&mut self, call: u32, body: &[u8], little: bool) -> Option<()> {
        let mut numbers = Numbers::new(body, little);
        numbers.take(8)?;
        let count = numbers.u8()?;
        numbers.take(3)?;
        for _ in 0..count {
            let context = numbers.u16()?;
            let syntaxes = numbers.u8()?;
            numbers.u8()?;
            let uuid = numbers.uuid()?;
            let version = (numbers.u16()?, numbers.u16()?);
            numbers.take(usize::from(syntaxes).saturating_mul(20))?;
            if self.interfaces.len() >= INTERFACES_MAX {
                self.interfaces.remove(0);
            }
            self.interfaces.push(Interface { context, uuid, version, call, answer: None });
        }
        Some(())
    }

    /// The answer to the last of them with this call.
    pub(crate) fn answer(&mut self, call: u32, body: &[u8], little: bool) -> Option<()> {
        let mut numbers = Numbers::new(body, little);
        numbers.take(8)?;
        let address = numbers.u16()?;
        // The list begins at a multiple of four from the message's start.
        let padding = (4 - (usize::from(address).wrapping_add(2) & 3)) & 3;
        numbers.take(usize::from(address).saturating_add(padding))?;
        let count = numbers.u8()?;
        numbers.take(3)?;
        for interface in self.interfaces.iter_mut().filter(|i| i.call == call && i.answer.is_none()).take(count.into())
        {
            let (result, reason) = (numbers.u16()?, numbers.u16()?);
            numbers.take(20)?;
            interface.answer = Some((result, reason));
        }
        Some(())
    }

    /// What one message asked for.
    pub(crate) fn asked_by(&self, call: u32) -> Vec<Interface> {
        self.interfaces.iter().filter(|interface| interface.call == call).cloned().collect()
    }

    /// What a request's context stands for: the last that was bound to it, whether or not an answer was seen.
    pub(crate) fn of_context(&self, context: u16) -> Option<&Interface> {
        self.interfaces.iter().rev().find(|interface| interface.context == context)
    }
}
