//! Reputations of addresses: `iprep`'s lists (user guide, "IP Reputation Format").

use phitak_rules::Diagnostic;
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

/// Addresses and networks of all lists.
const ENTRIES_MAX: usize = 1 << 24;
/// The highest score.
const SCORE_MAX: u8 = 127;

/// What lists say, by the short name of the category.
#[derive(Clone, Debug, Default)]
pub struct Reputations {
    categories: BTreeMap<String, Arc<Scores>>,
}

/// Scores of one category. IPv4 addresses stand as mapped IPv6 addresses.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    hosts: HashMap<u128, u8>,
    /// By the length of the prefix.
    networks: BTreeMap<u8, HashMap<u128, u8>>,
}

impl Scores {
    /// A host's own score comes before those of its networks, and the smallest network first.
    pub fn get(&self, address: IpAddr) -> Option<u8> {
        let number = number(address);
        let of_network = || {
            let mut networks = self.networks.iter().rev();
            networks.find_map(|(length, networks)| networks.get(&(number & mask(*length))))
        };
        self.hosts.get(&number).or_else(of_network).copied()
    }
}

impl Reputations {
    /// Reads the file of categories (`number,short name,description`) and lists (`address,category number,score`). Each
    /// file is a name and a text; what is wrong with a line is told, and the others count.
    #[must_use]
    pub fn read(categories: (&str, &str), lists: &[(&str, &str)]) -> (Self, Vec<Diagnostic>) {
        let mut told = Vec::new();
        let mut names: HashMap<u8, String> = HashMap::new();
        for (line, text) in lines(categories.1) {
            let mut parts = text.splitn(3, ',').map(str::trim);
            match (parts.next().and_then(|n| n.parse().ok()), parts.next().filter(|name| !name.is_empty())) {
                (Some(number), Some(name)) => drop(names.insert(number, name.to_owned())),
                _ => {
                    told.push(diagnostic(categories.0, line, "a category is a number, a short name and a description"))
                }
            }
        }
        let mut scores: HashMap<u8, Scores> = names.keys().map(|number| (*number, Scores::default())).collect();
        let mut entries = 0usize;
        for (file, text) in lists {
            for (line, text) in lines(text) {
                if entries >= ENTRIES_MAX {
                    told.push(diagnostic(
                        file,
                        line,
                        &format!("more than {ENTRIES_MAX} reputations: the rest is left out"),
                    ));
                    break;
                }
                match entry(text, &mut scores) {
                    Ok(()) => entries += 1,
                    Err(reason) => told.push(diagnostic(file, line, reason)),
                }
            }
        }
        let named = names.into_iter().filter_map(|(number, name)| Some((name, Arc::new(scores.remove(&number)?))));
        (Self { categories: named.collect() }, told)
    }

    pub(crate) fn category(&self, name: &str) -> Option<Arc<Scores>> {
        self.categories.get(name).cloned()
    }
}

fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1u32..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn diagnostic(file: &str, line: u32, reason: &str) -> Diagnostic {
    Diagnostic { file: file.to_owned(), line, column: 1, sid: None, reason: reason.to_owned(), hint: None }
}

/// Takes one line of a list.
fn entry(line: &str, scores: &mut HashMap<u8, Scores>) -> Result<(), &'static str> {
    let mut parts = line.split(',').map(str::trim);
    let (Some(place), Some(category), Some(score), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("a reputation is an address or network, a category and a score");
    };
    let category: u8 = category.parse().map_err(|_| "the category is not a number")?;
    let score: u8 = score.parse().ok().filter(|score| *score <= SCORE_MAX).ok_or("a score is 0 to 127")?;
    let scores = scores.get_mut(&category).ok_or("the category is not in the file of categories")?;
    let (address, length) = match place.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (place, None),
    };
    let address: IpAddr = address.parse().map_err(|_| "this is no address")?;
    let Some(length) = length else {
        scores.hosts.insert(number(address), score);
        return Ok(());
    };
    let widest = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.parse().ok().filter(|length| *length <= widest).ok_or("this is no length of a prefix")?;
    let length = length + (128 - widest);
    scores.networks.entry(length).or_default().insert(number(address) & mask(length), score);
    Ok(())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => a.to_ipv6_mapped().into(),
        IpAddr::V6(a) => a.into(),
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128u32.saturating_sub(length.into())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_come_before_networks_and_small_ones_before_large() {
        let list = "10.0.0.0/8,1,10\n10.1.0.0/16,1,20\n10.1.2.3,1,30\n2001:db8::/32,2,40\n# x\n0.0.0.0/0,2,1\n";
        let (read, told) = Reputations::read(("c", "1,Bad,Bad hosts\n2,CnC,Control"), &[("l", list)]);
        assert!(told.is_empty(), "{told:?}");
        let score = |name: &str, address: &str| read.category(name)?.get(address.parse().expect("address"));
        assert_eq!(score("Bad", "10.1.2.3"), Some(30));
        assert_eq!(score("Bad", "10.1.2.4"), Some(20));
        assert_eq!(score("Bad", "10.2.2.4"), Some(10));
        assert_eq!(score("Bad", "11.2.2.4"), None);
        assert_eq!(score("CnC", "2001:db8::1"), Some(40));
        assert_eq!(score("CnC", "192.0.2.1"), Some(1));
        assert!(read.category("Good").is_none());
    }

    #[test]
    fn bad_lines_are_told_and_the_others_count() {
        let list = "10.0.0.1,1,128\n10.0.0.1,9,1\n10.0.0.x,1,1\n10.0.0.0/33,1,1\n10.0.0.2,1,5,6\n10.0.0.3,1,7";
        let (read, told) = Reputations::read(("c", "1,Bad,x\nnonsense"), &[("l", list)]);
        assert_eq!(
            told.iter().map(|t| (t.file.as_str(), t.line)).collect::<Vec<_>>(),
            [("c", 2), ("l", 1), ("l", 2), ("l", 3), ("l", 4), ("l", 5)]
        );
        assert_eq!(read.category("Bad").and_then(|s| s.get("10.0.0.3".parse().expect("address"))), Some(7));
    }
}
