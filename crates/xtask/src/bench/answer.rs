//! What the sensor wrote of the shared capture beside what Suricata 8.0.6 writes of it.

use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

/// Records that Suricata 8.0.6 writes with its stock settings, in its single run mode.
const RECORDS: [(&str, u64); 4] = [("dns", 12_872), ("http", 5_686), ("tls", 1_162), ("flow", 49_934)];
/// How far a number of records may be off, in hundredths.
const RECORDS_OFF_MAX: f64 = 2.0;
/// Signatures whose number of alerts is Suricata's, in hundredths.
const SAME_SIGNATURES_MIN: f64 = 98.0;
/// Alerts that Suricata does not give, in hundredths of its own.
const OTHER_ALERTS_MAX: f64 = 1.0;

#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// By signature.
    alerts: BTreeMap<u64, u64>,
    /// By kind.
    records: BTreeMap<String, u64>,
    http2: u64,
}

/// Suricata's numbers of alerts of one signature, over many runs.
type Expected = BTreeMap<u64, (u64, u64)>;

impl Answer {
    /// Counts the lines of an EVE file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut answer = Self::default();
        for line in BufReader::new(file).lines() {
            answer.count(&serde_json::from_str(&line?).context("a line of the EVE file")?);
        }
        Ok(answer)
    }

    fn count(&mut self, event: &serde_json::Value) {
        let kind = event["event_type"].as_str().unwrap_or_default();
        match kind {
            "alert" => {
                let signature = event["alert"]["signature_id"].as_u64().unwrap_or_default();
                *self.alerts.entry(signature).or_default() += 1;
            }
            // Suricata writes these by a logger of their own (`http2`), which was off in the run that is compared with.
            "http" if event["http"]["version"] == "2" => self.http2 += 1,
            _ => *self.records.entry(kind.to_owned()).or_default() += 1,
        }
    }

    /// Prints both sides; false when too much differs.
    pub fn report(&self, expected: &str) -> bool {
        let expected = expected_of(expected);
        let all = expected.len() as f64;
        let differing: Vec<String> =
            expected.iter().filter_map(|(signature, wanted)| self.difference(*signature, *wanted)).collect();
        let same = (all - differing.len() as f64) / all * 100.0;
        let suricata: u64 = expected.values().map(|(_, most)| most).sum();
        let more: u64 = self
            .alerts
            .iter()
            .map(|(signature, count)| count.saturating_sub(expected.get(signature).map_or(0, |(_, most)| *most)))
            .sum();
        let more_share = more as f64 / suricata as f64 * 100.0;
        println!(
            "alerts: {same:.1} % of {all} signatures as Suricata; {more} more than its {suricata} ({more_share:.2} %)"
        );
        for line in &differing {
            println!("  {line}");
        }
        let others = self.alerts.keys().filter(|signature| !expected.contains_key(*signature));
        for signature in others {
            println!("  {signature}: not of Suricata");
        }
        let mut good = same >= SAME_SIGNATURES_MIN && more_share <= OTHER_ALERTS_MAX;
        for (kind, wanted) in RECORDS {
            let found = self.records.get(kind).copied().unwrap_or(0);
            let off = (found as f64 / wanted as f64 - 1.0) * 100.0;
            println!("{kind}: {found}, Suricata {wanted} ({off:+.2} %)");
            good &= off.abs() <= RECORDS_OFF_MAX;
        }
        println!("http of HTTP/2, beside these: {}", self.http2);
        if !good {
            println!("✗ the answers are too far from Suricata's");
        }
        good
    }

    fn difference(&self, signature: u64, (least, most): (u64, u64)) -> Option<String> {
        let found = self.alerts.get(&signature).copied().unwrap_or(0);
        let is_same = (least..=most).contains(&found);
        (!is_same).then(|| format!("{signature}: {found}, Suricata {least}–{most}"))
    }
}

/// `sid<TAB>least<TAB>most<TAB>message`, comments and a head aside.
fn expected_of(text: &str) -> Expected {
    let row = |line: &str| {
        let mut fields = line.split('\t');
        let mut number = || fields.next()?.parse::<u64>().ok();
        Some((number()?, (number()?, number()?)))
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_and_records_are_counted_and_compared() {
        let mut answer = Answer::default();
        for event in [
            r#"{"event_type":"alert","alert":{"signature_id":5}}"#,
            r#"{"event_type":"alert","alert":{"signature_id":7}}"#,
            r#"{"event_type":"http","http":{"version":"2"}}"#,
            r#"{"event_type":"http","http":{}}"#,
        ] {
            answer.count(&serde_json::from_str(event).expect("JSON"));
        }
        assert_eq!((answer.http2, answer.records.get("http")), (1, Some(&1)));
        let expected = expected_of("# of a run\nsid\tleast\tmost\tmessage\n5\t1\t2\ta\n7\t2\t3\tb\n");
        assert_eq!(expected, BTreeMap::from([(5, (1, 2)), (7, (2, 3))]));
        assert_eq!(answer.difference(5, (1, 2)), None);
        assert_eq!(answer.difference(7, (2, 3)).as_deref(), Some("7: 1, Suricata 2–3"));
        assert!(!answer.report("5\t1\t2\ta\n7\t2\t3\tb\n"));
    }
}
