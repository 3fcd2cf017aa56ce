//! `dataset` and `datarep`: buffers looked up in sets of values.

use crate::{
    number::{self, NumberTest},
    text::{Fault, Text},
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DataKind {
    String,
    Md5,
    Sha256,
    Ipv4,
    Ip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DatasetCommand {
    /// Adds the value; holds when it was new.
    Set,
    /// Takes the value out; holds when it was there.
    Unset,
    IsSet,
    IsNotSet,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dataset {
    pub name: String,
    pub command: DatasetCommand,
    pub kind: Option<DataKind>,
    /// The file to read, by `load` or `state`, as the rule names it.
    pub load: Option<String>,
    pub json: Option<DatasetJson>,
}

/// Files whose values stand in JSON objects that the alert then shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DatasetJson {
    /// One object per line.
    pub by_line: bool,
    pub value_key: String,
    /// Where the array of objects stands, dotted.
    pub array_key: Option<String>,
    /// The alert's `context` member.
    pub context_key: String,
    pub remove_key: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataReputation {
    pub name: String,
    pub test: NumberTest,
    pub kind: Option<DataKind>,
    pub load: Option<String>,
}

fn name(text: Text<'_>, keyword: &str) -> Result<String, Fault> {
    if text.is_empty() || text.text.len() > 64 || text.text.contains(char::is_whitespace) {
        return Err(text.fault(format!("{keyword} needs a name of at most 64 bytes without spaces")));
    }
    Ok(text.text.to_owned())
}

fn kind(text: Text<'_>) -> Result<DataKind, Fault> {
    Ok(match text.text {
        "string" => DataKind::String,
        "md5" => DataKind::Md5,
        "sha256" => DataKind::Sha256,
        "ipv4" => DataKind::Ipv4,
        "ip" => DataKind::Ip,
        _ => {
            return Err(text
                .fault(format!("{:?} is not a type of dataset", text.text))
                .hint("string, md5, sha256, ipv4, ip"));
        }
    })
}

fn file(text: Text<'_>) -> Result<String, Fault> {
    if text.is_empty() { Err(text.fault("a file name is missing")) } else { Ok(text.unquote().text.to_owned()) }
}

pub(crate) fn dataset(text: Text<'_>) -> Result<Dataset, Fault> {
    let parts = text.split(',');
    let [command, set_name, options @ ..] = parts.as_slice() else {
        return Err(text.fault("dataset needs a command and a name").hint("dataset:isset,name,type string,load file"));
    };
    let command = match command.text {
        "set" => DatasetCommand::Set,
        "unset" => DatasetCommand::Unset,
        "isset" => DatasetCommand::IsSet,
        "isnotset" => DatasetCommand::IsNotSet,
        _ => {
            return Err(command
                .fault(format!("{:?} is not a command of dataset", command.text))
                .hint("set, unset, isset, isnotset"));
        }
    };
    let mut set = Dataset { name: name(*set_name, "dataset")?, command, kind: None, load: None, json: None };
    let mut json = DatasetJson::default();
    let (mut is_json, mut has_json_option) = (false, None);
    for option in options {
        let (word, rest) = option.word();
        match word.text {
            "type" => set.kind = Some(kind(rest)?),
            "load" | "state" => {
                if set.load.is_some() {
                    return Err(option.fault("load and state cannot be mixed"));
                }
                set.load = Some(file(rest)?);
            }
            "save" | "memcap" | "hashsize" => {}
            "format" => match rest.text {
                "csv" => {}
                "json" => is_json = true,
                "ndjson" | "jsonline" => (is_json, json.by_line) = (true, true),
                _ => {
                    return Err(rest
                        .fault(format!("{:?} is not a format of dataset", rest.text))
                        .hint("csv, json, ndjson"));
                }
            },
            "value_key" => json.value_key = rest.text.to_owned(),
            "array_key" => json.array_key = Some(rest.text.to_owned()),
            "context_key" | "enrichment_key" => json.context_key = rest.text.to_owned(),
            "remove_key" => json.remove_key = true,
            _ => return Err(option.fault(format!("{:?} is not an option of dataset", option.text))),
        }
        if matches!(word.text, "value_key" | "array_key" | "context_key" | "enrichment_key" | "remove_key") {
            has_json_option = Some(*option);
        }
    }
    if let Some(option) = has_json_option.filter(|_| !is_json) {
        return Err(option.fault("this option needs format json or ndjson"));
    }
    if is_json {
        if json.value_key.is_empty() || json.context_key.is_empty() || set.load.is_none() {
            return Err(text.fault("a dataset in JSON needs load, value_key and context_key"));
        }
        if !matches!(command, DatasetCommand::IsSet | DatasetCommand::IsNotSet) {
            return Err(text.fault("a dataset in JSON can only be asked: isset or isnotset"));
        }
        set.json = Some(json);
    }
    Ok(set)
}

pub(crate) fn reputation(text: Text<'_>) -> Result<DataReputation, Fault> {
    let parts = text.split(',');
    let [set_name, sign, number, options @ ..] = parts.as_slice() else {
        return Err(text
            .fault("datarep needs a name, an operator and a value")
            .hint("datarep:name,>,100,type string,load file"));
    };
    let joined = format!("{}{}", sign.text, number.text);
    let test = number::parse(Text::new(&joined, sign.at), u64::from(u16::MAX), &[])?;
    let mut found = DataReputation { name: name(*set_name, "datarep")?, test, kind: None, load: None };
    for option in options {
        let (word, rest) = option.word();
        match word.text {
            "type" => found.kind = Some(kind(rest)?),
            "load" | "state" => found.load = Some(file(rest)?),
            "save" | "memcap" | "hashsize" => {}
            _ => return Err(option.fault(format!("{:?} is not an option of datarep", option.text))),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_with_their_files() {
        let set = dataset(Text::new(
            "isset,bad,type string,load host.lst,format ndjson,context_key c,value_key ioc.host,remove_key",
            0,
        ))
        .expect("good");
        let json = set.json.expect("json");
        assert!(json.by_line && json.remove_key);
        assert_eq!((json.value_key.as_str(), set.load.as_deref()), ("ioc.host", Some("host.lst")));
        assert_eq!(dataset(Text::new("isset,bad,type strings", 0)).expect_err("type").at, 15);
        assert!(dataset(Text::new("isset,bad,type string,value_key x", 0)).is_err());
        assert_eq!(
            reputation(Text::new("rep, >, 200, load f, type md5", 0)).expect("good").test,
            NumberTest::Greater(200)
        );
    }
}
