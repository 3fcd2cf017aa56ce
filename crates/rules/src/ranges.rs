//! Sets of numbers as sorted, disjoint, closed ranges: addresses and ports.

use serde::{Deserialize, Serialize};

/// A set within `0..=max`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u128, u128)>", into = "Vec<(u128, u128)>")]
pub struct Ranges {
    parts: Vec<(u128, u128)>,
}

impl Ranges {
    #[must_use]
    pub fn of(first: u128, last: u128) -> Self {
        if first > last { Self::default() } else { Self { parts: vec![(first, last)] } }
    }

    #[must_use]
    pub fn all(max: u128) -> Self {
        Self::of(0, max)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    #[must_use]
    pub fn parts(&self) -> &[(u128, u128)] {
        &self.parts
    }

    #[must_use]
    pub fn contains(&self, value: u128) -> bool {
        let after = self.parts.partition_point(|(first, _)| *first <= value);
        after.checked_sub(1).and_then(|i| self.parts.get(i)).is_some_and(|(_, last)| value <= *last)
    }

    /// Whether some value is in both sets.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let overlaps = |(first, last): &(u128, u128)| {
            let after = other.parts.partition_point(|(start, _)| start <= last);
            after.checked_sub(1).and_then(|i| other.parts.get(i)).is_some_and(|(_, end)| first <= end)
        };
        self.parts.iter().any(overlaps)
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut parts: Vec<(u128, u128)> = self.parts.iter().chain(&other.parts).copied().collect();
        parts.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(parts.len());
        for (first, last) in parts {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
                _ => merged.push((first, last)),
            }
        }
        Self { parts: merged }
    }

    /// What is in `0..=max` and not in the set.
    #[must_use]
    pub fn complement(&self, max: u128) -> Self {
        let mut parts = Vec::with_capacity(self.parts.len() + 1);
        let mut next = 0;
        for (first, last) in &self.parts {
            if *first > next {
                parts.push((next, first - 1));
            }
            match last.checked_add(1) {
                Some(after) => next = after,
                None => return Self { parts },
            }
        }
        if next <= max {
            parts.push((next, max));
        }
        Self { parts }
    }

    #[must_use]
    pub fn minus(&self, other: &Self, max: u128) -> Self {
        // a \ b = not (not a or b)
        self.complement(max).union(other).complement(max)
    }
}

impl From<Ranges> for Vec<(u128, u128)> {
    fn from(ranges: Ranges) -> Self {
        ranges.parts
    }
}

/// Ranges from elsewhere, which must be sorted, disjoint and not adjoining.
impl TryFrom<Vec<(u128, u128)>> for Ranges {
    type Error = &'static str;

    fn try_from(parts: Vec<(u128, u128)>) -> Result<Self, Self::Error> {
        let apart = |pair: &[(u128, u128)]| match pair {
            [(_, last), (first, _)] => last.checked_add(1).is_some_and(|after| after < *first),
            _ => true,
        };
        let in_order = parts.iter().all(|(first, last)| first <= last) && parts.windows(2).all(apart);
        if in_order { Ok(Self { parts }) } else { Err("ranges are not in order") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(parts: &[(u8, u8)]) -> Ranges {
        parts.iter().fold(Ranges::default(), |all, (a, b)| all.union(&Ranges::of(u128::from(*a), u128::from(*b))))
    }

    proptest! {
        #[test]
        fn set_algebra_agrees_with_membership(
            a in prop::collection::vec((0u8..=255, 0u8..=255), 0..6),
            b in prop::collection::vec((0u8..=255, 0u8..=255), 0..6),
        ) {
            let (a, b) = (set(&a), set(&b));
            let (union, minus) = (a.union(&b), a.minus(&b, 255));
            for value in 0..=255u128 {
                prop_assert_eq!(union.contains(value), a.contains(value) || b.contains(value));
                prop_assert_eq!(minus.contains(value), a.contains(value) && !b.contains(value));
                prop_assert_eq!(a.complement(255).contains(value), !a.contains(value));
            }
        }
    }

    #[test]
    fn the_whole_of_128_bits_has_no_complement() {
        assert!(Ranges::all(u128::MAX).complement(u128::MAX).is_empty());
    }
}
