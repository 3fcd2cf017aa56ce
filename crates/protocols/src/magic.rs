//! What kind of file its first bytes tell, in the words that `file` of Unix uses for it.
//!
//! A bounded list of signatures of what mail, shares and downloads carry; each stands at one place. Where a format's own
//! specification gives the signature, that is the source.

/// Most bytes of a file's beginning that are looked at.
pub(crate) const HEAD_BYTES_MAX: usize = 512;

/// Place, bytes, and the name of the kind. The first that fits wins.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"%PDF-", "PDF document"),
    (0, b"\x7fELF\x01", "ELF 32-bit"),
    (0, b"\x7fELF\x02", "ELF 64-bit"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG image data"),
    (0, b"GIF87a", "GIF image data, version 87a"),
    (0, b"GIF89a", "GIF image data, version 89a"),
    (0, b"\xff\xd8\xff", "JPEG image data"),
    (0, b"BM", "PC bitmap"),
    (0, b"II*\0", "TIFF image data, little-endian"),
    (0, b"MM\0*", "TIFF image data, big-endian"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Composite Document File V2 Document"),
    (0, b"{\\rtf", "Rich Text Format data"),
    (0, b"%!PS", "PostScript document text"),
    (30, b"mimetypeapplication/epub+zip", "EPUB document"),
    (30, b"mimetypeapplication/vnd.oasis.opendocument", "OpenDocument"),
    (30, b"[Content_Types].xml", "Microsoft OOXML"),
    (0, b"PK\x03\x04", "Zip archive data"),
    (0, b"PK\x05\x06", "Zip archive data (empty)"),
    (0, b"Rar!\x1a\x07\x01", "RAR archive data, v5"),
    (0, b"Rar!\x1a\x07\0", "RAR archive data"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-zip archive data"),
    (0, b"\x1f\x8b\x08", "gzip compressed data"),
    (0, b"BZh", "bzip2 compressed data"),
    (0, b"\xfd7zXZ\0", "XZ compressed data"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard compressed data"),
    (0, b"\x04\x22\x4d\x18", "LZ4 compressed data"),
    (0, b"MSCF\0\0\0\0", "Microsoft Cabinet archive data"),
    (0, b"ITSF", "MS Windows HtmlHelp Data"),
    (0, b"L\0\0\0\x01\x14\x02\0", "MS Windows shortcut"),
    (0, b"\xca\xfe\xba\xbe\0\0\0", "compiled Java class data"),
    (0, b"\xfe\xed\xfa\xce", "Mach-O executable"),
    (0, b"\xfe\xed\xfa\xcf", "Mach-O 64-bit executable"),
    (0, b"\xcf\xfa\xed\xfe", "Mach-O 64-bit executable"),
    (0, b"dex\n03", "Dalvik dex file"),
    (0, b"\0asm", "WebAssembly (wasm) binary module"),
    (0, b"FWS", "Macromedia Flash data"),
    (0, b"CWS", "Macromedia Flash data (compressed)"),
    (0, b"RIFF", "RIFF (little-endian) data"),
    (0, b"ID3", "Audio file with ID3"),
    (0, b"OggS", "Ogg data"),
    (4, b"ftyp", "ISO Media"),
    (128, b"DICM", "DICOM medical imaging data"),
    (257, b"ustar", "POSIX tar archive"),
    (0, b"SQLite format 3\0", "SQLite 3.x database"),
    (0, b"-----BEGIN CERTIFICATE", "PEM certificate"),
    (0, b"<?xml", "XML document"),
    (0, b"#!", "script text executable"),
];

/// The kind of a file by its first bytes; as for `file`, what is none of the known kinds is text or just data.
pub(crate) fn describe(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty";
    }
    let found = SIGNATURES.iter().find(|(at, bytes, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
    if let Some((_, _, name)) = found {
        return name;
    }
    if head.starts_with(b"MZ") {
        return executable(head);
    }
    text(head)
}

/// An MZ program; its header tells where a newer one stands (Microsoft PE/COFF §2).
fn executable(head: &[u8]) -> &'static str {
    let place = head.get(0x3c..0x40).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let newer = usize::try_from(place).ok().and_then(|at| head.get(at..)).unwrap_or_default();
    let flags = newer.get(22..24).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes);
    let is_library = flags & 0x2000 != 0;
    match (newer.get(..4), newer.get(24..26)) {
        (Some(b"PE\0\0"), Some(b"\x0b\x02")) if is_library => "PE32+ executable (DLL) for MS Windows",
        (Some(b"PE\0\0"), Some(b"\x0b\x02")) => "PE32+ executable for MS Windows",
        (Some(b"PE\0\0"), _) if is_library => "PE32 executable (DLL) for MS Windows",
        (Some(b"PE\0\0"), _) => "PE32 executable for MS Windows",
        (Some([b'N', b'E', ..]), _) => "MS-DOS executable, NE for MS Windows 3.x",
        _ => "MS-DOS executable",
    }
}

fn text(head: &[u8]) -> &'static str {
    let start = head.trim_ascii_start();
    let begins = |word: &[u8]| start.get(..word.len()).is_some_and(|first| first.eq_ignore_ascii_case(word));
    if begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") || begins(b"<script") {
        return "HTML document";
    }
    if head.iter().all(|byte| matches!(byte, 7..=13 | 27 | 32..=126)) {
        return "ASCII text";
    }
    let is_text = head.iter().all(|byte| !matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127));
    match std::str::from_utf8(head) {
        Ok(_) if is_text => "UTF-8 Unicode text",
        // The last letter may be cut.
        Err(error) if is_text && error.error_len().is_none() => "UTF-8 Unicode text",
        _ => "data",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_first_bytes() {
        for (head, kind) in [
            (&b"%PDF-1.7\n"[..], "PDF document"),
            (b"PK\x03\x04\x14\0\x06\0", "Zip archive data"),
            (b"MZ\x90\0", "MS-DOS executable"),
            (b"  <!DOCTYPE HTML>", "HTML document"),
            (b"hello\r\n", "ASCII text"),
            ("สวัสดี".as_bytes(), "UTF-8 Unicode text"),
            (b"\x01\x02\x03", "data"),
            (b"", "empty"),
        ] {
            assert_eq!(describe(head), kind);
        }
        let mut program = vec![0; 256];
        program[..2].copy_from_slice(b"MZ");
        program[0x3c] = 0x80;
        program[0x80..0x84].copy_from_slice(b"PE\0\0");
        program[0x98..0x9a].copy_from_slice(&[0x0b, 1]);
        assert_eq!(describe(&program), "PE32 executable for MS Windows");
    }
}
