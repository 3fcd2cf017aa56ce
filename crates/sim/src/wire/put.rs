//! Numbers into bytes, in the order that a protocol wants.

/// Appends to a message under construction.
pub trait Put {
    fn u8(&mut self, value: u8) -> &mut Self;
    fn raw(&mut self, bytes: &[u8]) -> &mut Self;

    fn be16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    fn be32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    fn be64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    fn le16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    fn le32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    fn le64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
    /// The low 24 bits, big end first.
    fn be24(&mut self, value: usize) -> &mut Self {
        self.raw(&(value as u32).to_be_bytes()[1..])
    }
    /// The low 24 bits, little end first.
    fn le24(&mut self, value: usize) -> &mut Self {
        self.raw(&(value as u32).to_le_bytes()[..3])
    }
    fn zeros(&mut self, count: usize) -> &mut Self {
        self.raw(&vec![0; count])
    }
    /// UTF-16, little end first, as Windows protocols want.
    fn utf16(&mut self, text: &str) -> &mut Self {
        for unit in text.encode_utf16() {
            self.le16(unit);
        }
        self
    }
    /// A part with its length before it in two bytes, big end first.
    fn part16(&mut self, part: &[u8]) -> &mut Self {
        self.be16(part.len() as u16).raw(part)
    }
}

impl Put for Vec<u8> {
    fn u8(&mut self, value: u8) -> &mut Self {
        self.push(value);
        self
    }
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.extend_from_slice(bytes);
        self
    }
}
