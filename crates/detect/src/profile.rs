//! What inspecting costs, rule by rule. Kept only when it is asked for.

/// A clock that the program hands in: nanoseconds from any moment on.
pub type Clock = fn() -> u64;

/// What one rule has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How often the search for literals left it to be looked at.
    pub looked: u64,
    pub fired: u64,
    pub nanos: u64,
}

/// What a detector's work has cost.
#[derive(Clone, Debug)]
pub struct Profile {
    clock: Clock,
    rules: Vec<Cost>,
    search_nanos: u64,
}

impl Profile {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, rules: Vec::new(), search_nanos: 0 }
    }

    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// A rule was looked at from `since` until now.
    pub(crate) fn looked(&mut self, rule: u32, since: u64) {
        let nanos = self.now().saturating_sub(since);
        let cost = self.cost(rule);
        cost.looked = cost.looked.saturating_add(1);
        cost.nanos = cost.nanos.saturating_add(nanos);
    }

    pub(crate) fn fired(&mut self, rule: u32) {
        let cost = self.cost(rule);
        cost.fired = cost.fired.saturating_add(1);
    }

    /// Literals were searched for from `since` until now.
    pub(crate) fn searched(&mut self, since: u64) {
        self.search_nanos = self.search_nanos.saturating_add(self.now().saturating_sub(since));
    }

    fn cost(&mut self, rule: u32) -> &mut Cost {
        let at = rule as usize;
        if self.rules.len() <= at {
            self.rules.resize(at.saturating_add(1), Cost::default());
        }
        self.rules.get_mut(at).expect("it was made room for just now")
    }

    /// Time spent on searching for literals of all rules together.
    #[must_use]
    pub fn search_nanos(&self) -> u64 {
        self.search_nanos
    }

    /// Rules that were looked at (for [`crate::Ruleset::rule`]), the costliest first.
    #[must_use]
    pub fn costliest(&self) -> Vec<(u32, Cost)> {
        let mut costs: Vec<(u32, Cost)> = (0..).zip(self.rules.iter().copied()).filter(|(_, c)| c.looked > 0).collect();
        costs.sort_by_key(|(rule, cost)| (std::cmp::Reverse(cost.nanos), *rule));
        costs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_costliest_comes_first_and_what_was_never_looked_at_not_at_all() {
        let mut profile = Profile::new(|| 100);
        profile.looked(3, 90);
        profile.looked(5, 10);
        profile.looked(5, 90);
        profile.fired(5);
        let five = Cost { looked: 2, fired: 1, nanos: 100 };
        let three = Cost { looked: 1, fired: 0, nanos: 10 };
        assert_eq!(profile.costliest(), [(5, five), (3, three)]);
    }
}
