//! A webhook: JSON to an address of the sector's own choice, signed so that its receiver knows whom it is from.
//!
//! `X-Phitak-Signature: t=<seconds>,v1=<HMAC-SHA-256 of "<seconds>.<body>", hexadecimal>`; `Idempotency-Key` is the same at
//! each attempt.

use super::{
    channel::{Channel, Field, Post, SendError, Settings, Words, made_of},
    outward::{Ask, Outward},
};
use futures_util::future::BoxFuture;
use hyper::Method;
use ring::hmac;
use serde_json::json;

/// Longest address of a person: what the receiver makes of it is its own business.
const ADDRESS_CHARS_MAX: usize = 100;
/// A signature by fewer letters can be guessed.
const SECRET_CHARS_MIN: usize = 16;

pub(super) struct Webhook;

static FIELDS: [Field; 1] = [Field {
    name: "url",
    label: ("ที่อยู่ (URL)", "Address (URL)"),
    hint: ("https://…", "https://…"),
    required: true,
    ..Field::PLAIN
}];

impl Channel for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn name(&self) -> Words {
        ("เว็บฮุก (ส่งเข้าระบบอื่น)", "Webhook (to another system)")
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn secret(&self) -> Option<Words> {
        Some(("กุญแจสำหรับลงลายมือชื่อดิจิทัล", "Key for the signature"))
    }

    fn address(&self) -> Words {
        ("ชื่อผู้รับในระบบนั้น", "The receiver's name in that system")
    }

    fn check(&self, settings: &Settings<'_>, outward: &Outward) -> Result<(), String> {
        if settings.secret.chars().count() < SECRET_CHARS_MIN {
            return Err(format!("the key for the signature has at least {SECRET_CHARS_MIN} characters"));
        }
        outward.check_url(settings.get("url")).map(|_| ())
    }

    fn check_address(&self, address: &str) -> Result<(), String> {
        let good = made_of(address, ADDRESS_CHARS_MAX, |letter| !letter.is_control());
        if good { Ok(()) } else { Err(format!("a name has 1 to {ADDRESS_CHARS_MAX} characters on one line")) }
    }

    fn send<'a>(&'a self, post: Post<'a>) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let message = post.message;
            let body = json!({
                "id": post.key,
                "kind": message.kind_word(),
                "severity": message.severity_word(),
                "at": message.at.iso(),
                "to": post.address,
                "text": {"th": message.line_th(), "en": message.line_en()},
                "link": message.link,
            })
            .to_string();
            let seconds = post.now.micros() / 1_000_000;
            let headers = vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("idempotency-key".to_owned(), post.key.to_owned()),
                ("x-phitak-signature".to_owned(), signature(post.settings.secret, seconds, &body)),
            ];
            let url = post.settings.get("url").to_owned();
            let answer = post.outward.send(Ask { method: Method::POST, url, headers, body: body.into_bytes() }).await?;
            match answer.status {
                200..=299 => Ok(()),
                410 | 422 => Err(SendError::Address(format!("the receiver answered {}", answer.status))),
                other => Err(SendError::Channel(format!("the receiver answered {other}"))),
            }
        })
    }
}

/// The signature's header.
fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart, with `printf '1790000000.{"a":1}' | openssl dgst -sha256 -hmac 'a key of the receiver'`.
    #[test]
    fn a_signature_is_what_openssl_makes_of_the_same() {
        assert_eq!(
            signature("a key of the receiver", 1_790_000_000, "{\"a\":1}"),
            "t=1790000000,v1=c5c1a1d4fb2abeec69982bd34c10ba115928be1fc0a9c54a71bc773f558e7ec8"
        );
    }
}
