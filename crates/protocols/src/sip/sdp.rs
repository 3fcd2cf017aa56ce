//! A session description: lines of one letter and a value.
//!
//! Source: RFC 8866 §5.

/// Lines that are read.
const LINES_MAX: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Media {
    pub(super) media: Vec<u8>,
    pub(super) info: Option<Vec<u8>>,
    pub(super) bandwidths: Vec<Vec<u8>>,
    pub(super) connection: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) attributes: Vec<Vec<u8>>,
}

/// A time with its repetition.
#[derive(Debug, Default)]
pub(super) struct Time {
    pub(super) time: Vec<u8>,
    pub(super) repeat: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(super) struct Sdp {
    pub(super) version: u64,
    pub(super) origin: Option<Vec<u8>>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) info: Option<Vec<u8>>,
    pub(super) uri: Option<Vec<u8>>,
    pub(super) email: Option<Vec<u8>>,
    pub(super) phone: Option<Vec<u8>>,
    pub(super) connection: Option<Vec<u8>>,
    pub(super) bandwidths: Vec<Vec<u8>>,
    pub(super) times: Vec<Time>,
    pub(super) timezone: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) attributes: Vec<Vec<u8>>,
    pub(super) media: Vec<Media>,
}

impl Sdp {
    /// `None` when the text does not begin as one.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut sdp = Self::default();
        let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        sdp.version = std::str::from_utf8(lines.next()?.strip_prefix(b"v=")?).ok()?.trim().parse().ok()?;
        for line in lines.take(LINES_MAX) {
            let [letter, b'=', value @ ..] = line else { continue };
            sdp.line(*letter, value.to_vec());
        }
        Some(sdp)
    }

    fn line(&mut self, letter: u8, value: Vec<u8>) {
        if letter == b'm' {
            self.media.push(Media { media: value, ..Media::default() });
            return;
        }
        // What follows a medium belongs to it.
        if let Some(media) = self.media.last_mut() {
            match letter {
                b'i' => media.info = Some(value),
                b'b' => media.bandwidths.push(value),
                b'c' => media.connection = Some(value),
                b'k' => media.key = Some(value),
                b'a' => media.attributes.push(value),
                _ => {}
            }
            return;
        }
        match letter {
            b'o' => self.origin = Some(value),
            b's' => self.name = Some(value),
            b'i' => self.info = Some(value),
            b'u' => self.uri = Some(value),
            b'e' => self.email = Some(value),
            b'p' => self.phone = Some(value),
            b'c' => self.connection = Some(value),
            b'b' => self.bandwidths.push(value),
            b't' => self.times.push(Time { time: value, repeat: None }),
            b'r' => {
                if let Some(time) = self.times.last_mut() {
                    time.repeat = Some(value);
                }
            }
            b'z' => self.timezone = Some(value),
            b'k' => self.key = Some(value),
            b'a' => self.attributes.push(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_belong_to_the_session_or_to_a_medium() {
        let text = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\nc=IN IP4 10.0.0.9\r\nt=1 2\r\nr=7\r\na=x\r\nm=audio 1\r\na=y\r\nc=IN IP4 1.1.1.1\r\nm=video 2\r\n";
        let sdp = Sdp::parse(text).expect("a description");
        assert_eq!(sdp.connection.as_deref(), Some(&b"IN IP4 10.0.0.9"[..]));
        assert_eq!(sdp.attributes, [b"x"]);
        assert_eq!(sdp.times[0].repeat.as_deref(), Some(&b"7"[..]));
        assert_eq!(sdp.media.len(), 2);
        assert_eq!(sdp.media[0].attributes, [b"y"]);
        assert!(Sdp::parse(b"hello").is_none());
    }
}
