//! Frames over any split of the stream: DATA goes by as it comes, all else is gathered.
//!
//! Source: RFC 9113 §4.1 and §6.

pub(super) const HEADER_BYTES: usize = 9;
/// Most bytes of a frame that is gathered; of a longer one the rest goes by.
pub(super) const FRAME_BYTES_MAX: usize = 64 * 1024;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const FLAG_END_STREAM: u8 = 0x01;
pub(super) const FLAG_END_HEADERS: u8 = 0x04;
pub(super) const FLAG_PADDED: u8 = 0x08;
pub(super) const FLAG_PRIORITY: u8 = 0x20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    /// As it came.
    pub(super) bytes: [u8; HEADER_BYTES],
}

impl Header {
    fn new(bytes: [u8; HEADER_BYTES]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes;
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
            bytes,
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A frame begins. Of DATA the content follows; all other frames follow as a whole.
    Begins(Header),
    Whole(Header, Vec<u8>),
    /// Content of DATA without padding; the second is true with the last piece.
    Data(Header, &'a [u8], bool),
}

/// One direction's frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: Vec<u8>,
    current: Header,
    inside: bool,
    /// Bytes of the frame still to come.
    left: u32,
    /// Padding of DATA: `None` until its length was read.
    padding: Option<u32>,
    gathered: Vec<u8>,
}

impl Frames {
    /// The next part; `data` is moved past what was used. `None` when more bytes are needed.
    pub(super) fn next<'a>(&mut self, data: &mut &'a [u8]) -> Option<Part<'a>> {
        if !self.inside {
            let missing = HEADER_BYTES.saturating_sub(self.header.len()).min(data.len());
            self.header.extend_from_slice(take(data, missing));
            let bytes = <[u8; HEADER_BYTES]>::try_from(self.header.as_slice()).ok()?;
            self.header.clear();
            self.current = Header::new(bytes);
            self.inside = true;
            self.left = self.current.length;
            let is_padded = self.current.kind == DATA && self.current.has(FLAG_PADDED);
            self.padding = if is_padded && self.left > 0 { None } else { Some(0) };
            return Some(Part::Begins(self.current));
        }
        if self.current.kind == DATA { self.data(data) } else { self.gather(data) }
    }

    fn data<'a>(&mut self, data: &mut &'a [u8]) -> Option<Part<'a>> {
        let padding = match self.padding {
            Some(padding) => padding,
            None => {
                let length = u32::from(*take(data, 1).first()?);
                self.left = self.left.saturating_sub(1);
                let padding = length.min(self.left);
                self.padding = Some(padding);
                padding
            }
        };
        let content = self.left.saturating_sub(padding);
        let here = usize::try_from(content).unwrap_or(usize::MAX).min(data.len());
        let piece = take(data, here);
        self.left = self.left.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX));
        if self.left > padding {
            return (!piece.is_empty()).then_some(Part::Data(self.current, piece, false));
        }
        if self.left == 0 {
            self.inside = false;
            return Some(Part::Data(self.current, piece, true));
        }
        // Only padding is left.
        let passed = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
        take(data, passed);
        self.left = self.left.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
        self.padding = Some(self.left);
        self.inside = self.left > 0;
        (!self.inside || !piece.is_empty()).then_some(Part::Data(self.current, piece, !self.inside))
    }

    fn gather<'a>(&mut self, data: &mut &'a [u8]) -> Option<Part<'a>> {
        let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
        let piece = take(data, here);
        self.left = self.left.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX));
        let room = FRAME_BYTES_MAX.saturating_sub(self.gathered.len()).min(piece.len());
        self.gathered.extend_from_slice(piece.get(..room).unwrap_or_default());
        if self.left > 0 {
            return None;
        }
        self.inside = false;
        Some(Part::Whole(self.current, std::mem::take(&mut self.gathered)))
    }

    /// Missing bytes: `Some` with the header when all of them are content of DATA.
    pub(super) fn gap(&mut self, length: u64) -> Option<Header> {
        let content = u64::from(self.left).checked_sub(u64::from(self.padding?))?;
        if !self.inside || self.current.kind != DATA || length > content {
            return None;
        }
        self.left = u32::try_from(u64::from(self.left).checked_sub(length)?).ok()?;
        Some(self.current)
    }
}

fn take<'a>(data: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (head, tail) = data.split_at(length.min(data.len()));
    *data = tail;
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(bytes: &[u8], size: usize) -> (Vec<String>, Vec<u8>) {
        let mut frames = Frames::default();
        let (mut out, mut content) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            let mut rest = piece;
            while let Some(part) = frames.next(&mut rest) {
                match part {
                    Part::Begins(header) => out.push(format!("{} {} {}", header.kind, header.stream, header.length)),
                    Part::Whole(_, bytes) => out.push(format!("{bytes:?}")),
                    Part::Data(_, bytes, last) => {
                        content.extend_from_slice(bytes);
                        if last {
                            out.push("end".to_owned());
                        }
                    }
                }
            }
        }
        (out, content)
    }

    #[test]
    fn frames_are_the_same_in_any_split() {
        let bytes = b"\0\0\x07\0\x09\0\0\0\x01\x02abcd\0\0\0\0\0\0\x01\0\0\0\x01\0\0\x04\x08\0\0\0\0\x03\0\0\0\x05\0\0\x01\0\x08\0\0\0\x01\0";
        let whole = parts(bytes, bytes.len());
        assert_eq!(whole.1, b"abcd");
        assert_eq!(whole.0, ["0 1 7", "end", "0 1 0", "end", "8 3 4", "[0, 0, 0, 5]", "0 1 1", "end"]);
        for size in 1..bytes.len() {
            assert_eq!(parts(bytes, size), whole, "by {size}");
        }
    }

    #[test]
    fn a_long_frame_is_gathered_up_to_a_limit() {
        let mut bytes = b"\x02\0\0\x01\0\0\0\0\x01".to_vec();
        bytes.resize(HEADER_BYTES + 0x20000, b'a');
        let mut frames = Frames::default();
        let mut rest = bytes.as_slice();
        assert!(matches!(frames.next(&mut rest), Some(Part::Begins(_))));
        let Some(Part::Whole(_, gathered)) = frames.next(&mut rest) else { panic!("a frame") };
        assert_eq!(gathered.len(), FRAME_BYTES_MAX);
    }
}
