//! Facilities from a file: JSON (a list, or an object with `facilities`) or CSV (RFC 4180) with the columns `code`,
//! `name_th`, `name_en`, `province_code` in any order.

use phitak_model::FacilityCode;
use phitak_store::NewFacility;
use serde::Deserialize;

/// Most bytes of a file.
pub const IMPORT_BYTES_MAX: u64 = 16 << 20;
const COLUMNS: [&str; 4] = ["code", "name_th", "name_en", "province_code"];

#[derive(Deserialize)]
struct Entry {
    code: FacilityCode,
    name: EntryName,
    province_code: String,
}

#[derive(Deserialize)]
struct EntryName {
    th: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Wrapped { facilities: Vec<Entry> },
    List(Vec<Entry>),
}

/// Reads a file's text.
///
/// # Errors
/// What is wrong, with its line where there is one.
pub fn facilities(text: &str) -> Result<Vec<NewFacility>, String> {
    let begin = text.trim_start_matches('\u{feff}').trim_start();
    if begin.starts_with(['{', '[']) { from_json(begin) } else { from_csv(begin) }
}

/// A name stands on one line in lists, in the audit and in messages.
fn on_one_line(column: &str, name: &str) -> Result<(), String> {
    match name.chars().find(|letter| letter.is_control()) {
        Some(letter) => Err(format!("{column} holds a line break or another control character ({letter:?})")),
        None => Ok(()),
    }
}

fn from_json(text: &str) -> Result<Vec<NewFacility>, String> {
    let entries = match serde_json::from_str(text).map_err(|error| error.to_string())? {
        File::Wrapped { facilities } | File::List(facilities) => facilities,
    };
    entries
        .into_iter()
        .map(|entry| {
            for (column, name) in [("name.th", &entry.name.th), ("name.en", &entry.name.en)] {
                on_one_line(column, name).map_err(|error| format!("facility {}: {error}", entry.code))?;
            }
            Ok(NewFacility {
                code: entry.code,
                name_th: entry.name.th,
                name_en: entry.name.en,
                province_code: entry.province_code,
            })
        })
        .collect()
}

fn from_csv(text: &str) -> Result<Vec<NewFacility>, String> {
    let mut records = csv_records(text)?.into_iter();
    let (_, header) = records.next().ok_or("the file is empty")?;
    let mut places = Vec::with_capacity(COLUMNS.len());
    for column in COLUMNS {
        let place = header.iter().position(|name| name.trim() == column);
        places.push(place.ok_or_else(|| format!("line 1: there is no column {column}"))?);
    }
    let mut facilities = Vec::new();
    for (line, record) in records {
        let field = |column: usize| -> Result<String, String> {
            let place = places.get(column).copied().unwrap_or(usize::MAX);
            let found = record.get(place).ok_or_else(|| format!("line {line}: too few fields"))?.trim();
            let name = COLUMNS.get(column).copied().unwrap_or_default();
            on_one_line(name, found).map_err(|error| format!("line {line}: {error}"))?;
            Ok(found.to_owned())
        };
        facilities.push(NewFacility {
            code: FacilityCode::new(&field(0)?).map_err(|error| format!("line {line}: {error}"))?,
            name_th: field(1)?,
            name_en: field(2)?,
            province_code: field(3)?,
        });
    }
    Ok(facilities)
}

/// Records with the line on which each begins; empty lines are left out.
fn csv_records(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let mut records = Vec::new();
    let (mut record, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let (mut line, mut begun) = (1_usize, 1_usize);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                field.push('"');
                letters.next();
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' => {
                line = line.saturating_add(1);
                if quoted {
                    field.push('\n');
                    continue;
                }
                record.push(std::mem::take(&mut field));
                push_record(&mut records, begun, std::mem::take(&mut record));
                begun = line;
            }
            other => field.push(other),
        }
    }
    if quoted {
        return Err(format!("line {begun}: a quotation mark is never closed"));
    }
    record.push(field);
    push_record(&mut records, begun, record);
    Ok(records)
}

fn push_record(records: &mut Vec<(usize, Vec<String>)>, line: usize, record: Vec<String>) {
    if record.iter().any(|field| !field.trim().is_empty()) {
        records.push((line, record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facility(code: &str, th: &str, en: &str) -> NewFacility {
        NewFacility {
            code: FacilityCode::new(code).expect("a code"),
            name_th: th.to_owned(),
            name_en: en.to_owned(),
            province_code: "19".to_owned(),
        }
    }

    #[test]
    fn json_and_csv_say_the_same() {
        let expected = vec![facility("66001", "โรงพยาบาลตัวอย่าง", "Example, \"One\""), facility("ZZ0066002", "ข", "B")];
        let json = r#"{"seed":1,"facilities":[
            {"code":"66001","name":{"th":"โรงพยาบาลตัวอย่าง","en":"Example, \"One\""},"province_code":"19","region":4},
            {"code":"ZZ0066002","name":{"th":"ข","en":"B"},"province_code":"19"}]}"#;
        assert_eq!(facilities(json), Ok(expected.clone()));
        let csv = "\u{feff}province_code,code,name_th,name_en\r\n19,66001,โรงพยาบาลตัวอย่าง,\"Example, \"\"One\"\"\"\r\n\r\n19,ZZ0066002,ข,B\r\n";
        assert_eq!(facilities(csv), Ok(expected));
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let error = |text: &str| facilities(text).expect_err("a mistake");
        assert!(error("code,name_th,name_en\n").contains("province_code"));
        assert!(error("code,name_th,name_en,province_code\n66001,a,b,19\n6,a,b,19\n").starts_with("line 3"));
        assert!(error("code,name_th,name_en,province_code\n66001,a\n").starts_with("line 2"));
        assert!(error("code,name_th,name_en,province_code\n66001,\"a\n").contains("never closed"));
        let broken = error("code,name_th,name_en,province_code\n66001,\"a\nb\",c,19\n");
        assert!(broken.starts_with("line 2: name_th holds a line break"), "{broken}");
        let json = error(r#"[{"code":"66001","name":{"th":"a","en":"b\u0007"},"province_code":"19"}]"#);
        assert!(json.starts_with("facility 66001: name.en"), "{json}");
        assert!(error("").contains("empty") || error("").contains("no column"));
        assert!(error("[{\"code\":\"1\"}]").contains("code") || !error("[{\"code\":\"1\"}]").is_empty());
    }
}
