//! LINE's Messaging API: push messages of an official account. They are metered, and say only that somebody should look.
//!
//! Source: developers.line.biz, Messaging API reference, "Send push message"; `X-Line-Retry-Key` makes a repeated request
//! harmless, 409 says that it was taken before.

use super::{
    channel::{Channel, Field, Post, SendError, Settings, Words},
    outward::{Ask, Outward},
};
use futures_util::future::BoxFuture;
use hyper::Method;
use serde_json::json;

const BASE: &str = "https://api.line.me";
/// Hexadecimal digits of an id, after its first letter.
const ID_DIGITS: usize = 32;

pub(super) struct Line;

static FIELDS: [Field; 1] = [Field {
    name: "base",
    label: ("ที่อยู่ของบริการ (URL)", "Address of the service"),
    hint: ("ปล่อยไว้ตามเดิมได้", "May stay as it is"),
    default: BASE,
    ..Field::PLAIN
}];

impl Channel for Line {
    fn kind(&self) -> &'static str {
        "line"
    }

    fn name(&self) -> Words {
        ("LINE OA (บัญชีทางการ)", "LINE (official account)")
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn secret(&self) -> Option<Words> {
        Some(("กุญแจของบัญชี LINE (channel access token)", "Channel access token"))
    }

    fn address(&self) -> Words {
        ("รหัสผู้ใช้ LINE (ขึ้นต้นด้วย U ไม่ใช่ LINE ID)", "LINE user id (begins with U)")
    }

    fn may_stand_alone(&self) -> bool {
        false
    }

    fn check(&self, settings: &Settings<'_>, outward: &Outward) -> Result<(), String> {
        if settings.secret.is_empty() {
            return Err("the channel access token is missing".to_owned());
        }
        outward.check_url(settings.get("base")).map(|_| ())
    }

    fn check_address(&self, address: &str) -> Result<(), String> {
        let digits = address.strip_prefix(['U', 'C', 'R']).unwrap_or_default();
        let good = digits.len() == ID_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if good { Ok(()) } else { Err("a LINE id is U, C or R with 32 hexadecimal digits".to_owned()) }
    }

    fn send<'a>(&'a self, post: Post<'a>) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let text = post.message.short();
            let body = json!({"to": post.address, "messages": [{"type": "text", "text": text}]}).to_string();
            let headers = vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("authorization".to_owned(), format!("Bearer {}", post.settings.secret)),
                ("x-line-retry-key".to_owned(), uuid(post.key)),
            ];
            let url = format!("{}/v2/bot/message/push", post.settings.get("base").trim_end_matches('/'));
            let answer = post.outward.send(Ask { method: Method::POST, url, headers, body: body.into_bytes() }).await?;
            match answer.status {
                200..=299 | 409 => Ok(()),
                400 | 404 => Err(SendError::Address(format!("LINE answered {}", answer.status))),
                other => Err(SendError::Channel(format!("LINE answered {other}"))),
            }
        })
    }
}

/// 32 hexadecimal digits in the shape of a UUID.
fn uuid(key: &str) -> String {
    let part = |from: usize, to: usize| key.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
