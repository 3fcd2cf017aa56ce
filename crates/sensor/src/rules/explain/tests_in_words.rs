//! Tests of a buffer in English words.

use crate::rules::check::shown;
use phitak_rules::{
    NumberTest, Test,
    bytes::{ByteJump, ByteTest, Comparison, Endian, JumpFrom, MathOperator, Operand, Reading},
    condition::Transform,
    content::{Content, Value},
    dataset::DatasetCommand,
    entropy::EntropyTest,
    pattern::Pattern,
};

/// Characters of an expression that are shown.
const EXPRESSION_CHARS_MAX: usize = 160;

/// One test as a sentence without its full stop. `names` are the rule's variables.
pub(super) fn test(test: &Test, names: &[String]) -> String {
    match test {
        Test::Content(found) => content(found, names),
        Test::Pattern(found) => pattern(found),
        Test::IsDataAt(at) => {
            let from = if at.relative { " after the last match" } else { "" };
            let word = if at.negated { "ends before" } else { "goes on to" };
            format!("{word} byte {}{from}", value(at.at, names))
        }
        Test::ByteTest(found) => byte_test(found, names),
        Test::ByteJump(found) => byte_jump(found, names),
        Test::ByteExtract(found) => {
            let name = variable(found.variable, names);
            format!("{} is kept as {name}", reading(&found.reading, names))
        }
        Test::ByteMath(found) => {
            let sign = match found.operator {
                MathOperator::Add => "+",
                MathOperator::Subtract => "-",
                MathOperator::Multiply => "×",
                MathOperator::Divide => "÷",
                MathOperator::ShiftLeft => "<<",
                MathOperator::ShiftRight => ">>",
            };
            let (name, right) = (variable(found.result, names), operand(found.operand, names));
            format!("{} {sign} {right} is kept as {name}", reading(&found.reading, names))
        }
        Test::BufferSize(size) => format!("its length is {} bytes", number(*size)),
        Test::Absent { or_else: false } => "it does not exist".into(),
        Test::Absent { or_else: true } => "it does not exist, or all of this holds".into(),
        Test::Dataset(set) => match set.command {
            DatasetCommand::IsSet => format!("its value is in the data set {}", set.name),
            DatasetCommand::IsNotSet => format!("its value is not in the data set {}", set.name),
            DatasetCommand::Set => format!("its value is new to the data set {}, and is added", set.name),
            DatasetCommand::Unset => format!("its value is in the data set {}, and is taken out", set.name),
        },
        Test::DataReputation(set) => format!("its value's reputation in {} is {}", set.name, number(set.test)),
        Test::Base64Decode(_) => "it is Base64, which is decoded".into(),
        Test::Asn1(_) => "it holds ASN.1 that is encoded as only an attack would".into(),
        Test::Entropy(entropy) => format!("its entropy (0 to 8 bits per byte) is {}", entropy_test(entropy.test)),
    }
}

fn content(content: &Content, names: &[String]) -> String {
    let verb = if content.negated { "does not hold" } else { "holds" };
    let case = if content.nocase { " in upper or lower case" } else { "" };
    let mut places = Vec::new();
    if content.starts_with {
        places.push("at the very beginning".to_owned());
    }
    if content.ends_with {
        places.push("at the very end".to_owned());
    }
    match (content.offset, content.depth) {
        (Some(offset), Some(depth)) => {
            places.push(format!("in {} bytes from byte {} on", value(depth, names), value(offset, names)));
        }
        (Some(offset), None) => places.push(format!("from byte {} on", value(offset, names))),
        (None, Some(depth)) => places.push(format!("in the first {} bytes", value(depth, names))),
        (None, None) => {}
    }
    let from = match content.distance {
        None | Some(Value::Number(0)) => "after the last match".to_owned(),
        Some(Value::Number(n)) if n < 0 => {
            format!("from {} bytes before the end of the last match on", n.unsigned_abs())
        }
        Some(distance) => format!("at least {} bytes after the last match", value(distance, names)),
    };
    match content.within {
        Some(within) => places.push(format!("within {} bytes {from}", value(within, names))),
        None if content.distance.is_some() => places.push(from),
        None => {}
    }
    let comma = if content.nocase && !places.is_empty() { "," } else { "" };
    let place = if places.is_empty() { String::new() } else { format!("{comma} {}", places.join(" and ")) };
    format!("{verb} {}{case}{place}", shown_whole(&content.pattern))
}

/// Bytes as rules write them: the whole of ordinary patterns.
fn shown_whole(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
    match text {
        Some(text) if text.len() <= EXPRESSION_CHARS_MAX => format!("\"{text}\""),
        _ => shown(bytes),
    }
}

fn pattern(pattern: &Pattern) -> String {
    let verb = if pattern.negated { "does not match" } else { "matches" };
    let mut text: String = pattern.expression.chars().take(EXPRESSION_CHARS_MAX).collect();
    if text.len() < pattern.expression.len() {
        text.push('…');
    }
    let from = if pattern.relative { ", after the last match" } else { "" };
    let case = if pattern.flags.caseless { " in upper or lower case" } else { "" };
    format!("{verb} the expression /{text}/{case}{from}")
}

fn byte_test(test: &ByteTest, names: &[String]) -> String {
    let sign = match (test.comparison, test.negated) {
        (Comparison::Equal, false) => "is",
        (Comparison::Equal, true) => "is not",
        (Comparison::Less, false) | (Comparison::GreaterOrEqual, true) => "is less than",
        (Comparison::Greater, false) | (Comparison::LessOrEqual, true) => "is greater than",
        (Comparison::LessOrEqual, false) | (Comparison::Greater, true) => "is at most",
        (Comparison::GreaterOrEqual, false) | (Comparison::Less, true) => "is at least",
        (Comparison::And, false) => "has one of the bits of",
        (Comparison::And, true) => "has none of the bits of",
        (Comparison::Or, false) => "differs from",
        (Comparison::Or, true) => "does not differ from",
    };
    format!("{} {sign} {}", reading(&test.reading, names), operand(test.value, names))
}

fn byte_jump(jump: &ByteJump, names: &[String]) -> String {
    let from = match jump.from {
        JumpFrom::Here => "from there",
        JumpFrom::Beginning => "from the beginning",
        JumpFrom::End => "from the end",
    };
    let times = if jump.multiplier > 1 { format!(" times {}", jump.multiplier) } else { String::new() };
    format!("{}{times} says how many bytes are skipped {from}", reading(&jump.reading, names))
}

fn reading(reading: &Reading, names: &[String]) -> String {
    let kind = match (reading.text_base, reading.endian) {
        (Some(16), _) => "as hexadecimal digits",
        (Some(8), _) => "as octal digits",
        (Some(_), _) => "as digits",
        (None, Endian::Big) => "big-endian",
        (None, Endian::Little) => "little-endian",
        (None, Endian::Dce) => "in the byte order of DCE/RPC",
    };
    let place = if reading.relative { " after the last match" } else { "" };
    format!(
        "the number in {} bytes ({kind}) at byte {}{place}",
        value(reading.width, names),
        value(reading.offset, names)
    )
}

fn value(value: Value, names: &[String]) -> String {
    match value {
        Value::Number(n) => n.to_string(),
        Value::Variable(index) => variable(index, names).to_owned(),
    }
}

fn operand(operand: Operand, names: &[String]) -> String {
    match operand {
        Operand::Number(n) => n.to_string(),
        Operand::Variable(index) => variable(index, names).to_owned(),
    }
}

fn variable(index: u8, names: &[String]) -> &str {
    names.get(usize::from(index)).map_or("a variable", String::as_str)
}

fn entropy_test(test: EntropyTest) -> String {
    match test {
        EntropyTest::Equal(b) => format!("{}", b.get()),
        EntropyTest::NotEqual(b) => format!("not {}", b.get()),
        EntropyTest::Less(b) => format!("less than {}", b.get()),
        EntropyTest::LessOrEqual(b) => format!("at most {}", b.get()),
        EntropyTest::Greater(b) => format!("more than {}", b.get()),
        EntropyTest::GreaterOrEqual(b) => format!("at least {}", b.get()),
        EntropyTest::Between(a, b) => format!("between {} and {}", a.get(), b.get()),
        EntropyTest::Outside(a, b) => format!("not between {} and {}", a.get(), b.get()),
    }
}

/// A comparison: `more than 5`.
pub(super) fn number(test: NumberTest) -> String {
    match test {
        NumberTest::Equal(n) => n.to_string(),
        NumberTest::NotEqual(n) => format!("not {n}"),
        NumberTest::Greater(n) => format!("more than {n}"),
        NumberTest::GreaterOrEqual(n) => format!("at least {n}"),
        NumberTest::Less(n) => format!("less than {n}"),
        NumberTest::LessOrEqual(n) => format!("at most {n}"),
        NumberTest::Between(low, high) => format!("more than {low} and less than {high}"),
        NumberTest::Outside(low, high) => format!("at most {low} or at least {high}"),
        NumberTest::Mask { mask, value, equal: true } => format!("{value:#x} in the bits {mask:#x}"),
        NumberTest::Mask { mask, value, equal: false } => format!("not {value:#x} in the bits {mask:#x}"),
    }
}

/// What is done to a buffer before it is looked at.
pub(super) fn transform(transform: &Transform) -> String {
    match transform {
        Transform::ToLowercase => "in lower case".into(),
        Transform::ToUppercase => "in upper case".into(),
        Transform::StripWhitespace => "without white space".into(),
        Transform::CompressWhitespace => "with runs of white space as one space".into(),
        Transform::DotPrefix => "with a dot before it, so that whole domains match".into(),
        Transform::ToMd5 => "as its MD5 hash".into(),
        Transform::ToSha1 => "as its SHA-1 hash".into(),
        Transform::ToSha256 => "as its SHA-256 hash".into(),
        Transform::UrlDecode => "with percent signs decoded".into(),
        Transform::Xor(_) => "changed by XOR with a key".into(),
        Transform::Expression(text) => format!("what the expression /{text}/ takes of it"),
        Transform::FromBase64 { .. } => "decoded from Base64".into(),
        Transform::HeaderLowercase => "with header names in lower case".into(),
        Transform::StripPseudoHeaders => "without pseudo headers".into(),
        Transform::Domain => "as its registered domain".into(),
        Transform::TopLevelDomain => "as its top-level domain".into(),
        Transform::Gunzip { .. } => "uncompressed (gzip)".into(),
        Transform::ZlibDeflate { .. } => "uncompressed (deflate)".into(),
    }
}
