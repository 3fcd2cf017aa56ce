//! Port lists of a rule's head: single ports, ranges, groups, negation, variables.

use crate::{
    address::{list_items, unknown_variable},
    ranges::Ranges,
    text::{Fault, Text},
    variables::Variables,
};
use serde::{Deserialize, Serialize};

const DEPTH_MAX: u32 = 16;
const PORT_MAX: u128 = u16::MAX as u128;

/// A set of ports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ports {
    set: Ranges,
}

impl Ports {
    #[must_use]
    pub fn any() -> Self {
        Self { set: Ranges::all(PORT_MAX) }
    }

    #[must_use]
    pub fn is_any(&self) -> bool {
        self.set.parts() == [(0, PORT_MAX)]
    }

    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.set.contains(u128::from(port))
    }

    /// Sorted, disjoint, closed ranges.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16)> {
        let narrow = |n: u128| u16::try_from(n).unwrap_or(u16::MAX);
        self.set.parts().iter().map(move |(first, last)| (narrow(*first), narrow(*last)))
    }
}

pub(crate) fn parse(text: Text<'_>, variables: &Variables) -> Result<Ports, Fault> {
    let set = element(text.trim(), variables, 0)?;
    if set.is_empty() {
        return Err(text.trim().fault("these ports exclude each other: nothing is left"));
    }
    Ok(Ports { set })
}

fn element(text: Text<'_>, variables: &Variables, depth: u32) -> Result<Ranges, Fault> {
    if depth > DEPTH_MAX {
        return Err(text.fault(format!("groups or variables nest deeper than {DEPTH_MAX}")));
    }
    if let Some(rest) = text.strip_prefix("!") {
        return Ok(element(rest.trim(), variables, depth + 1)?.complement(PORT_MAX));
    }
    if text.text.starts_with('[') {
        let Some(inner) = text.strip_suffix("]") else {
            return Err(text.fault("this group is not closed by \"]\""));
        };
        return group(inner.from(1), variables, depth);
    }
    if let Some(name) = text.strip_prefix("$") {
        let Some(value) = variables.get(name.text) else {
            return Err(unknown_variable(name, variables));
        };
        return element(Text::new(value, text.at), variables, depth + 1)
            .map_err(|fault| fault.inside_variable(name.text, text.at));
    }
    single(text)
}

fn group(text: Text<'_>, variables: &Variables, depth: u32) -> Result<Ranges, Fault> {
    let (mut included, mut excluded) = (Ranges::default(), Ranges::default());
    let mut any_included = false;
    for item in list_items(text)? {
        if item.is_empty() {
            return Err(item.fault("an empty entry in a list of ports"));
        }
        match item.strip_prefix("!") {
            Some(rest) => excluded = excluded.union(&element(rest.trim(), variables, depth + 1)?),
            None => {
                included = included.union(&element(item, variables, depth + 1)?);
                any_included = true;
            }
        }
    }
    let base = if any_included { included } else { Ranges::all(PORT_MAX) };
    Ok(base.minus(&excluded, PORT_MAX))
}

fn single(text: Text<'_>) -> Result<Ranges, Fault> {
    if text.is("any") {
        return Ok(Ranges::all(PORT_MAX));
    }
    let port = |part: Text<'_>, open: u16| -> Result<u16, Fault> {
        let part = part.trim();
        if part.is_empty() {
            return Ok(open);
        }
        part.number().map_err(|_| part.fault(format!("{:?} is not a port (0 to 65535)", part.text)))
    };
    let (first, last) = match text.split_once(':') {
        Some((first, last)) => (port(first, 0)?, port(last, u16::MAX)?),
        None if text.is_empty() => return Err(text.fault("a port is missing")),
        None => (port(text, 0)?, port(text, 0)?),
    };
    if first > last {
        return Err(text.fault(format!("the range {first}:{last} ends before it begins")));
    }
    Ok(Ranges::of(u128::from(first), u128::from(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, inside: &[u16], outside: &[u16]) {
        let set = parse(Text::new(list, 0), &Variables::default()).expect(list);
        assert!(inside.iter().all(|p| set.contains(*p)), "{list}");
        assert!(!outside.iter().any(|p| set.contains(*p)), "{list}");
    }

    #[test]
    fn lists_of_every_shape_hold_what_they_say() {
        check("any", &[0, 65535], &[]);
        check("[80, 81, 82]", &[80, 82], &[83]);
        check("[80: 82]", &[81], &[79, 83]);
        check("[1024: ]", &[1024, 65535], &[1023]);
        check(":1023", &[0, 1023], &[1024]);
        check("!80", &[81], &[80]);
        check("[80:100,!99]", &[98], &[99]);
        check("[1:80,![2,4]]", &[1, 3], &[2, 4, 81]);
        check("$FILE_DATA_PORTS", &[80, 110, 143], &[443]);
    }

    #[test]
    fn bad_ports_are_refused_at_their_place() {
        let at = |list: &str| parse(Text::new(list, 0), &Variables::default()).expect_err(list).at;
        assert_eq!(at("[80,70000]"), 4);
        assert_eq!(at("90:80"), 0);
        assert_eq!(at("http"), 0);
    }
}
