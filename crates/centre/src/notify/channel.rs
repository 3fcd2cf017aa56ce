//! What a channel is: its settings, what an address of it looks like, and how it sends.
//!
//! A new channel is a copy of one file beside this one, changed, and one line in [`CHANNELS`]: pages, settings, outbox and
//! log follow from what it declares.

use super::{line::Line, mail::Mail, outward::Outward, sms::Sms, telegram::Telegram, webhook::Webhook, words::Message};
use futures_util::future::BoxFuture;
use phitak_model::Timestamp;
use std::{collections::BTreeMap, fmt};

/// Every channel, by its word.
pub static CHANNELS: &[&dyn Channel] = &[&Line, &Mail, &Sms, &Telegram, &Webhook];

/// Longest value of a setting, in characters.
pub const VALUE_CHARS_MAX: usize = 2_000;
/// Longest secret, in characters.
pub const SECRET_CHARS_MAX: usize = 2_000;

/// Words for people: Thai, English.
pub type Words = (&'static str, &'static str);

/// A setting of a channel.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub label: Words,
    pub hint: Words,
    /// The value where nothing is given; empty for none.
    pub default: &'static str,
    pub required: bool,
    /// The values that may be chosen; any text where there are none.
    pub choices: &'static [(&'static str, Words)],
    /// Whether the text may have several lines.
    pub long: bool,
}

impl Field {
    /// A setting of one line without a default.
    pub(crate) const PLAIN: Self =
        Self { name: "", label: ("", ""), hint: ("", ""), default: "", required: false, choices: &[], long: false };
}

/// One way to tell people.
pub trait Channel: Sync {
    /// Its word in the tables and in addresses of the API.
    fn kind(&self) -> &'static str;
    fn name(&self) -> Words;
    fn fields(&self) -> &'static [Field];
    /// What its secret is; `None` for a channel without one.
    fn secret(&self) -> Option<Words>;
    /// What an address is.
    fn address(&self) -> Words;
    /// Whether it may be the only one by which somebody is told. A channel that is metered or often muted may not.
    fn may_stand_alone(&self) -> bool {
        true
    }
    /// Checks the settings as far as it can be done without sending.
    ///
    /// # Errors
    /// Names what is wrong, for the person at the page.
    fn check(&self, settings: &Settings<'_>, outward: &Outward) -> Result<(), String>;
    /// # Errors
    /// Names what is wrong with a person's address.
    fn check_address(&self, address: &str) -> Result<(), String>;
    /// Sends one message, within the times of [`super::dispatch`].
    fn send<'a>(&'a self, post: Post<'a>) -> BoxFuture<'a, Result<(), SendError>>;
}

/// The settings of a channel, with its secret.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    pub fields: &'static [Field],
    pub values: &'a BTreeMap<String, String>,
    /// Empty where there is none.
    pub secret: &'a str,
}

/// One message on its way.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    pub settings: Settings<'a>,
    pub outward: &'a Outward,
    pub address: &'a str,
    pub message: &'a Message,
    /// The same at each attempt: 32 hexadecimal digits.
    pub key: &'a str,
    pub now: Timestamp,
}

/// Why a message was not taken. Its words never hold a secret or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The channel cannot be reached, or is set up wrongly: the message is sent again later, and another channel stands in.
    Channel(String),
    /// The channel works and does not take this address.
    Address(String),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(what) | Self::Address(what) => f.write_str(what),
        }
    }
}

/// The channel of this word.
#[must_use]
pub fn by_kind(kind: &str) -> Option<&'static dyn Channel> {
    CHANNELS.iter().copied().find(|channel| channel.kind() == kind)
}

impl<'a> Settings<'a> {
    /// A setting's value, or its default.
    #[must_use]
    pub fn get(&self, name: &str) -> &'a str {
        let given = self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        given.unwrap_or_else(|| self.field(name).map_or("", |field| field.default))
    }

    fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What every channel's settings must be: declared, of bounded length, chosen from what may be chosen, whole.
    ///
    /// # Errors
    /// Names the first rule that is broken.
    pub fn check_shape(&self) -> Result<(), String> {
        for (name, value) in self.values {
            let field = self.field(name).ok_or_else(|| format!("{name} is no setting of this channel"))?;
            if value.chars().count() > VALUE_CHARS_MAX {
                return Err(format!("{name} has at most {VALUE_CHARS_MAX} characters"));
            }
            if value.chars().any(|letter| letter.is_control() && !(field.long && letter == '\n')) {
                return Err(format!("{name} stands on one line"));
            }
        }
        for field in self.fields {
            let value = self.get(field.name);
            if field.required && value.is_empty() {
                return Err(format!("{} is missing", field.name));
            }
            if !field.choices.is_empty() && !field.choices.iter().any(|(choice, _)| *choice == value) {
                return Err(format!("{} is none of its choices", field.name));
            }
        }
        if self.secret.chars().count() > SECRET_CHARS_MAX || self.secret.chars().any(char::is_control) {
            return Err(format!("a secret has at most {SECRET_CHARS_MAX} characters on one line"));
        }
        Ok(())
    }
}

/// Whether an address has only these letters and a fitting length.
pub(crate) fn made_of(address: &str, chars_max: usize, good: impl Fn(char) -> bool) -> bool {
    (1..=chars_max).contains(&address.chars().count()) && address.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_stand_in_order_and_declare_themselves_whole() {
        let kinds: Vec<&str> = CHANNELS.iter().map(|channel| channel.kind()).collect();
        assert!(kinds.is_sorted() && kinds.iter().all(|kind| by_kind(kind).is_some()));
        for channel in CHANNELS {
            let kind = channel.kind();
            assert!(made_of(kind, 16, |letter| letter.is_ascii_lowercase()), "{kind}");
            let mut words = vec![channel.name(), channel.address()];
            words.extend(channel.secret());
            words.extend(channel.fields().iter().map(|field| field.label));
            assert!(words.iter().all(|(th, en)| !th.is_empty() && !en.is_empty()), "{kind}");
            let empty = BTreeMap::new();
            let settings = Settings { fields: channel.fields(), values: &empty, secret: "" };
            let needs_something = channel.fields().iter().any(|field| field.required && field.default.is_empty());
            assert!(!needs_something || settings.check_shape().is_err(), "{kind}");
        }
    }

    #[test]
    fn no_address_of_any_channel_holds_a_line_break_or_is_endless() {
        for channel in CHANNELS {
            for bad in ["", "a@b.example\r\nBcc: c@d.example", "0812345678\n", "\u{0}", &"1".repeat(5_000), "U\r1"] {
                assert!(channel.check_address(bad).is_err(), "{} takes {bad:?}", channel.kind());
            }
        }
    }
}
