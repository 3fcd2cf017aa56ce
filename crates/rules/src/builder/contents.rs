//! Keywords that look for bytes, and those that change a content.

use super::{Builder, Taken, needed, no_value};
use crate::{
    asn1,
    buffer::Buffer,
    bytes,
    content::{self, Content, SPAN_MAX, Value},
    dataset, entropy, number, pattern,
    rule::Test,
    text::{Fault, Text},
};

impl Builder<'_> {
    pub(super) fn take_contents(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        match keyword.text {
            "content" => {
                let content = read_content(needed(keyword, value)?)?;
                let section = self.current(keyword)?;
                self.push_test(section, keyword, Test::Content(content));
            }
            "uricontent" => {
                let content = read_content(needed(keyword, value)?)?;
                let section = self.legacy_section(keyword, &Buffer::Named("http.uri".into()))?;
                self.push_test(section, keyword, Test::Content(content));
            }
            "pcre" => self.pcre(keyword, needed(keyword, value)?)?,
            "base64_data" => {
                no_value(keyword, value)?;
                self.check_sticky_was_used()?;
                let index = self.new_section(keyword, Buffer::Base64, false)?;
                self.sticky = Some(index);
                (self.last, self.before) = (None, None);
            }
            "pkt_data" => {
                no_value(keyword, value)?;
                self.check_sticky_was_used()?;
                self.sticky = None;
                self.last = None;
                self.before = None;
            }
            "urilen" => self.uri_length(keyword, needed(keyword, value)?)?,
            "filename" | "filemagic" | "fileext" => self.file_word(keyword, needed(keyword, value)?)?,
            "ssh.softwareversion" => self.whole_word(keyword, needed(keyword, value)?, "ssh.software")?,
            "tls.subject" => self.whole_word(keyword, needed(keyword, value)?, "tls.cert_subject")?,
            "tls.issuerdn" => self.whole_word(keyword, needed(keyword, value)?, "tls.cert_issuer")?,
            "tls.fingerprint" => self.whole_word(keyword, needed(keyword, value)?, "tls.cert_fingerprint")?,
            _ => {
                if let Some(test) = self.other_test(keyword, value)? {
                    let section = self.current_for(keyword, test.is_relative())?;
                    self.push_test(section, keyword, test);
                    return Ok(true);
                }
                return self.take_content_modifier(keyword, value);
            }
        }
        Ok(true)
    }

    /// Tests of the current buffer that are neither contents nor expressions.
    fn other_test(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Result<Option<Test>, Fault> {
        let names = &mut self.names;
        Ok(Some(match keyword.text {
            "byte_test" => Test::ByteTest(bytes::byte_test(needed(keyword, value)?, names)?),
            "byte_jump" => Test::ByteJump(bytes::byte_jump(needed(keyword, value)?, names)?),
            "byte_extract" => Test::ByteExtract(bytes::byte_extract(needed(keyword, value)?, names)?),
            "byte_math" => Test::ByteMath(bytes::byte_math(needed(keyword, value)?, names)?),
            "isdataat" => Test::IsDataAt(bytes::is_data_at(needed(keyword, value)?, names)?),
            "base64_decode" => Test::Base64Decode(bytes::base64_decode(value.filter(|v| !v.is_empty()))?),
            "asn1" => Test::Asn1(asn1::parse(needed(keyword, value)?)?),
            "entropy" => Test::Entropy(entropy::parse(needed(keyword, value)?)?),
            "bsize" | "dataset" | "datarep" | "absent" if self.sticky.is_none() => {
                return Err(keyword.fault(format!("{} must follow a sticky buffer", keyword.text)));
            }
            "bsize" => Test::BufferSize(number::parse(needed(keyword, value)?, u64::MAX, &[])?),
            "dataset" => Test::Dataset(dataset::dataset(needed(keyword, value)?)?),
            "datarep" => Test::DataReputation(dataset::reputation(needed(keyword, value)?)?),
            "absent" => match value.filter(|v| !v.is_empty()) {
                None => Test::Absent { or_else: false },
                Some(v) if v.text == "or_else" => Test::Absent { or_else: true },
                Some(v) => return Err(v.fault("absent takes nothing or or_else")),
            },
            _ => return Ok(None),
        }))
    }

    fn take_content_modifier(&mut self, keyword: Text<'_>, value: Option<Text<'_>>) -> Taken {
        match keyword.text {
            "nocase" => {
                no_value(keyword, value)?;
                self.last_content(keyword)?.nocase = true;
            }
            "rawbytes" => {
                no_value(keyword, value)?;
                self.last_content(keyword)?;
            }
            "startswith" => {
                no_value(keyword, value)?;
                self.last_content(keyword)?.starts_with = true;
            }
            "endswith" => {
                no_value(keyword, value)?;
                self.last_content(keyword)?.ends_with = true;
            }
            "fast_pattern" => {
                let content = self.last_content(keyword)?;
                let fast = content::fast_pattern(value.filter(|v| !v.is_empty()), content.pattern.len())?;
                content.fast_pattern = Some(fast);
                self.once(keyword, "fast_pattern")?;
            }
            "offset" | "depth" | "distance" | "within" => {
                let value = needed(keyword, value)?;
                let number = span(value, &self.names, matches!(keyword.text, "distance"))?;
                let content = self.last_content(keyword)?;
                let slot = match keyword.text {
                    "offset" => &mut content.offset,
                    "depth" => &mut content.depth,
                    "distance" => &mut content.distance,
                    _ => &mut content.within,
                };
                if slot.replace(number).is_some() {
                    return Err(keyword.fault(format!("{} is given twice for one content", keyword.text)));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn pcre(&mut self, keyword: Text<'_>, value: Text<'_>) -> Result<(), Fault> {
        let (pattern, buffer) = pattern::parse(value)?;
        let section = match buffer {
            Some(name) if self.sticky.is_some() => self.sticky_of(name).ok_or_else(|| {
                value.fault(format!("a flag of pcre chooses {name} while another sticky buffer is on"))
            })?,
            Some(name) => self.legacy_section(keyword, &Buffer::Named(name.to_owned()))?,
            None => self.current_for(keyword, pattern.relative)?,
        };
        self.push_test(section, keyword, Test::Pattern(pattern));
        Ok(())
    }

    fn uri_length(&mut self, keyword: Text<'_>, value: Text<'_>) -> Result<(), Fault> {
        let (test, name) = match value.split_once(',') {
            None => (value, "http.uri"),
            Some((test, kind)) => match kind.trim().text {
                "norm" => (test, "http.uri"),
                "raw" => (test, "http.uri.raw"),
                _ => return Err(kind.trim().fault("urilen looks at norm or raw")),
            },
        };
        let test = number::parse(test, u64::from(u16::MAX), &[])?;
        let section = self.legacy_section(keyword, &Buffer::Named(name.to_owned()))?;
        self.push_test(section, keyword, Test::BufferSize(test));
        Ok(())
    }

    fn file_word(&mut self, keyword: Text<'_>, value: Text<'_>) -> Result<(), Fault> {
        let mut content = read_content(value)?;
        content.nocase = true;
        let name = if keyword.text == "filemagic" { "file.magic" } else { "file.name" };
        if keyword.text == "fileext" {
            content.pattern.insert(0, b'.');
            content.ends_with = true;
        }
        let section = self.new_section(keyword, Buffer::Named(name.to_owned()), false)?;
        self.push_test(section, keyword, Test::Content(content));
        self.last = None;
        Ok(())
    }

    /// An older keyword with a text that its buffer must hold.
    fn whole_word(&mut self, keyword: Text<'_>, value: Text<'_>, name: &str) -> Result<(), Fault> {
        let content = read_content(value)?;
        let section = self.new_section(keyword, Buffer::Named(name.to_owned()), false)?;
        self.push_test(section, keyword, Test::Content(content));
        self.last = None;
        Ok(())
    }
}

fn read_content(value: Text<'_>) -> Result<Content, Fault> {
    let (negated, pattern) = content::quoted_bytes(value)?;
    Ok(Content { negated, ..Content::new(pattern) })
}

fn span(value: Text<'_>, names: &bytes::Names, negative_allowed: bool) -> Result<Value, Fault> {
    let value_read = bytes::value(value.unquote(), names)?;
    if let Value::Number(n) = value_read {
        if n < 0 && !negative_allowed {
            return Err(value.fault("a negative number makes no sense here"));
        }
        if n.unsigned_abs() > SPAN_MAX.unsigned_abs() {
            return Err(value.fault(format!("at most {SPAN_MAX} bytes are possible")));
        }
    }
    Ok(value_read)
}
