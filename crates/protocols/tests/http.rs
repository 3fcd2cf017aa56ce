//! HTTP/1 as it is really spoken: what rules see of it.

use phitak_model::{Direction, Direction::ToClient, Direction::ToServer, inspect::Shape, json::Writer};
use phitak_protocols::{Context, FileEnd, FileState, Outcome, Protocol, REGISTRY, Session, Settings};

struct Played {
    session: Box<dyn Session>,
    files: Vec<FileEnd>,
    outcome: Outcome,
}

fn http() -> &'static Protocol {
    REGISTRY.iter().find(|protocol| protocol.decl.name == "http").expect("HTTP is registered")
}

fn play_with(settings: &Settings, turns: &[(Direction, &[u8])]) -> Played {
    let mut session = (http().open)(http().transports[0], settings);
    let mut context = Context { server_port: 80, ..Context::default() };
    let mut outcome = Outcome::Continue;
    for (direction, bytes) in turns {
        outcome = session.feed(*direction, bytes, &mut context);
        if outcome != Outcome::Continue {
            break;
        }
    }
    if outcome == Outcome::Continue {
        session.end(ToServer, &mut context);
        session.end(ToClient, &mut context);
    }
    let files = session.files();
    Played { session, files, outcome }
}

fn play(turns: &[(Direction, &[u8])]) -> Played {
    play_with(&Settings::default(), turns)
}

impl Played {
    /// A buffer's values, one after another, as text.
    fn buffer(&self, id: u64, name: &str, direction: Direction) -> Vec<String> {
        let number = http().decl.buffers.iter().position(|buffer| buffer.name == name).expect("a declared buffer");
        let many = http().decl.buffers[number].shape != Shape::Single;
        let transaction = self.session.transaction(id).expect("a transaction");
        let mut scratch = Vec::new();
        let mut values = Vec::new();
        for instance in 0..if many { 20 } else { 1 } {
            let number = u8::try_from(number).expect("few buffers");
            let Some(view) = transaction.buffer(number, direction, instance, &mut scratch) else { break };
            values.push(view.bytes.escape_ascii().to_string());
        }
        values
    }

    fn events(&self, id: u64) -> Vec<&'static str> {
        let transaction = self.session.transaction(id).expect("a transaction");
        transaction.events().iter().map(|event| http().decl.events[usize::from(*event)]).collect()
    }

    fn record(&self, id: u64) -> serde_json::Value {
        let mut writer = Writer::new();
        writer.begin_object();
        self.session.transaction(id).expect("a transaction").write_eve(&mut writer);
        writer.end_object();
        serde_json::from_slice::<serde_json::Value>(writer.as_bytes()).expect("JSON")["http"].take()
    }
}

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h.example\r\n\r\n";

/// The body of a response as rules see it.
fn check_body(response: &[u8], expected: &str) {
    let played = play(&[(ToServer, REQUEST), (ToClient, response)]);
    let shown = String::from_utf8_lossy(response);
    assert_eq!(played.buffer(0, "file.data", ToClient), [expected], "{shown}");
    assert_eq!(played.buffer(0, "http.response_body", ToClient), [expected], "{shown}");
}

#[test]
fn buffers_of_a_request_are_what_rules_expect() {
    let played = play(&[(
        ToServer,
        b"POST http://u@H.Example:8080/a/./b%20c?q=%41 HTTP/1.1\r\nHost: h.example:8080\r\nCookie: a=b\r\n\
          User-Agent: one\r\nUser-Agent: two \r\nX-Fold: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
    )]);
    let check = |name: &str, expected: &str| assert_eq!(played.buffer(0, name, ToServer), [expected], "{name}");
    check("http.method", "POST");
    check("http.uri", "/a/b c?q=A");
    check("http.uri.raw", "http://u@H.Example:8080/a/./b%20c?q=%41");
    check("http.request_line", "POST http://u@H.Example:8080/a/./b%20c?q=%41 HTTP/1.1");
    check("http.protocol", "HTTP/1.1");
    check("http.host", "h.example");
    check("http.cookie", "a=b");
    check("http.user_agent", "one, two");
    check("http.content_len", "3");
    check("http.request_body", "abc");
    check(
        "http.header",
        "Host: h.example:8080\\r\\nUser-Agent: one, two\\r\\nX-Fold: a b\\r\\nContent-Length: 3\\r\\n",
    );
    check("http.header_names", "\\r\\nHost\\r\\nCookie\\r\\nUser-Agent\\r\\nX-Fold\\r\\nContent-Length\\r\\n\\r\\n");
    assert_eq!(played.buffer(0, "http.request_header", ToServer).len(), 5);
    assert!(played.events(0).contains(&"request_server_port_tcp_port_mismatch"));
    let record = played.record(0);
    assert_eq!((&record["hostname"], &record["http_port"]), (&"h.example".into(), &8080.into()));
}

#[test]
fn buffers_of_a_response_are_what_rules_expect() {
    let played = play(&[
        (ToServer, REQUEST),
        (
            ToClient,
            b"HTTP/1.1 302 Moved away\r\nServer: x\r\nLocation: /b\r\nSet-Cookie: c=d\r\n\
              Content-Type: text/html; charset=utf-8\r\nContent-Length: 2\r\n\r\nhi",
        ),
    ]);
    let check = |name: &str, expected: &str| assert_eq!(played.buffer(0, name, ToClient), [expected], "{name}");
    check("http.response_line", "HTTP/1.1 302 Moved away");
    check("http.stat_code", "302");
    check("http.stat_msg", "Moved away");
    check("http.server", "x");
    check("http.location", "/b");
    check("http.cookie", "c=d");
    check("file.name", "/a");
    let record = played.record(0);
    assert_eq!(record["http_content_type"], "text/html");
    assert_eq!((&record["status"], &record["redirect"]), (&302.into(), &"/b".into()));
    assert_eq!(record["length"], 2);
}

#[test]
fn line_ends_of_every_kind_end_lines() {
    check_body(b"HTTP/1.1 200 ok\nA: b\nContent-Length: 2\n\nhixx", "hixx");
    check_body(b"HTTP/1.1 200 ok\rA: b\rContent-Length: 2\r\n\nhi", "hi");
    check_body(b"HTTP/1.1 200 ok\r\nA: b\n\rContent-Length: 2\r\n\r\nhi", "hi");
    check_body(b"HTTP/1.1 200 ok\r\nContent-Length: 2\n\r\r\n\r\nhi", "hi");
    check_body(b"HTTP/1.1 200 ok\r\nContent-Length: 2\n \nhi", "hi");
    check_body(b"HTTP/1.1 200 ok\r\nA: b\r\n \r\nContent-Length: 2\r\n\r\nhi", "hi");
}

#[test]
fn chunks_are_joined_and_what_is_no_chunk_is_body() {
    let head = "HTTP/1.1 200 ok\r\nTransfer-Encoding: chunked\r\n\r\n";
    let check = |body: &str, expected: &str| check_body(format!("{head}{body}").as_bytes(), expected);
    check("2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc");
    check("\r\n 2 \r\nab\r\n\tF,\r\n0123456789abcde\r\n0\r\nTrailer: x\r\n\r\n", "ab0123456789abcde");
    check("no chunk at all", "no chunk at all");
    check("2\r\nab\r\nthen none", "abthen none");
}

#[test]
fn a_folded_field_with_a_colon_is_a_field_in_http_1_1_responses() {
    check_body(b"HTTP/1.1 200 ok\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi");
    check_body(b"HTTP/1.1 200 ok\r\nTransfer-Encoding\r\n : \r\n chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi");
    check_body(b"HTTP/1.1 200 ok\r\nTransfer\0-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi");
}

#[test]
fn layers_of_compression_are_undone_up_to_their_limit() {
    // gzip of `hello`, and that once more.
    const ONCE: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
    let stored = |inner: &[u8]| {
        let length = u16::try_from(inner.len()).expect("short").to_le_bytes();
        let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01".to_vec();
        out.extend([length[0], length[1], !length[0], !length[1]]);
        out.extend(inner);
        out.extend([0; 8]);
        out
    };
    let response = |coding: &str, body: &[u8]| {
        let mut out = format!("HTTP/1.1 200 ok\r\nContent-Encoding: {coding}\r\n\r\n").into_bytes();
        out.extend(body);
        out
    };
    check_body(&response("gzip", ONCE), "hello");
    check_body(&response("gzip, gzip", &stored(ONCE)), "hello");
    check_body(&response("deflate, gzip", &stored(&ONCE[10..])), "hello");
    check_body(&response("gzip", b"not compressed"), "not compressed");
    check_body(&response("\0gzip;", ONCE), "hello");
    let three = stored(&stored(ONCE));
    let played = play(&[(ToServer, REQUEST), (ToClient, &response("gzip, gzip, gzip", &three))]);
    assert!(played.events(0).contains(&"too_many_encoding_layers"));
    let mut settings = Settings::default();
    let name = "app-layer.protocols.http.libhtp.default-config.response-body-decompress-layer-limit";
    assert!(settings.set(name, "3"));
    let played = play_with(&settings, &[(ToServer, REQUEST), (ToClient, &response("gzip, gzip, gzip", &three))]);
    assert_eq!(played.buffer(0, "file.data", ToClient), ["hello"]);
}

#[test]
fn requests_and_responses_are_matched_in_order() {
    let played = play(&[
        (ToServer, b"GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"),
        (ToClient, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 a\r\nContent-Length: 1\r\n\r\nx"),
        (ToClient, b"HTTP/1.1 204 b\r\nContent-Length: 5\r\n\r\nHTTP/1.1 404 c\r\n\r\nrest"),
    ]);
    let status = |id| played.record(id)["status"].as_u64().expect("a status");
    assert_eq!([status(0), status(1), status(2)], [200, 204, 404]);
    assert_eq!(played.buffer(2, "http.response_body", ToClient), ["rest"]);
    assert_eq!(played.files.iter().map(|file| file.name.as_slice()).collect::<Vec<_>>(), [&b"/1"[..], b"/3"]);
}

#[test]
fn a_response_without_a_request_is_kept_and_told() {
    let played = play(&[(ToClient, b"HTTP/1.1 200 ok\r\nContent-Length: 2\r\n\r\nhi")]);
    assert_eq!(played.events(0), ["unable_to_match_response_to_request"]);
    assert_eq!(played.record(0)["url"], "/libhtp::request_uri_not_seen");
}

#[test]
fn a_tunnel_hands_over_what_follows() {
    let connect: (Direction, &[u8]) = (ToServer, b"CONNECT h:443 HTTP/1.1\r\n\r\nearly");
    let mut played = play(&[connect, (ToClient, b"HTTP/1.1 200 ok\r\n\r\nnew")]);
    assert_eq!(played.outcome, Outcome::Upgrade { protocol: None, consumed: 19 });
    assert_eq!(played.session.left(ToServer), b"early");
    let refused = play(&[
        (ToServer, b"CONNECT h:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        (ToClient, b"HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n"),
    ]);
    assert_eq!(refused.buffer(1, "http.method", ToServer), ["GET"]);
}

#[test]
fn gaps_cut_files_and_the_rest_goes_on() {
    let mut session = (http().open)(http().transports[0], &Settings::default());
    let mut context = Context::default();
    session.feed(ToServer, b"GET /f HTTP/1.1\r\n\r\nGET /g HTTP/1.1\r\n\r\n", &mut context);
    session.feed(ToClient, b"HTTP/1.1 200 ok\r\nContent-Length: 10\r\n\r\nab", &mut context);
    session.gap(ToClient, 5, &mut context);
    session.feed(ToClient, b"xyzHTTP/1.1 201 ok\r\nContent-Length: 1\r\n\r\n!", &mut context);
    let files = session.files();
    let told: Vec<_> = files.iter().map(|file| (file.size, file.gaps, file.state)).collect();
    assert_eq!(told, [(10, true, FileState::Truncated), (1, false, FileState::Closed)]);
}

#[test]
fn bodies_are_looked_at_up_to_their_limit() {
    let mut settings = Settings::default();
    assert!(settings.set("app-layer.protocols.http.libhtp.default-config.response-body-limit", "1kb"));
    let mut response = b"HTTP/1.1 200 ok\r\n\r\n".to_vec();
    response.resize(4000, b'x');
    let played = play_with(&settings, &[(ToServer, REQUEST), (ToClient, &response)]);
    assert_eq!(played.buffer(0, "file.data", ToClient)[0].len(), 1024);
    assert_eq!(
        played.files.iter().map(|file| (file.size, file.state)).collect::<Vec<_>>(),
        [(1024, FileState::Truncated)]
    );
}
