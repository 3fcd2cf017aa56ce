use super::*;
use crate::lines::Pieces;

fn read(text: &str) -> Mime {
    read_with(text, &MimeSettings::default())
}

fn read_with(text: &str, settings: &MimeSettings) -> Mime {
    let mut mime = Mime::new(settings);
    let mut pieces = Pieces::new(4096);
    let text = text.replace('\n', "\r\n");
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        pieces.next(&mut rest, &mut |piece| mime.line(piece));
    }
    pieces.rest(&mut |piece| mime.line(piece));
    mime.finish(FileState::Closed);
    mime
}

fn files(mime: &Mime) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    mime.files().iter().map(|file| (text(&file.file.name), text(file.view_even_empty().bytes))).collect()
}

const NESTED: &str = "From: a@example.org
Subject: =?utf-8?q?x?=
 folded
Content-Type: multipart/mixed; boundary=out

preamble http://not.looked.at/
--out
Content-Type: multipart/alternative; boundary=\"in\"

--in
Content-Type: text/plain
Content-Transfer-Encoding: quoted-printable

see http://one.exa=
mple/a=3Db now
--in--
--out
Content-Disposition: attachment; filename=a.txt

first
second
--out
Content-Type: application/pdf; name=b.pdf
Content-Transfer-Encoding: base64

aGVsbG8gd29ybGQ
--out
Content-Type: message/rfc822

Subject: inner
Content-Disposition: attachment; filename=\"c.exe\"

MZ
--out--
epilogue
";

#[test]
fn parts_are_told_apart_however_they_nest() {
    let mime = read(NESTED);
    let expected = [("a.txt", "first\r\nsecond"), ("b.pdf", "hello world"), ("c.exe", "MZ")];
    assert_eq!(files(&mime), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(mime.links(), [b"one.example/a=b".to_vec()]);
    assert_eq!(mime.field("subject"), Some(&b"=?utf-8?q?x?=folded"[..]));
    assert_eq!(mime.attachments().len(), 3);
    assert!(mime.files().iter().all(|file| file.file.state == Some(FileState::Closed)));
}

#[test]
fn a_message_that_claims_an_encoding_is_read_as_it_stands() {
    let text = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n\
        Subject: in\nContent-Disposition: attachment; filename=x\n\nbody\n";
    assert_eq!(files(&read(text)), [("x".to_owned(), "body".to_owned())]);
}

#[test]
fn what_is_wrong_is_told_and_the_rest_is_read() {
    let long = "b".repeat(80);
    let text = format!(
        "{}: v\nContent-Transfer-Encoding: base64\nContent-Disposition: x; filename={}\n\naGk=!\n{long}\n",
        "n".repeat(76),
        "f".repeat(300)
    );
    let mut mime = read(&text);
    let faults = mime.take_faults();
    for fault in [Fault::LongHeaderName, Fault::LongFilename, Fault::InvalidBase64, Fault::LongEncodedLine] {
        assert!(faults.contains(&fault), "{fault:?} in {faults:?}");
    }
    assert!(files(&mime)[0].1.starts_with("hi"));
    assert_eq!(mime.files()[0].file.name.len(), 255);
}

#[test]
fn nesting_and_counts_stay_bounded() {
    let mut text = String::new();
    for at in 0..40 {
        text.push_str(&format!("Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n"));
    }
    assert_eq!(read(&text).boundaries.len(), BOUNDARIES_MAX);
    let part = "--b\nContent-Disposition: x; filename=f\n\nhttp://x/\n";
    let text = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", part.repeat(300));
    let mime = read(&text);
    assert_eq!((mime.files().len(), mime.attachments().len(), mime.links().len()), (FILES_MAX, FILES_MAX, FILES_MAX));
    let shown = mime.files().iter().filter(|file| file.view().is_some()).count();
    assert_eq!(shown, FILES_SHOWN_MAX);
}

#[test]
fn the_bodys_digest_is_of_all_its_lines() {
    let settings = MimeSettings { body_md5: true, ..MimeSettings::default() };
    let mime = read_with("Subject: x\n\nhello\n", &settings);
    // MD5 of "hello\r\n".
    assert_eq!(mime.body_digest(), Some("af5597c29467a96523a70787c319f4db"));
}
