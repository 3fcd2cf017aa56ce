//! Figures of several rounds: medians with their ranges.

/// What one measured program took, round by round, in seconds.
#[derive(Clone, Debug, Default)]
pub struct Times(pub Vec<f64>);

impl Times {
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match (sorted.len() % 2, middle.checked_sub(1)) {
            (0, Some(before)) => {
                let pair = sorted.get(before).zip(sorted.get(middle));
                pair.map_or(f64::NAN, |(a, b)| (a + b) / 2.0)
            }
            _ => sorted.get(middle).copied().unwrap_or(f64::NAN),
        }
    }

    /// `1.532 (1.498–1.601)`
    pub fn shown(&self) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        format!("{:.3} ({least:.3}–{most:.3})", self.median())
    }
}

/// How many times as fast as the yardstick, round by round: the machine's moods fall out of a ratio.
pub fn ratios(yardstick: &Times, ours: &Times) -> Times {
    Times(yardstick.0.iter().zip(&ours.0).map(|(theirs, ours)| theirs / ours).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(Times(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Times(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(Times::default().median().is_nan());
        assert_eq!(Times(vec![2.0, 1.0, 4.0]).shown(), "2.000 (1.000–4.000)");
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratio = ratios(&Times(vec![1.0, 4.0]), &Times(vec![2.0, 2.0]));
        assert_eq!(ratio.0, [0.5, 2.0]);
    }
}
