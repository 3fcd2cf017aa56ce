//! Remote calls, tickets and network files: what rules and records see of them.

use phitak_model::{
    Direction::{self, ToClient, ToServer},
    Transport,
    inspect::FieldValue,
    json::Writer,
};
use phitak_protocols::{Context, FileState, Protocol, REGISTRY, Session, Settings};

fn protocol(name: &str) -> &'static Protocol {
    REGISTRY.iter().find(|protocol| protocol.decl.name == name).expect("a registered protocol")
}

fn play(name: &str, transport: Transport, turns: &[(Direction, &[u8])]) -> Box<dyn Session> {
    let mut session = (protocol(name).open)(transport, &Settings::default());
    for (direction, bytes) in turns {
        session.feed(*direction, bytes, &mut Context::default());
    }
    session
}

fn record(session: &dyn Session, id: u64) -> serde_json::Value {
    let mut out = Writer::new();
    out.begin_object();
    session.transaction(id).expect("a transaction").write_eve(&mut out);
    out.end_object();
    serde_json::from_slice(out.as_bytes()).expect("JSON")
}

/// A field's value as text; empty when there is none.
fn field(name: &str, session: &dyn Session, id: u64, field: &str) -> String {
    let number = protocol(name).decl.fields.iter().position(|decl| decl.name == field).expect("a declared field");
    let transaction = session.transaction(id).expect("a transaction");
    match transaction.field(u8::try_from(number).expect("few fields"), ToServer, 0) {
        Some(FieldValue::Number(number)) => number.to_string(),
        Some(FieldValue::Text(text)) => text.to_owned(),
        None => String::new(),
    }
}

fn stub(name: &str, session: &dyn Session, id: u64, direction: Direction) -> Vec<u8> {
    let buffers = protocol(name).decl.buffers;
    let number = buffers.iter().position(|decl| decl.name == "dcerpc.stub_data").expect("a declared buffer");
    let number = u8::try_from(number).expect("few buffers");
    let transaction = session.transaction(id).expect("a transaction");
    transaction.buffer(number, direction, 0, &mut Vec::new()).map(|view| view.bytes.to_vec()).unwrap_or_default()
}

const SRVSVC: &str = "4b324fc8-1670-01d3-1278-5a47bf6ee188";
const SRVSVC_LITTLE: [u8; 16] =
    [0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12, 0x78, 0x5a, 0x47, 0xbf, 0x6e, 0xe1, 0x88];

/// A message of a connection, little-endian.
fn message(kind: u8, flags: u8, call: u32, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(16 + body.len()).expect("short");
    let mut out = vec![5, 0, kind, flags, 0x10, 0, 0, 0];
    out.extend(length.to_le_bytes());
    out.extend([0, 0]);
    out.extend(call.to_le_bytes());
    out.extend(body);
    out
}

fn bind(call: u32) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.extend([1, 0, 0, 0, 0, 0, 1, 0]);
    body.extend(SRVSVC_LITTLE);
    body.extend([3, 0, 0, 0]);
    body.extend([0; 20]);
    message(11, 3, call, &body)
}

/// An answer to a bind with this result.
fn bind_answer(call: u32, result: u16) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.extend([4, 0]);
    body.extend(b"135\0\0\0");
    body.extend([1, 0, 0, 0]);
    body.extend(result.to_le_bytes());
    body.extend([0; 22]);
    message(12, 3, call, &body)
}

fn request(call: u32, flags: u8, operation: u16, arguments: &[u8]) -> Vec<u8> {
    let body = [&[0; 6][..], &operation.to_le_bytes(), arguments].concat();
    message(0, flags, call, &body)
}

#[test]
fn a_call_names_its_interface_once_that_is_accepted() {
    for (result, interface) in [(0, format!("{SRVSVC}/3")), (2, String::new())] {
        let session = play(
            "dcerpc",
            Transport::Tcp,
            &[
                (ToServer, &bind(1)),
                (ToClient, &bind_answer(1, result)),
                (ToServer, &request(2, 1, 15, b"first ")),
                (ToServer, &request(2, 2, 15, b"last")),
                (ToClient, &message(2, 3, 2, b"\0\0\0\0\0\0\0\0yes")),
            ],
        );
        assert_eq!(field("dcerpc", session.as_ref(), 1, "dcerpc.iface"), interface);
        assert_eq!(field("dcerpc", session.as_ref(), 1, "dcerpc.opnum"), "15");
        assert_eq!(stub("dcerpc", session.as_ref(), 1, ToServer), b"first last");
        let dcerpc = &record(session.as_ref(), 1)["dcerpc"];
        assert_eq!((dcerpc["req"]["frag_cnt"].as_u64(), dcerpc["req"]["stub_data_size"].as_u64()), (Some(2), Some(10)));
        assert_eq!((dcerpc["response"].as_str(), dcerpc["call_id"].as_u64()), (Some("RESPONSE"), Some(2)));
        assert_eq!(record(session.as_ref(), 0)["dcerpc"]["interfaces"][0]["ack_result"], result);
    }
}

#[test]
fn a_datagram_names_its_interface_itself_and_tells_its_byte_order() {
    let mut datagram = vec![4, 0, 0, 0, 0x00, 0, 0, 0];
    datagram.extend([0; 16]);
    // Big-endian: the interface stands as it is written.
    let uuid: Vec<u8> = SRVSVC
        .replace('-', "")
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect();
    datagram.extend(uuid);
    datagram.extend([7; 16]);
    datagram.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 4, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
    datagram.extend(b"abc");
    let session = play("dcerpc", Transport::Udp, &[(ToServer, &datagram)]);
    assert_eq!(field("dcerpc", session.as_ref(), 0, "dcerpc.iface"), format!("{SRVSVC}/1"));
    assert_eq!(field("dcerpc", session.as_ref(), 0, "dcerpc.opnum"), "4");
    assert_eq!(stub("dcerpc", session.as_ref(), 0, ToServer), b"abc");
    assert_eq!(session.transaction(0).expect("a call").little_endian(ToServer), Some(false));
    let dcerpc = &record(session.as_ref(), 0)["dcerpc"];
    assert_eq!((dcerpc["rpc_version"].as_str(), dcerpc["seqnum"].as_u64()), (Some("4.0"), Some(9)));
}

/// An SMB 2 message with its NetBIOS header. `body` begins behind the 64 bytes of the head.
fn smb2(command: u16, is_response: bool, id: u64, body: &[u8]) -> Vec<u8> {
    let mut head = b"\xfeSMB\x40\0\x01\0\0\0\0\0".to_vec();
    head.extend(command.to_le_bytes());
    head.extend([1, 0]);
    head.extend(u32::from(is_response).to_le_bytes());
    head.extend([0; 4]);
    head.extend(id.to_le_bytes());
    head.extend([0; 4]);
    head.extend(5_u32.to_le_bytes());
    head.extend([0; 24]);
    let length = u32::try_from(head.len() + body.len()).expect("short");
    [&length.to_be_bytes()[..], &head, body].concat()
}

const HANDLE: [u8; 16] = [9; 16];

fn smb_write(id: u64, data: &[u8]) -> Vec<u8> {
    let mut body = vec![49, 0, 112, 0];
    body.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    body.extend([0; 8]);
    body.extend(HANDLE);
    body.extend([0; 16]);
    body.extend(data);
    smb2(9, false, id, &body)
}

fn smb_read(id: u64) -> Vec<u8> {
    let mut body = vec![49, 0, 80, 0];
    body.extend([0; 12]);
    body.extend(HANDLE);
    body.extend([0; 17]);
    smb2(8, false, id, &body)
}

fn smb_read_answer(id: u64, data: &[u8]) -> Vec<u8> {
    let mut body = vec![17, 0, 80, 0];
    body.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    body.extend([0; 8]);
    body.extend(data);
    smb2(8, true, id, &body)
}

/// FSCTL_PIPE_TRANSCEIVE; the answer's data stand behind 48 bytes, the question's behind 56.
fn transceive(id: u64, is_response: bool, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("short").to_le_bytes();
    let mut body = vec![0; 4];
    body.extend(0x0011_c017_u32.to_le_bytes());
    body.extend(HANDLE);
    if is_response {
        body.extend([0; 8]);
        body.extend(112_u32.to_le_bytes());
        body.extend(length);
        body.extend([0; 8]);
    } else {
        body.extend(120_u32.to_le_bytes());
        body.extend(length);
        body.extend([0; 24]);
    }
    body.extend(data);
    smb2(11, is_response, id, &body)
}

#[test]
fn calls_through_an_smb_pipe_are_calls() {
    let session = play(
        "smb",
        Transport::Tcp,
        &[
            (ToServer, &smb_write(1, &bind(1))),
            (ToServer, &smb_read(2)),
            (ToClient, &smb_read_answer(2, &bind_answer(1, 0))),
            (ToServer, &transceive(3, false, &request(2, 3, 15, b"arguments"))),
            (ToClient, &transceive(3, true, &message(2, 3, 2, b"\0\0\0\0\0\0\0\0yes"))),
        ],
    );
    let binding = &record(session.as_ref(), 0)["smb"];
    assert_eq!(
        (binding["command"].as_str(), binding["status"].as_str()),
        (Some("SMB2_COMMAND_WRITE"), Some("STATUS_SUCCESS"))
    );
    assert_eq!((&binding["dcerpc"]["request"], &binding["dcerpc"]["response"]), (&"BIND".into(), &"BINDACK".into()));
    assert_eq!(binding["dcerpc"]["interfaces"][0]["uuid"], SRVSVC);
    assert_eq!(field("smb", session.as_ref(), 1, "dcerpc.iface"), format!("{SRVSVC}/3"));
    assert_eq!(field("smb", session.as_ref(), 1, "dcerpc.opnum"), "15");
    assert_eq!(stub("smb", session.as_ref(), 1, ToServer), b"arguments");
    assert_eq!(stub("smb", session.as_ref(), 1, ToClient), b"yes");
    assert_eq!(session.live(), 0..2);
}

#[test]
fn kerberos_messages_tell_names_ciphers_and_errors() {
    let session = play("krb5", Transport::Tcp, protocol("krb5").sample);
    let asked = &record(session.as_ref(), 0)["krb5"];
    assert_eq!((asked["msg_type"].as_str(), asked["cname"].as_str()), (Some("KRB_AS_REQ"), Some("ward3")));
    assert_eq!((asked["sname"].as_str(), asked["realm"].as_str()), (Some("krbtgt/HOSPITAL"), Some("HOSPITAL")));
    assert_eq!((asked["encryption"].as_str(), asked["weak_encryption"].as_bool()), (Some("<none>"), Some(false)));
    let refused = &record(session.as_ref(), 1)["krb5"];
    assert_eq!(refused["error_code"], "KDC_ERR_PREAUTH_REQUIRED");
    assert_eq!((refused["failed_request"].as_str(), refused["cname"].as_str()), (Some("KRB_AS_REQ"), Some("<empty>")));
    assert_eq!(field("krb5", session.as_ref(), 0, "krb5_msg_type"), "10");
    let broken = play("krb5", Transport::Udp, &[(ToServer, b"\x6a\x10\x30\x0e\xa1\x03\x02\x01\x05")]);
    let events = broken.transaction(0).expect("a message").events();
    assert_eq!(
        events.iter().map(|e| protocol("krb5").decl.events[usize::from(*e)]).collect::<Vec<_>>(),
        ["malformed_data"]
    );
}

#[test]
fn files_over_nfs_are_put_together_and_named() {
    let mut session = play("nfs", Transport::Tcp, protocol("nfs").sample);
    let found = record(session.as_ref(), 0);
    assert_eq!((found["nfs"]["procedure"].as_str(), found["nfs"]["filename"].as_str()), (Some("LOOKUP"), Some("a")));
    assert_eq!(
        (found["rpc"]["creds"]["uid"].as_u64(), found["rpc"]["creds"]["machine_name"].as_str()),
        (Some(1000), Some("pc"))
    );
    let written = record(session.as_ref(), 1);
    assert_eq!((written["nfs"]["file_tx"].as_bool(), written["nfs"]["filename"].as_str()), (Some(true), Some("a")));
    assert_eq!(written["nfs"]["write"]["last"], true);
    let files = session.files();
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].name.as_slice(), files[0].size, files[0].state), (&b"a"[..], 5, FileState::Closed));
    assert_eq!(session.open_files(2)[0].direction, ToClient);
}
