//! `byte_test`, `byte_jump`, `byte_extract`, `byte_math`, `isdataat`, `base64_decode`, `entropy`: numbers out of bytes.

use crate::{
    content::Value,
    text::{Fault, Text},
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Endian {
    Big,
    Little,
    /// As the DCE/RPC header of the transaction says.
    Dce,
}

/// How bytes become a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reading {
    /// 1 to 8 bytes, or to 23 as text; 0 of `byte_jump` and `byte_test` means none, or as many as there are.
    pub width: Value,
    pub offset: Value,
    pub relative: bool,
    pub endian: Endian,
    /// The base (8, 10, 16) when the bytes are digits; `Some(0)` guesses it from the digits' prefix.
    pub text_base: Option<u8>,
    pub mask: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    Equal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteTest {
    pub reading: Reading,
    pub negated: bool,
    pub comparison: Comparison,
    pub value: Operand,
}

/// A 64-bit number or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operand {
    Number(u64),
    Variable(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteJump {
    pub reading: Reading,
    pub multiplier: u32,
    pub align: bool,
    pub from: JumpFrom,
    pub post_offset: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JumpFrom {
    Here,
    Beginning,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteExtract {
    pub reading: Reading,
    pub variable: u8,
    pub multiplier: u32,
    /// 1, 2 or 4.
    pub align: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MathOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteMath {
    pub reading: Reading,
    pub operator: MathOperator,
    pub operand: Operand,
    pub result: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IsDataAt {
    pub at: Value,
    pub negated: bool,
    pub relative: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Base64Decode {
    /// Bytes of encoded text; 0 for all.
    pub bytes: u32,
    pub offset: u32,
    pub relative: bool,
}

/// The rule's variables, by name.
pub(crate) type Names = Vec<String>;

/// Most variables of one rule.
pub const VARIABLES_MAX: usize = 16;

fn variable(text: Text<'_>, names: &Names) -> Result<u8, Fault> {
    let found = names.iter().position(|n| n == text.text).and_then(|i| u8::try_from(i).ok());
    found.ok_or_else(|| {
        text.fault(format!(
            "{:?} is neither a number nor a variable that an earlier byte_extract or byte_math sets",
            text.text
        ))
    })
}

fn new_variable(text: Text<'_>, names: &mut Names) -> Result<u8, Fault> {
    let starts_well = text.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !text.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) {
        return Err(text.fault(format!("{:?} is not a name for a variable", text.text)));
    }
    let index = match names.iter().position(|n| n == text.text) {
        Some(index) => index,
        None if names.len() >= VARIABLES_MAX => return Err(text.fault(format!("more than {VARIABLES_MAX} variables"))),
        None => {
            names.push(text.text.to_owned());
            names.len() - 1
        }
    };
    u8::try_from(index).map_err(|_| text.fault("too many variables"))
}

/// A signed number or a variable.
pub(crate) fn value(text: Text<'_>, names: &Names) -> Result<Value, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(text.fault("a number is missing"));
    }
    if text.looks_numeric() { text.signed().map(Value::Number) } else { variable(text, names).map(Value::Variable) }
}

fn operand(text: Text<'_>, names: &Names) -> Result<Operand, Fault> {
    if text.looks_numeric() { text.number().map(Operand::Number) } else { variable(text, names).map(Operand::Variable) }
}

fn reading(width: Value, offset: Value) -> Reading {
    Reading { width, offset, relative: false, endian: Endian::Big, text_base: None, mask: None }
}

fn base(word: Text<'_>) -> Option<u8> {
    [("hex", 16), ("dec", 10), ("oct", 8)].iter().find(|(name, _)| word.is(name)).map(|(_, base)| *base)
}

/// Takes an option that all readings share; false when it is another.
fn shared_option(option: Text<'_>, reading: &mut Reading) -> Result<bool, Fault> {
    let (word, rest) = option.word();
    match word.text {
        "relative" => reading.relative = true,
        "big" => reading.endian = Endian::Big,
        "little" => reading.endian = Endian::Little,
        "dce" => reading.endian = Endian::Dce,
        "endian" => {
            reading.endian = match rest.text {
                "big" => Endian::Big,
                "little" => Endian::Little,
                "dce" => Endian::Dce,
                _ => return Err(rest.fault("endian is big, little or dce")),
            }
        }
        "string" => {
            reading.text_base = Some(match base(rest) {
                Some(base) => base,
                None if rest.is_empty() => reading.text_base.unwrap_or(0),
                None => return Err(rest.fault("string is hex, dec or oct")),
            });
        }
        "hex" | "dec" | "oct" => reading.text_base = base(word),
        "bitmask" => reading.mask = Some(rest.number::<u32>().map(u64::from)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn check_width(text: Text<'_>, reading: &Reading, keyword: &str, zero_allowed: bool) -> Result<(), Fault> {
    let Value::Number(width) = reading.width else { return Ok(()) };
    let most = if reading.text_base.is_some() { 23 } else { 8 };
    let least = i32::from(!zero_allowed);
    if (least..=most).contains(&width) {
        return Ok(());
    }
    Err(text.fault(format!("{keyword} cannot read {width} bytes: {least} to {most} are possible here")))
}

fn too_few(text: Text<'_>, keyword: &str, needs: &str) -> Fault {
    text.fault(format!("{keyword} needs {needs}"))
}

pub(crate) fn byte_test(text: Text<'_>, names: &Names) -> Result<ByteTest, Fault> {
    let parts = text.split(',');
    let [width, sign, number, offset, options @ ..] = parts.as_slice() else {
        return Err(too_few(text, "byte_test", "a number of bytes, an operator, a value and an offset"));
    };
    let (negated, sign_text) = match sign.strip_prefix("!") {
        Some(rest) => (true, rest.trim()),
        None => (false, *sign),
    };
    let comparison = match sign_text.text {
        // "!" alone and "!=" are the same.
        "=" | "" => Comparison::Equal,
        "<" => Comparison::Less,
        ">" => Comparison::Greater,
        "<=" => Comparison::LessOrEqual,
        ">=" => Comparison::GreaterOrEqual,
        "&" => Comparison::And,
        "^" => Comparison::Or,
        _ => {
            return Err(sign
                .fault(format!("{:?} is not an operator of byte_test", sign.text))
                .hint("one of < > = <= >= & ^, with ! before it"));
        }
    };
    let mut reading = reading(value(*width, names)?, value(*offset, names)?);
    for option in options {
        if !shared_option(*option, &mut reading)? {
            return Err(option.fault(format!("{:?} is not an option of byte_test", option.text)));
        }
    }
    check_width(*width, &reading, "byte_test", true)?;
    Ok(ByteTest { reading, negated, comparison, value: operand(*number, names)? })
}

pub(crate) fn byte_jump(text: Text<'_>, names: &Names) -> Result<ByteJump, Fault> {
    let parts = text.split(',');
    let [width, offset, options @ ..] = parts.as_slice() else {
        return Err(too_few(text, "byte_jump", "a number of bytes and an offset"));
    };
    let mut jump = ByteJump {
        reading: reading(value(*width, names)?, value(*offset, names)?),
        multiplier: 1,
        align: false,
        from: JumpFrom::Here,
        post_offset: Value::Number(0),
    };
    for option in options {
        if shared_option(*option, &mut jump.reading)? {
            continue;
        }
        let (word, rest) = option.word();
        match word.text {
            "align" => jump.align = true,
            "from_beginning" => jump.from = JumpFrom::Beginning,
            "from_end" => jump.from = JumpFrom::End,
            "multiplier" => jump.multiplier = rest.number::<u16>().map(u32::from)?,
            "post_offset" => jump.post_offset = value(rest, names)?,
            _ => return Err(option.fault(format!("{:?} is not an option of byte_jump", option.text))),
        }
    }
    check_width(*width, &jump.reading, "byte_jump", true)?;
    Ok(jump)
}

pub(crate) fn byte_extract(text: Text<'_>, names: &mut Names) -> Result<ByteExtract, Fault> {
    let parts = text.split(',');
    let [width, offset, name, options @ ..] = parts.as_slice() else {
        return Err(too_few(text, "byte_extract", "a number of bytes, an offset and a name"));
    };
    let mut reading = reading(value(*width, names)?, value(*offset, names)?);
    let (mut multiplier, mut align) = (1, 1);
    let mut awaits_align = false;
    for option in options {
        if awaits_align {
            align = option.number()?;
            awaits_align = false;
            continue;
        }
        if shared_option(*option, &mut reading)? {
            continue;
        }
        let (word, rest) = option.word();
        match word.text {
            "multiplier" => multiplier = rest.number::<u16>().map(u32::from)?,
            "align" if rest.is_empty() => awaits_align = true,
            "align" => align = rest.number()?,
            _ => return Err(option.fault(format!("{:?} is not an option of byte_extract", option.text))),
        }
    }
    if !matches!(align, 1 | 2 | 4) {
        return Err(text.fault("byte_extract aligns to 2 or 4 bytes"));
    }
    check_width(*width, &reading, "byte_extract", false)?;
    let variable = new_variable(*name, names)?;
    Ok(ByteExtract { reading, variable, multiplier, align })
}

pub(crate) fn byte_math(text: Text<'_>, names: &mut Names) -> Result<ByteMath, Fault> {
    let mut width = None;
    let mut offset = None;
    let mut operator = None;
    let mut right = None;
    let mut result = None;
    let mut reading = reading(Value::Number(0), Value::Number(0));
    let mut seen: Vec<&str> = Vec::new();
    for option in text.split(',') {
        let (word, rest) = option.word();
        if seen.contains(&word.text) {
            return Err(option.fault(format!("{} is given twice", word.text)));
        }
        seen.push(word.text);
        match word.text {
            "bytes" => width = Some((rest, value(rest, names)?)),
            "offset" => offset = Some(value(rest, names)?),
            "oper" => operator = Some(math_operator(rest)?),
            "rvalue" => right = Some(operand(rest, names)?),
            "result" => result = Some(rest),
            _ if shared_option(option, &mut reading)? => {}
            _ => return Err(option.fault(format!("{:?} is not an option of byte_math", option.text))),
        }
    }
    let (Some((width_text, width)), Some(offset), Some(operator), Some(operand), Some(result)) =
        (width, offset, operator, right, result)
    else {
        return Err(too_few(text, "byte_math", "bytes, offset, oper, rvalue and result"));
    };
    reading.width = width;
    reading.offset = offset;
    check_width(width_text, &reading, "byte_math", false)?;
    if operator == MathOperator::Divide && operand == Operand::Number(0) {
        return Err(text.fault("byte_math divides by zero"));
    }
    Ok(ByteMath { reading, operator, operand, result: new_variable(result, names)? })
}

fn math_operator(text: Text<'_>) -> Result<MathOperator, Fault> {
    Ok(match text.text {
        "+" => MathOperator::Add,
        "-" => MathOperator::Subtract,
        "*" => MathOperator::Multiply,
        "/" => MathOperator::Divide,
        "<<" => MathOperator::ShiftLeft,
        ">>" => MathOperator::ShiftRight,
        _ => return Err(text.fault("oper is one of + - * / << >>")),
    })
}

pub(crate) fn is_data_at(text: Text<'_>, names: &Names) -> Result<IsDataAt, Fault> {
    let parts = text.split(',');
    let [at, options @ ..] = parts.as_slice() else { return Err(text.fault("isdataat needs a position")) };
    let (negated, at) = match at.strip_prefix("!") {
        Some(rest) => (true, rest.trim()),
        None => (false, *at),
    };
    let mut test = IsDataAt { at: value(at, names)?, negated, relative: false };
    if matches!(test.at, Value::Number(n) if n < 0) {
        return Err(at.fault("isdataat cannot look before the buffer's beginning"));
    }
    for option in options {
        match option.text {
            "relative" => test.relative = true,
            "rawbytes" => {}
            _ => return Err(option.fault(format!("{:?} is not an option of isdataat", option.text))),
        }
    }
    Ok(test)
}

pub(crate) fn base64_decode(text: Option<Text<'_>>) -> Result<Base64Decode, Fault> {
    let mut decode = Base64Decode { bytes: 0, offset: 0, relative: false };
    let Some(text) = text else { return Ok(decode) };
    for option in text.split(',') {
        let (word, rest) = option.word();
        match word.text {
            "bytes" => decode.bytes = rest.number::<u16>().map(u32::from)?,
            "offset" => decode.offset = rest.number::<u16>().map(u32::from)?,
            "relative" => decode.relative = true,
            _ => {
                return Err(option
                    .fault(format!("{:?} is not an option of base64_decode", option.text))
                    .hint("bytes N, offset N, relative"));
            }
        }
    }
    Ok(decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Text<'_> {
        Text::new(text, 0)
    }

    #[test]
    fn the_user_guides_examples_are_read() {
        let mut names = Names::new();
        let extract = byte_extract(t("2,0,size"), &mut names).expect("extract");
        assert_eq!((extract.variable, extract.multiplier), (0, 1));
        let test = byte_test(t("4,!=,0x2A,1,relative,string,dec"), &names).expect("test");
        assert_eq!((test.negated, test.value, test.reading.text_base), (true, Operand::Number(42), Some(10)));
        let jump = byte_jump(t("0,0, from_end, post_offset -8"), &names).expect("jump");
        assert_eq!((jump.from, jump.post_offset), (JumpFrom::End, Value::Number(-8)));
        let math =
            byte_math(t("bytes 4, offset 0, oper +, rvalue size, result var, relative"), &mut names).expect("math");
        assert_eq!((math.operand, math.result), (Operand::Variable(0), 1));
        assert_eq!(byte_test(t("size,=,var,0"), &names).expect("variables").reading.width, Value::Variable(0));
        assert!(is_data_at(t("!1,relative"), &names).expect("isdataat").negated);
        assert_eq!(base64_decode(Some(t("bytes 12, offset 1, relative"))).expect("base64").bytes, 12);
    }

    #[test]
    fn mistakes_are_told_where_they_stand() {
        let none = Names::new();
        assert_eq!(byte_test(t("4,~,1,0"), &none).expect_err("operator").at, 2);
        assert_eq!(byte_test(t("9,=,1,0"), &none).expect_err("width").at, 0);
        assert_eq!(byte_test(t("4,=,nothing,0"), &none).expect_err("variable").at, 4);
        assert_eq!(byte_jump(t("4,0,sideways"), &none).expect_err("option").at, 4);
        assert!(byte_math(t("bytes 4, bytes 4"), &mut Names::new()).is_err());
        assert!(byte_math(t("bytes 4, offset 0, oper /, rvalue 0, result x"), &mut Names::new()).is_err());
    }
}
