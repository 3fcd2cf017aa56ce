use super::SMTP;
use crate::session::{Context, FileState, Outcome, Session, Settings};
use phitak_model::{
    Direction::{self, ToClient, ToServer},
    json::Writer,
};

fn play(settings: &Settings, turns: &[(Direction, &str)]) -> Box<dyn Session> {
    let mut session = (SMTP.open)(phitak_model::Transport::Tcp, settings);
    let mut context = Context::default();
    for (direction, text) in turns {
        session.feed(*direction, text.replace('\n', "\r\n").as_bytes(), &mut context);
    }
    session
}

fn record(session: &dyn Session, id: u64) -> String {
    let mut out = Writer::new();
    out.begin_object();
    session.transaction(id).expect("a mail").write_eve(&mut out);
    out.end_object();
    String::from_utf8(out.as_bytes().to_vec()).expect("UTF-8")
}

fn events(session: &dyn Session, id: u64) -> Vec<&'static str> {
    let numbers = session.transaction(id).expect("a mail").events();
    numbers.iter().map(|number| SMTP.decl.events[usize::from(*number)]).collect()
}

const ENVELOPE: &[(Direction, &str)] = &[
    (ToClient, "220 mail ESMTP\n"),
    (ToServer, "EHLO ward3\nMAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n"),
    (ToClient, "250 ok\n250 ok\n250 ok\n354 go on\n"),
];

fn mail(settings: &Settings, body: &str) -> Box<dyn Session> {
    let mut turns = ENVELOPE.to_vec();
    turns.push((ToServer, body));
    play(settings, &turns)
}

#[test]
fn the_email_object_tells_addresses_links_and_attachments() {
    let session = mail(
        &Settings::default(),
        "From: A <a@b.example>\nTo: \"x, y\" <c@d.example>, e@f.example\nCc: \n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhttp://one.example/ and HTTP://two.example/x\n\
         --b\nContent-Disposition: attachment; filename=\"r.txt\"\n\n..dots\n--b--\n.\n",
    );
    assert_eq!(
        record(session.as_ref(), 0),
        concat!(
            r#"{"smtp":{"helo":"ward3","mail_from":"<a@b.example>","rcpt_to":["<c@d.example>"]},"#,
            r#""email":{"from":"A <a@b.example>","to":["\"x, y\" <c@d.example>","e@f.example"],"status":"PARSE_DONE","#,
            r#""attachment":["r.txt"],"url":["two.example/x","one.example/"]},"server_name":"mail"}"#
        )
    );
    let transaction = session.transaction(0).expect("a mail");
    let mut scratch = Vec::new();
    let file = transaction.buffer(13, ToServer, 0, &mut scratch).expect("file.data");
    assert_eq!((file.bytes, file.complete), (&b".dots"[..], true));
}

#[test]
fn files_are_told_open_whole_and_cut_off() {
    let head = "Content-Disposition: attachment; filename=a\n\nbegin\n";
    let mut open = mail(&Settings::default(), head);
    assert_eq!(open.open_files(0)[0].state, FileState::Open);
    assert!(open.files().is_empty());
    open.end(ToServer, &mut Context::default());
    let ended = open.files();
    assert_eq!((ended[0].state, ended[0].size), (FileState::Truncated, 5));
    let mut whole = mail(&Settings::default(), &format!("{head}.\n"));
    assert_eq!(whole.files()[0].state, FileState::Closed);
    assert!(whole.open_files(0).is_empty());
}

#[test]
fn settings_choose_what_records_and_links_show() {
    let mut settings = Settings::default();
    for (name, value) in [
        ("outputs.smtp.extended", "yes"),
        ("outputs.smtp.custom.0", "received"),
        ("outputs.smtp.md5", "[body, subject]"),
        ("app-layer.protocols.smtp.mime.extract-urls-schemes", "[https, mailto]"),
        ("app-layer.protocols.smtp.mime.log-url-scheme", "yes"),
        ("app-layer.protocols.smtp.mime.body-md5", "yes"),
    ] {
        assert!(settings.set(name, value), "{name}");
    }
    assert!(!settings.set("outputs.smtp.unheard-of", "1"));
    let session = mail(&settings, "Subject: s\nReceived: one\nReceived: two\n\nhttps://x/ mailto:y http://z/\n.\n");
    let text = record(session.as_ref(), 0);
    for expected in [
        r#""url":["mailto:y","https://x/"]"#,
        r#""received":["one","two"],"subject":"s""#,
        r#""subject_md5":"03c7c0ace395d80182db07ae2c30f034""#,
        r#""body_md5":""#,
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[test]
fn broken_dialogues_raise_events() {
    let none = Settings::default();
    let refused = play(&none, &[ENVELOPE[0], (ToServer, "EHLO x\nDATA\n"), (ToClient, "250 ok\n554 no\n")]);
    assert_eq!(events(refused.as_ref(), 0), ["data_command_rejected"]);
    let welcome = play(&none, &[(ToClient, "554 go away\n")]);
    assert_eq!(events(welcome.as_ref(), 0), ["no_server_welcome_message"]);
    let nonsense = play(&none, &[ENVELOPE[0], (ToServer, "EHLO x\n"), (ToClient, "hello\n")]);
    assert_eq!(events(nonsense.as_ref(), 0), ["invalid_reply"]);
    let repeated = play(&none, &[ENVELOPE[0], (ToServer, "MAIL FROM:<a>\nMAIL FROM:<b>\nRCPT <c>\nBDAT x\n")]);
    assert_eq!(events(repeated.as_ref(), 0), ["duplicate_fields", "unparsable_content", "bdat_chunk_len_exceeded"]);
    let coded = mail(&none, "Content-Transfer-Encoding: base64\nContent-Disposition: x; filename=f\n\n!!!!\n.\n");
    assert_eq!(events(coded.as_ref(), 0), ["mime_invalid_base64"]);
}

#[test]
fn chunks_are_one_message_and_a_rejected_tls_goes_on_in_clear() {
    let chunks = play(
        &Settings::default(),
        &[ENVELOPE[0], (ToServer, "EHLO x\nMAIL FROM:<a>\nBDAT 10\nSubject: aBDAT 7 LAST\nb\n\nxyMAIL FROM:<c>\n")],
    );
    // The first chunk ends within a line, which the second one goes on with.
    let transaction = chunks.transaction(0).expect("a mail");
    let mut scratch = Vec::new();
    assert_eq!(transaction.buffer(6, ToServer, 0, &mut scratch).map(|view| view.bytes), Some(&b"ab"[..]));
    assert_eq!(chunks.live(), 0..2);
    let mut session = (SMTP.open)(phitak_model::Transport::Tcp, &Settings::default());
    let mut context = Context::default();
    session.feed(ToClient, b"220 x\r\n", &mut context);
    session.feed(ToServer, b"STARTTLS\r\nMAIL FROM:<a>\r\n", &mut context);
    assert_eq!(session.feed(ToClient, b"454 no\r\n", &mut context), Outcome::Continue);
    assert_eq!(events(session.as_ref(), 0), ["tls_rejected"]);
    assert!(record(session.as_ref(), 0).contains("<a>"));
}

#[test]
fn mails_of_which_only_the_client_is_heard_are_read() {
    let body = "x".repeat(60);
    let text = format!("EHLO a\nDATA\nSubject: s\n\n{}.\n", format!("{body}\n").repeat(2000));
    let mut session = play(&Settings::default(), &[(ToServer, &text)]);
    session.end(ToServer, &mut Context::default());
    let mut scratch = Vec::new();
    let subject = session.transaction(0).expect("a mail").buffer(6, ToServer, 0, &mut scratch);
    assert_eq!(subject.map(|view| view.bytes), Some(&b"s"[..]));
}

#[test]
fn a_server_is_named_by_the_first_line_of_its_greeting() {
    for (greeting, name) in [
        ("220-mail.example ESMTP\n220 go on\n", r#","server_name":"mail.example""#),
        ("220 \u{1}\u{2} hello\n", ""),
        ("220-*** welcome ***\n220 Unauthorised access prohibited\n", ""),
        ("554 mail.example\n", ""),
        ("220\n", ""),
    ] {
        let turns = [
            (ToClient, greeting),
            (ToServer, "EHLO a\nMAIL FROM:<a@b.example>\n"),
            (ToClient, "250 mail.two\n250 ok\n"),
        ];
        let told = record(play(&Settings::default(), &turns).as_ref(), 0);
        assert_eq!(told, format!(r#"{{"smtp":{{"helo":"a","mail_from":"<a@b.example>"}}{name}}}"#), "{greeting}");
    }
}
