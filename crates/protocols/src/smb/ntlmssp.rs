//! NTLMSSP inside whatever wraps it: who logs in, from which host, and what a server calls itself.
//!
//! Source: [MS-NLMP] §2.2.1.2 (CHALLENGE), §2.2.1.3 (AUTHENTICATE), §2.2.2.1 (AV_PAIR).

use super::transaction::Ntlmssp;
use crate::bytes::Reader;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const NEGOTIATE_UNICODE: u32 = 0x0000_0001;
const NEGOTIATE_VERSION: u32 = 0x0200_0000;
/// Most letters kept of a name.
const NAME_LETTERS_MAX: usize = 256;

/// The names of an AUTHENTICATE message, wherever it begins.
pub(super) fn authenticate(bytes: &[u8]) -> Option<Ntlmssp> {
    let message = find(bytes)?;
    let mut reader = Reader::new(message);
    reader.take(SIGNATURE.len())?;
    if reader.u32_le()? != 3 {
        return None;
    }
    let mut field = || {
        let length = reader.u16_le()?;
        reader.u16_le()?;
        let offset = reader.u32_le()?;
        Some((usize::from(length), usize::try_from(offset).ok()?))
    };
    let _ = (field()?, field()?);
    let (domain, user, host) = (field()?, field()?, field()?);
    field()?;
    let flags = reader.u32_le()?;
    let version = if flags & NEGOTIATE_VERSION != 0 { version(&mut reader) } else { None };
    let unicode = flags & NEGOTIATE_UNICODE != 0;
    let text = |(length, offset): (usize, usize)| {
        let bytes = offset.checked_add(length).and_then(|end| message.get(offset..end)).unwrap_or_default();
        if unicode { utf16(bytes) } else { String::from_utf8_lossy(bytes).into_owned() }
    };
    Some(Ntlmssp { domain: text(domain), user: text(user), host: text(host), version })
}

/// What the server of a CHALLENGE message calls itself: its NetBIOS name.
pub(super) fn server_name(bytes: &[u8]) -> Option<String> {
    let message = find(bytes)?;
    let mut reader = Reader::new(message);
    reader.take(SIGNATURE.len())?;
    if reader.u32_le()? != 2 {
        return None;
    }
    // Target name, flags, challenge, reserved.
    reader.take(8 + 4 + 8 + 8)?;
    let length = usize::from(reader.u16_le()?);
    reader.u16_le()?;
    let offset = usize::try_from(reader.u32_le()?).ok()?;
    let mut pairs = Reader::new(message.get(offset..offset.checked_add(length)?)?);
    loop {
        let (kind, length) = (pairs.u16_le()?, pairs.u16_le()?);
        let value = pairs.take(usize::from(length))?;
        match kind {
            0 => return None,
            1 => return Some(utf16(value)).filter(|name| !name.is_empty()),
            _ => {}
        }
    }
}

fn find(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(memchr::memmem::find(bytes, SIGNATURE)?..)
}

fn version(reader: &mut Reader<'_>) -> Option<String> {
    let (major, minor, build) = (reader.u8()?, reader.u8()?, reader.u16_le()?);
    reader.take(3)?;
    Some(format!("{major}.{minor} build {build} rev {}", reader.u8()?))
}

pub(super) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|letter| *letter != '\0')
        .take(NAME_LETTERS_MAX)
        .collect()
}
