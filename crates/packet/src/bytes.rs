//! Numbers out of wire bytes; `None` where the bytes end before.

#[inline]
#[must_use]
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*two))
}

#[inline]
#[must_use]
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*four))
}

#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u16> {
    be16(bytes, at).map(|value| if big_endian { value } else { value.swap_bytes() })
}

#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    be32(bytes, at).map(|value| if big_endian { value } else { value.swap_bytes() })
}
