//! An SMS gateway: any that takes one HTTP request a message. The request is a template in which `{to}`, `{text}`,
//! `{key}` and `{secret}` are filled in, each written as its place demands.

use super::{
    channel::{Channel, Field, Post, SendError, Settings, Words},
    outward::{Ask, Outward},
};
use futures_util::future::BoxFuture;
use hyper::Method;
use std::fmt::Write;

/// Digits of a telephone number, E.164.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

pub(super) struct Sms;

static FIELDS: [Field; 6] = [
    Field {
        name: "method",
        label: ("วิธีส่ง", "Method"),
        default: "POST",
        choices: &[("POST", ("POST", "POST")), ("GET", ("GET", "GET"))],
        ..Field::PLAIN
    },
    Field {
        name: "url",
        label: ("ที่อยู่ (URL)", "Address (URL)"),
        hint: ("ใส่ {to} {text} {key} {secret} หลังชื่อเซิร์ฟเวอร์ได้", "May hold {to} {text} {key} {secret} after the host"),
        required: true,
        ..Field::PLAIN
    },
    Field {
        name: "body_kind",
        label: ("รูปแบบเนื้อหา", "Kind of body"),
        default: "json",
        choices: &[("json", ("JSON", "JSON")), ("form", ("แบบฟอร์ม", "Form")), ("none", ("ไม่มีเนื้อหา", "None"))],
        ..Field::PLAIN
    },
    Field {
        name: "body",
        label: ("เนื้อหา", "Body"),
        hint: ("เช่น {\"to\":\"{to}\",\"message\":\"{text}\"}", "Such as {\"to\":\"{to}\",\"message\":\"{text}\"}"),
        default: "{\"to\":\"{to}\",\"message\":\"{text}\"}",
        long: true,
        ..Field::PLAIN
    },
    Field {
        name: "header",
        label: ("ส่วนหัว (header) ที่ใส่รหัสลับ", "Header that holds the secret"),
        hint: ("เช่น Authorization: Bearer {secret}", "Such as Authorization: Bearer {secret}"),
        ..Field::PLAIN
    },
    Field {
        name: "numbers",
        label: ("รูปแบบเบอร์ที่ส่ง", "Numbers as sent"),
        default: "as_written",
        choices: &[
            ("as_written", ("ตามที่บันทึกไว้", "As they are kept")),
            ("66", ("ใช้ 66 แทนเลข 0 ตัวหน้า", "66 in place of the first 0")),
        ],
        ..Field::PLAIN
    },
];

/// Where a value is written.
#[derive(Clone, Copy)]
enum Place {
    Url,
    Form,
    Json,
    Header,
}

impl Channel for Sms {
    fn kind(&self) -> &'static str {
        "sms"
    }

    fn name(&self) -> Words {
        ("SMS (ผ่านผู้ให้บริการ)", "SMS (through a gateway)")
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn secret(&self) -> Option<Words> {
        Some(("รหัสลับของผู้ให้บริการ", "The gateway's secret"))
    }

    fn address(&self) -> Words {
        ("เบอร์โทรศัพท์มือถือ", "Mobile number")
    }

    fn check(&self, settings: &Settings<'_>, outward: &Outward) -> Result<(), String> {
        let url = settings.get("url");
        // Nothing that is filled in may choose the host.
        let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
        let host = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains(['{', '}']) {
            return Err("the host holds nothing that is filled in".to_owned());
        }
        let values = Values { to: "66812345678", text: "x", key: "0", secret: settings.secret };
        outward.check_url(&values.fill(url, Place::Url))?;
        if settings.get("method") == "POST" && settings.get("body_kind") == "json" {
            let body = values.fill(settings.get("body"), Place::Json);
            serde_json::from_str::<serde_json::Value>(&body)
                .map_err(|error| format!("the body is no JSON: {error}"))?;
        }
        let (name, value) = header_of(settings).unwrap_or(("x", String::new()));
        let good = hyper::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && hyper::header::HeaderValue::from_str(&value).is_ok();
        if good { Ok(()) } else { Err("the header is a name, a colon and a value".to_owned()) }
    }

    fn check_address(&self, address: &str) -> Result<(), String> {
        let digits = address.strip_prefix('+').unwrap_or(address);
        let good = DIGITS.contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        if good { Ok(()) } else { Err("a number has 8 to 15 digits, such as 0812345678".to_owned()) }
    }

    fn send<'a>(&'a self, post: Post<'a>) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let settings = &post.settings;
            let to = number(post.address, settings.get("numbers") == "66");
            let text = post.message.short();
            let values = Values { to: &to, text: &text, key: post.key, secret: settings.secret };
            let is_post = settings.get("method") == "POST";
            let (media_type, place) = match settings.get("body_kind") {
                "json" => (Some("application/json"), Place::Json),
                "form" => (Some("application/x-www-form-urlencoded"), Place::Form),
                _ => (None, Place::Form),
            };
            let mut headers = vec![("idempotency-key".to_owned(), post.key.to_owned())];
            let mut body = String::new();
            if let Some(media_type) = media_type.filter(|_| is_post) {
                headers.push(("content-type".to_owned(), media_type.to_owned()));
                body = values.fill(settings.get("body"), place);
            }
            headers.extend(header_of(settings).map(|(name, value)| (name.to_ascii_lowercase(), value)));
            let method = if is_post { Method::POST } else { Method::GET };
            let url = values.fill(settings.get("url"), Place::Url);
            let answer = post.outward.send(Ask { method, url, headers, body: body.into_bytes() }).await?;
            match answer.status {
                200..=299 => Ok(()),
                422 => Err(SendError::Address("the gateway answered 422".to_owned())),
                other => Err(SendError::Channel(format!("the gateway answered {other}"))),
            }
        })
    }
}

/// The header with the secret, where one is set.
fn header_of<'a>(settings: &Settings<'a>) -> Option<(&'a str, String)> {
    let (name, value) = settings.get("header").split_once(':')?;
    let values = Values { to: "", text: "", key: "", secret: settings.secret };
    Some((name.trim(), values.fill(value.trim(), Place::Header)))
}

/// `0812345678` as `66812345678`, where the gateway wants it so.
fn number(address: &str, with_country: bool) -> String {
    let digits = address.strip_prefix('+').unwrap_or(address);
    match digits.strip_prefix('0') {
        Some(rest) if with_country => format!("66{rest}"),
        _ if with_country => digits.to_owned(),
        _ => address.to_owned(),
    }
}

/// What is filled in.
#[derive(Clone, Copy)]
struct Values<'a> {
    to: &'a str,
    text: &'a str,
    key: &'a str,
    secret: &'a str,
}

impl Values<'_> {
    /// Fills a template in one pass: what a value holds is never taken for a place to fill in.
    fn fill(&self, template: &str, place: Place) -> String {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            out.push_str(rest.get(..at).unwrap_or_default());
            let from = rest.get(at..).unwrap_or_default();
            let known = [("{to}", self.to), ("{text}", self.text), ("{key}", self.key), ("{secret}", self.secret)];
            match known.into_iter().find(|(name, _)| from.starts_with(name)) {
                Some((name, value)) => {
                    out.push_str(&written(value, place));
                    rest = from.get(name.len()..).unwrap_or_default();
                }
                None => {
                    out.push('{');
                    rest = from.get(1..).unwrap_or_default();
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// A value as its place demands.
fn written(value: &str, place: Place) -> String {
    match place {
        Place::Header => value.to_owned(),
        Place::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
        }
        Place::Url | Place::Form => {
            let mut out = String::with_capacity(value.len());
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    out.push(char::from(byte));
                } else {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_written_as_its_place_demands_and_never_filled_in_again() {
        let values = Values { to: "+66 81", text: "ก \"{secret}\"", key: "k", secret: "s&x=1" };
        assert_eq!(
            values.fill("https://g.example/?to={to}&t={text}&s={secret}", Place::Url),
            "https://g.example/?to=%2B66%2081&t=%E0%B8%81%20%22%7Bsecret%7D%22&s=s%26x%3D1"
        );
        assert_eq!(
            values.fill("{\"to\":\"{to}\",\"m\":\"{text}\",\"x\":{}}", Place::Json),
            "{\"to\":\"+66 81\",\"m\":\"ก \\\"{secret}\\\"\",\"x\":{}}"
        );
        assert_eq!(values.fill("Bearer {secret}", Place::Header), "Bearer s&x=1");
        assert_eq!(values.fill("{", Place::Form), "{");
    }

    #[test]
    fn a_thai_number_gets_its_country_where_the_gateway_wants_it() {
        assert_eq!(number("0812345678", true), "66812345678");
        assert_eq!(number("+66812345678", true), "66812345678");
        assert_eq!(number("0812345678", false), "0812345678");
    }

    #[test]
    fn nothing_that_is_filled_in_chooses_the_host() {
        let outward = Outward::new(super::super::outward::OutwardSettings::default());
        for (url, expected) in [
            ("https://gateway.example/send?to={to}", true),
            ("https://{to}/send", false),
            ("https://gateway.example:{key}/", false),
            ("https://gateway.example{text}/", false),
            ("http://gateway.example/", false),
            ("{secret}://gateway.example/", false),
        ] {
            let values = [("url".to_owned(), url.to_owned())].into();
            let settings = Settings { fields: Sms.fields(), values: &values, secret: "s" };
            assert_eq!(Sms.check(&settings, &outward).is_ok(), expected, "{url}");
        }
    }
}
