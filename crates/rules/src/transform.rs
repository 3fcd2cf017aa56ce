//! Transforms: what is done to a sticky buffer before its contents are looked for.

use crate::{
    bytes::{self, Names},
    condition::{Base64Mode, Transform},
    content::Value,
    text::{Fault, Text},
};

/// Most bytes that `gunzip` and `zlib_deflate` give, unless `max-size` says less.
pub(crate) const INFLATED_BYTES_MAX: u32 = 65_536;

type Read = fn(Option<Text<'_>>, Text<'_>, &Names) -> Result<Transform, Fault>;

/// Keyword, reader.
const TRANSFORMS: &[(&str, Read)] = &[
    ("compress_whitespace", |v, k, _| plain(v, k, Transform::CompressWhitespace)),
    ("domain", |v, k, _| plain(v, k, Transform::Domain)),
    ("dotprefix", |v, k, _| plain(v, k, Transform::DotPrefix)),
    ("from_base64", |v, _, names| from_base64(v, names)),
    ("gunzip", |v, _, _| inflated(v).map(|bytes_max| Transform::Gunzip { bytes_max })),
    ("header_lowercase", |v, k, _| plain(v, k, Transform::HeaderLowercase)),
    ("pcrexform", |v, k, _| expression(v, k)),
    ("strip_pseudo_headers", |v, k, _| plain(v, k, Transform::StripPseudoHeaders)),
    ("strip_whitespace", |v, k, _| plain(v, k, Transform::StripWhitespace)),
    ("tld", |v, k, _| plain(v, k, Transform::TopLevelDomain)),
    ("to_lowercase", |v, k, _| plain(v, k, Transform::ToLowercase)),
    ("to_md5", |v, k, _| plain(v, k, Transform::ToMd5)),
    ("to_sha1", |v, k, _| plain(v, k, Transform::ToSha1)),
    ("to_sha256", |v, k, _| plain(v, k, Transform::ToSha256)),
    ("to_uppercase", |v, k, _| plain(v, k, Transform::ToUppercase)),
    ("url_decode", |v, k, _| plain(v, k, Transform::UrlDecode)),
    ("xor", |v, k, _| xor(v, k)),
    ("zlib_deflate", |v, _, _| inflated(v).map(|bytes_max| Transform::ZlibDeflate { bytes_max })),
];

/// The transform of a keyword; `None` when the keyword is no transform.
pub(crate) fn parse(keyword: Text<'_>, value: Option<Text<'_>>, names: &Names) -> Option<Result<Transform, Fault>> {
    let (_, read) = TRANSFORMS.iter().find(|(name, _)| *name == keyword.text)?;
    Some(read(value, keyword, names))
}

pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    TRANSFORMS.iter().map(|(name, _)| *name)
}

fn plain(value: Option<Text<'_>>, keyword: Text<'_>, transform: Transform) -> Result<Transform, Fault> {
    match value {
        Some(value) if !value.is_empty() => Err(value.fault(format!("{} takes no value", keyword.text))),
        _ => Ok(transform),
    }
}

fn expression(value: Option<Text<'_>>, keyword: Text<'_>) -> Result<Transform, Fault> {
    match value.map(Text::unquote) {
        Some(text) if !text.is_empty() => {
            Ok(Transform::Expression(text.text.replace("\\;", ";").replace("\\\"", "\"")))
        }
        _ => Err(keyword.fault("pcrexform needs an expression in quotes")),
    }
}

fn xor(value: Option<Text<'_>>, keyword: Text<'_>) -> Result<Transform, Fault> {
    let key = value.map(Text::unquote).ok_or_else(|| keyword.fault("xor needs a key in hexadecimal"))?;
    let digits: Vec<u8> =
        key.text.bytes().filter_map(|b| (b as char).to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    if digits.is_empty() || digits.len() != key.text.len() || digits.len() % 2 == 1 || digits.len() > 1024 {
        return Err(key.fault("xor needs a key of pairs of hexadecimal digits"));
    }
    let pair = |pair: &[u8]| pair.iter().fold(0u8, |n, d| n << 4 | d);
    Ok(Transform::Xor(digits.chunks(2).map(pair).collect()))
}

fn from_base64(value: Option<Text<'_>>, names: &Names) -> Result<Transform, Fault> {
    let (mut bytes, mut offset, mut mode) = (None, Value::Number(0), Base64Mode::Rfc4648);
    for option in value.map(|v| v.split(',')).unwrap_or_default() {
        let (word, rest) = option.word();
        match word.text.to_ascii_lowercase().as_str() {
            "" => {}
            "bytes" => bytes = Some(small(rest, names)?),
            "offset" => offset = small(rest, names)?,
            "mode" => {
                mode = match rest.text.to_ascii_lowercase().as_str() {
                    "rfc4648" => Base64Mode::Rfc4648,
                    "rfc2045" => Base64Mode::Rfc2045,
                    "strict" => Base64Mode::Strict,
                    _ => return Err(rest.fault("the mode is rfc4648, rfc2045 or strict")),
                }
            }
            _ => {
                return Err(option
                    .fault(format!("{:?} is not an option of from_base64", option.text))
                    .hint("bytes N, offset N, mode M"));
            }
        }
    }
    Ok(Transform::FromBase64 { bytes, offset, mode })
}

/// A number of bytes within Suricata's 64 KiB, or a variable.
fn small(text: Text<'_>, names: &Names) -> Result<Value, Fault> {
    match bytes::value(text, names)? {
        Value::Number(n) if !(0..=65_535).contains(&n) => Err(text.fault("from_base64 takes 0 to 65535")),
        value => Ok(value),
    }
}

fn inflated(value: Option<Text<'_>>) -> Result<u32, Fault> {
    let Some(text) = value.filter(|v| !v.is_empty()) else { return Ok(INFLATED_BYTES_MAX) };
    let (word, rest) = text.word();
    if word.text != "max-size" {
        return Err(text.fault(format!("{:?} is not an option here", word.text)).hint("max-size N"));
    }
    let size: u32 = rest.number()?;
    if size == 0 || size > INFLATED_BYTES_MAX * 16 {
        return Err(rest.fault(format!("max-size is 1 to {}", INFLATED_BYTES_MAX * 16)));
    }
    Ok(size)
}
