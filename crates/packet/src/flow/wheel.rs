//! When which slot is looked at next: a bucket for each second, in each a chain of slots.
//!
//! A slot stands in one bucket at most and leaves it with its flow, so the wheel takes so many bytes a slot and no more,
//! however many flows come and go within its span.

/// Seconds that the wheel spans; longer time-outs go round again.
const SECONDS: i64 = 1_024;
/// No slot, or no bucket.
const NONE: u32 = u32::MAX;

/// A slot's neighbours in its bucket's ring.
#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
    bucket: u32,
}

const UNLINKED: Link = Link { before: NONE, after: NONE, bucket: NONE };

pub(super) struct Wheel {
    /// The first slot of each bucket; the one before it is the last.
    first: Vec<u32>,
    /// By slot.
    links: Vec<Link>,
    now: Option<i64>,
}

impl Wheel {
    pub fn new() -> Self {
        Self { first: vec![NONE; SECONDS as usize], links: Vec::new(), now: None }
    }

    pub fn clear(&mut self) {
        self.first.fill(NONE);
        self.links.clear();
    }

    #[inline]
    pub fn is_due(&self, now: i64) -> bool {
        self.now.is_none_or(|at| now > at || is_wrong(at, now))
    }

    /// Moves time forward, or back when it went back by more than the wheel spans, and tells how many seconds have passed, of
    /// which each bucket is to be looked at: all of them when time went back.
    pub fn turn(&mut self, now: i64) -> i64 {
        let passed = self.now.map_or(0, |at| if is_wrong(at, now) { SECONDS } else { (now - at).clamp(0, SECONDS) });
        if self.is_due(now) {
            self.now = Some(now);
        }
        passed
    }

    /// The first and the last slot that are due at a second.
    pub fn ends(&self, second: i64) -> Option<(u32, u32)> {
        let first = *self.first.get(bucket(second) as usize)?;
        (first != NONE).then(|| (first, self.link(first).before))
    }

    /// Puts a slot that stands nowhere at the end of the bucket of the second after its deadline. What is farther than the
    /// wheel spans is looked at again on the way.
    pub fn add(&mut self, slot: u32, deadline: i64) {
        let now = self.now.unwrap_or(deadline);
        let bucket = bucket(now + (deadline - now + 1).clamp(1, SECONDS - 1));
        if self.links.len() <= slot as usize {
            self.links.resize(slot as usize + 1, UNLINKED);
        }
        let Some(first) = self.first.get_mut(bucket as usize) else { return };
        let first = if *first == NONE { std::mem::replace(first, slot) } else { *first };
        if first == NONE {
            self.set(slot, Link { before: slot, after: slot, bucket });
            return;
        }
        let last = self.link(first).before;
        self.set(slot, Link { before: last, after: first, bucket });
        self.change(last, |link| link.after = slot);
        self.change(first, |link| link.before = slot);
    }

    /// Takes a slot out of its bucket.
    pub fn remove(&mut self, slot: u32) {
        let Link { before, after, bucket } = self.link(slot);
        let Some(first) = self.first.get_mut(bucket as usize) else { return };
        if after == slot {
            *first = NONE;
        } else if *first == slot {
            *first = after;
        }
        self.change(before, |link| link.after = after);
        self.change(after, |link| link.before = before);
        self.set(slot, UNLINKED);
    }

    fn link(&self, slot: u32) -> Link {
        self.links.get(slot as usize).copied().unwrap_or(UNLINKED)
    }

    fn set(&mut self, slot: u32, link: Link) {
        self.change(slot, |held| *held = link);
    }

    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.get_mut(slot as usize) {
            change(link);
        }
    }
}

/// Whether a moment is so far behind another that the clock of that one was wrong. What is less far behind came late.
pub(super) fn is_wrong(at: i64, now: i64) -> bool {
    at.saturating_sub(now) > SECONDS
}

fn bucket(second: i64) -> u32 {
    second.rem_euclid(SECONDS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(wheel: &Wheel, second: i64) -> Vec<u32> {
        let mut found = Vec::new();
        let Some((mut slot, last)) = wheel.ends(second) else { return found };
        loop {
            found.push(slot);
            if slot == last {
                return found;
            }
            slot = wheel.link(slot).after;
        }
    }

    #[test]
    fn slots_stand_in_the_order_in_which_they_came_whoever_leaves() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.turn(1_000), 0);
        let mut expected: Vec<Vec<u32>> = vec![Vec::new(); 7];
        let mut place: Vec<Option<usize>> = vec![None; 50];
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let slot = (state >> 33) as u32 % 50;
            if let Some(at) = place[slot as usize].take() {
                wheel.remove(slot);
                expected[at].retain(|held| *held != slot);
            } else {
                let at = (state >> 50) as usize % 7;
                wheel.add(slot, 1_000 + at as i64);
                expected[at].push(slot);
                place[slot as usize] = Some(at);
            }
            for (at, expected) in expected.iter().enumerate() {
                assert_eq!(&slots(&wheel, 1_001 + at as i64), expected);
            }
        }
        assert_eq!(wheel.links.len(), 50);
    }
}
