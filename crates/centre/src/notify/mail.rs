//! Mail by SMTP (RFC 5321), with STARTTLS or TLS; plain only to a server on this same machine.
//!
//! Nothing that anybody typed reaches a header as it stands: addresses are parsed, names and subjects encoded.

use super::{
    channel::{Channel, Field, Post, SendError, Settings, Words},
    outward::{Outward, addresses_of},
};
use futures_util::future::BoxFuture;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters, TlsParametersBuilder},
        extension::ClientId,
    },
};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// How long the server may take for one step.
const STEP_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest address, RFC 5321 section 4.5.3.1.3.
const ADDRESS_CHARS_MAX: usize = 254;
/// Replies that speak of the login or of this centre, not of the receiver (RFC 4954 section 6, RFC 5321 section 4.2.3).
const NOT_OF_THE_ADDRESS: [&str; 8] = ["500", "502", "503", "504", "530", "534", "535", "538"];

pub(super) struct Mail;

static FIELDS: [Field; 6] = [
    Field {
        name: "host",
        label: ("เซิร์ฟเวอร์ส่งอีเมล", "Mail server"),
        hint: ("เช่น smtp.example.go.th", "Such as smtp.example.go.th"),
        required: true,
        ..Field::PLAIN
    },
    Field { name: "port", label: ("พอร์ต", "Port"), default: "587", required: true, ..Field::PLAIN },
    Field {
        name: "security",
        label: ("การเข้ารหัส", "Encryption"),
        default: "starttls",
        choices: &[
            ("starttls", ("STARTTLS", "STARTTLS")),
            ("tls", ("TLS ตั้งแต่ต้น", "TLS from the start")),
            ("plain", ("ไม่เข้ารหัส (เฉพาะเมื่อเซิร์ฟเวอร์อยู่ในเครื่องนี้)", "None (only on this machine)")),
        ],
        ..Field::PLAIN
    },
    Field {
        name: "user",
        label: ("ชื่อผู้ใช้", "User name"),
        hint: ("เว้นว่างไว้ ถ้าไม่ต้องเข้าสู่ระบบ", "Empty where no login is needed"),
        ..Field::PLAIN
    },
    Field {
        name: "from",
        label: ("ส่งจากที่อยู่", "Sender's address"),
        hint: ("เช่น phitak@example.go.th", "Such as phitak@example.go.th"),
        required: true,
        ..Field::PLAIN
    },
    Field {
        name: "from_name", label: ("ชื่อผู้ส่ง", "Sender's name"), default: "พิทักษ์", ..Field::PLAIN
    },
];

impl Channel for Mail {
    fn kind(&self) -> &'static str {
        "mail"
    }

    fn name(&self) -> Words {
        ("อีเมล", "Mail")
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn secret(&self) -> Option<Words> {
        Some(("รหัสผ่านของบัญชีที่ใช้ส่ง", "The user's password"))
    }

    fn address(&self) -> Words {
        ("ที่อยู่อีเมล", "Mail address")
    }

    fn check(&self, settings: &Settings<'_>, _: &Outward) -> Result<(), String> {
        address(settings.get("from"))?;
        port(settings)?;
        let host = settings.get("host");
        let good = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'));
        if good { Ok(()) } else { Err("the server is a name or an address, without a port".to_owned()) }
    }

    fn check_address(&self, text: &str) -> Result<(), String> {
        address(text).map(|_| ())
    }

    fn send<'a>(&'a self, post: Post<'a>) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let message = letter(&post)?;
            let transport = transport(&post).await.map_err(SendError::Channel)?;
            match transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) => Err(refusal(&error)),
            }
        })
    }
}

/// An address as it may stand in an envelope and a header.
fn address(text: &str) -> Result<Address, String> {
    let what = "a mail address is such as name@example.go.th";
    let good =
        text.len() <= ADDRESS_CHARS_MAX && text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control() || b == b' ');
    if !good {
        return Err(what.to_owned());
    }
    text.parse().map_err(|_| what.to_owned())
}

fn port(settings: &Settings<'_>) -> Result<u16, String> {
    let port = settings.get("port").parse::<u16>().ok().filter(|port| *port > 0);
    port.ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

/// The message as it is sent.
fn letter(post: &Post<'_>) -> Result<Message, SendError> {
    let from = address(post.settings.get("from")).map_err(SendError::Channel)?;
    let to = address(post.address).map_err(SendError::Address)?;
    let id = format!("<{}@{}>", post.key, from.domain());
    // Settings refuse control characters; in a name lettre would panic over one.
    let name: String = post.settings.get("from_name").chars().filter(|letter| !letter.is_control()).collect();
    // RFC 3834: nobody's absence note answers it.
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    Message::builder()
        .from(Mailbox::new(Some(name), from))
        .to(Mailbox::new(None, to))
        .subject(post.message.line_th())
        .message_id(Some(id))
        .raw_header(automatic)
        .header(ContentType::TEXT_PLAIN)
        .body(post.message.whole())
        .map_err(|_| SendError::Channel("the message cannot be written".to_owned()))
}

async fn transport(post: &Post<'_>) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let settings = &post.settings;
    let host = settings.get("host");
    let security = settings.get("security");
    let server = server(host, port(settings)?, security == "plain").await?;
    let tls = match security {
        "tls" => Tls::Wrapper(tls(host, post.outward)?),
        "starttls" => Tls::Required(tls(host, post.outward)?),
        _ => Tls::None,
    };
    // The address that was checked, not the name: what is connected to is what was looked at.
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.ip().to_string())
        .port(server.port())
        .timeout(Some(STEP_TIME_MAX))
        .hello_name(ClientId::Domain("phitak".to_owned()))
        .tls(tls);
    if !settings.get("user").is_empty() {
        builder = builder.credentials(Credentials::new(settings.get("user").to_owned(), settings.secret.to_owned()));
    }
    Ok(builder.build())
}

/// Where the server is. It may stand in a private network, as mail servers do; never where machines tell secrets of
/// themselves.
async fn server(host: &str, port: u16, is_plain: bool) -> Result<SocketAddr, String> {
    let mut found = addresses_of(host, port).await?;
    // One address is used: by IPv4 more mail servers listen.
    found.sort_by_key(SocketAddr::is_ipv6);
    let allowed = found.into_iter().find(|address| {
        let ip = address.ip().to_canonical();
        may_be_a_mail_server(ip) && (!is_plain || ip.is_loopback())
    });
    let why = if is_plain {
        "without encryption only a server on this machine is used"
    } else {
        "the server has no address that may be used"
    };
    allowed.ok_or_else(|| why.to_owned())
}

fn may_be_a_mail_server(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(four) => {
            !(four.is_link_local() || four.is_unspecified() || four.is_multicast() || four.is_broadcast())
        }
        IpAddr::V6(six) => {
            let first = six.segments().first().copied().unwrap_or(0);
            let metadata = six.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
            !(first & 0xffc0 == 0xfe80 || six.is_unspecified() || six.is_multicast() || metadata)
        }
    }
}

fn tls(host: &str, outward: &Outward) -> Result<TlsParameters, String> {
    let mut builder: TlsParametersBuilder = TlsParameters::builder(host.to_owned());
    for root in &outward.settings().extra_roots {
        let root = Certificate::from_der(root.to_vec()).map_err(|_| "an extra authority cannot be read".to_owned())?;
        builder = builder.add_root_certificate(root);
    }
    builder.build_rustls().map_err(|_| "TLS cannot be set up for this server".to_owned())
}

/// Whose fault it was. The server's own words may hold the address, so only its number is kept.
fn refusal(error: &lettre::transport::smtp::Error) -> SendError {
    match error.status() {
        Some(code) => {
            let number = code.to_string();
            let what = format!("the mail server answered {number}");
            let is_of_address = error.is_permanent() && !NOT_OF_THE_ADDRESS.contains(&number.as_str());
            if is_of_address { SendError::Address(what) } else { SendError::Channel(what) }
        }
        None if error.is_timeout() => SendError::Channel("the mail server did not answer in time".to_owned()),
        None if error.is_tls() => {
            SendError::Channel("no encryption that can be trusted with the mail server".to_owned())
        }
        None => SendError::Channel("the mail server cannot be reached, or broke off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{
        outward::OutwardSettings,
        words::{self, About},
    };
    use phitak_model::Timestamp;
    use std::collections::BTreeMap;

    fn written(values: &[(&str, &str)], to: &str) -> Result<String, SendError> {
        let values: BTreeMap<String, String> =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let outward = Outward::new(OutwardSettings::default());
        let message = words::Message {
            about: About::Test,
            link: "https://phitak.example/".to_owned(),
            at: Timestamp::from_secs(1_790_000_000),
        };
        let settings = Settings { fields: Mail.fields(), values: &values, secret: "" };
        let now = Timestamp::from_secs(1_790_000_000);
        let post = Post { settings, outward: &outward, address: to, message: &message, key: "ab12", now };
        letter(&post).map(|letter| String::from_utf8(letter.formatted()).expect("ASCII"))
    }

    #[test]
    fn nothing_that_anybody_typed_makes_a_header() {
        let good = written(&[("from", "phitak@example.go.th")], "anan@hospital.example").expect("a letter");
        let head = good.split("\r\n\r\n").next().expect("a head");
        let names: Vec<&str> =
            head.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(':').next()).collect();
        for name in &names {
            assert!(
                [
                    "From",
                    "To",
                    "Subject",
                    "Message-ID",
                    "Auto-Submitted",
                    "Content-Type",
                    "Content-Transfer-Encoding",
                    "Date",
                    "MIME-Version"
                ]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name)),
                "{name}"
            );
        }
        assert!(good.contains("Message-ID: <ab12@example.go.th>"), "{good}");
        let evil = "x\r\nBcc: everybody@example.com\r\n\r\nHello";
        let named = written(&[("from", "phitak@example.go.th"), ("from_name", evil)], "anan@hospital.example");
        let named = named.expect("a letter");
        assert!(!named.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{named}");
        assert!(matches!(written(&[("from", evil)], "anan@hospital.example"), Err(SendError::Channel(_))));
        for to in [
            evil,
            "a@b.example\nBcc: c@d.example",
            "a@b.example, c@d.example",
            "a@b.example\0",
            "<a@b.example>",
            "a b@c.example",
            "@b",
            "a@",
        ] {
            assert!(matches!(written(&[("from", "phitak@example.go.th")], to), Err(SendError::Address(_))), "{to:?}");
        }
    }

    #[test]
    fn a_mail_server_is_never_where_machines_tell_secrets() {
        for (text, expected) in [
            ("10.1.2.3", true),
            ("203.113.0.1", true),
            ("127.0.0.1", true),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("fd00::25", true),
        ] {
            assert_eq!(may_be_a_mail_server(text.parse().expect("an address")), expected, "{text}");
        }
    }
}
