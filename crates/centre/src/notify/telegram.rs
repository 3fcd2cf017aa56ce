//! A Telegram bot: messages to whoever has written to it before. Source: core.telegram.org/bots/api, `sendMessage`.

use super::{
    channel::{Channel, Field, Post, SendError, Settings, Words, made_of},
    outward::{Ask, Outward},
};
use futures_util::future::BoxFuture;
use hyper::Method;
use serde_json::json;

const BASE: &str = "https://api.telegram.org";
/// Longest chat id.
const CHAT_CHARS_MAX: usize = 20;
/// Longest bot token.
const TOKEN_CHARS_MAX: usize = 128;

pub(super) struct Telegram;

static FIELDS: [Field; 1] = [Field {
    name: "base",
    label: ("ที่อยู่ของบริการ (URL)", "Address of the service"),
    hint: ("ปล่อยไว้ตามเดิมได้", "May stay as it is"),
    default: BASE,
    ..Field::PLAIN
}];

impl Channel for Telegram {
    fn kind(&self) -> &'static str {
        "telegram"
    }

    fn name(&self) -> Words {
        ("Telegram (บอต)", "Telegram (bot)")
    }

    fn fields(&self) -> &'static [Field] {
        &FIELDS
    }

    fn secret(&self) -> Option<Words> {
        Some(("กุญแจของบอต (bot token)", "The bot's token"))
    }

    fn address(&self) -> Words {
        ("รหัสแชต (ตัวเลข)", "Chat id (a number)")
    }

    fn check(&self, settings: &Settings<'_>, outward: &Outward) -> Result<(), String> {
        // It stands in the path of each request.
        let good = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '_' | '-');
        if !made_of(settings.secret, TOKEN_CHARS_MAX, good) {
            return Err("a bot's token is digits, a colon and letters, such as 123456:ABC-def".to_owned());
        }
        outward.check_url(settings.get("base")).map(|_| ())
    }

    fn check_address(&self, address: &str) -> Result<(), String> {
        let digits = address.strip_prefix('-').unwrap_or(address);
        let good = made_of(digits, CHAT_CHARS_MAX, |letter| letter.is_ascii_digit());
        if good { Ok(()) } else { Err("a chat id is a number".to_owned()) }
    }

    fn send<'a>(&'a self, post: Post<'a>) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let body = json!({
                "chat_id": post.address,
                "text": post.message.short(),
                "link_preview_options": {"is_disabled": true},
            })
            .to_string();
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            let base = post.settings.get("base").trim_end_matches('/');
            let url = format!("{base}/bot{}/sendMessage", post.settings.secret);
            let answer = post.outward.send(Ask { method: Method::POST, url, headers, body: body.into_bytes() }).await?;
            match answer.status {
                200..=299 => Ok(()),
                // 403: the person has stopped the bot. 401 and 404 speak of the token.
                400 | 403 => Err(SendError::Address(format!("Telegram answered {}", answer.status))),
                other => Err(SendError::Channel(format!("Telegram answered {other}"))),
            }
        })
    }
}
