//! One direction's bytes put in order: what came, what is missing, what was handed on.
//!
//! Offsets count from the first byte after the SYN, gaps included. Bytes stay until both the parser has had them and
//! the caller has released them.

use std::collections::VecDeque;

/// Most bytes that one direction may hold back.
pub const HELD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most separate stretches of bytes, so that scattered segments cannot cost more than they bring.
pub const RUNS_MAX: usize = 4_096;
/// Segments whose beginnings are remembered for overlap decisions.
const MARKS_MAX: usize = 65_536;

/// Which of two overlapping segments a target believes (U. Shankar and V. Paxson, "Active Mapping" (2003); J. Novak and
/// S. Sturges, "Target-Based TCP Stream Reassembly" (2007)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    First,
    Last,
    #[default]
    Bsd,
    Linux,
    Solaris,
}

/// Bytes held by all sessions together.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub used: usize,
    pub max: usize,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// At least one byte was new.
    pub new: bool,
    /// It covered bytes that were held already, and said something else there.
    pub different: bool,
    /// There was no room for all of it.
    pub refused: bool,
}

/// What comes next in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    Data {
        offset: u64,
        bytes: &'a [u8],
    },
    /// These bytes will never come.
    Gap {
        offset: u64,
        length: u64,
    },
}

#[derive(Debug, Default)]
struct Run {
    /// Offset of `bytes[start]`.
    at: u64,
    bytes: Vec<u8>,
    start: usize,
    /// The segments that brought the bytes from the delivered point on: (from, until), in order.
    marks: VecDeque<(u64, u64)>,
}

#[derive(Debug, Default)]
pub struct Assembly {
    /// Sorted, disjoint, not adjacent.
    runs: VecDeque<Run>,
    delivered: u64,
    /// Bytes in all runs.
    held: usize,
    spare: Vec<Run>,
}

impl Run {
    fn held(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn end(&self) -> u64 {
        self.at.saturating_add((self.bytes.len() - self.start) as u64)
    }

    fn slice(&self, from: u64, until: u64) -> &[u8] {
        let from = usize::try_from(from.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let until = usize::try_from(until.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let held = self.held();
        held.get(from.min(held.len())..until.min(held.len())).unwrap_or_default()
    }

    fn mark(&mut self, from: u64, until: u64) {
        if self.marks.len() < MARKS_MAX {
            self.marks.push_back((from, until));
        }
    }
}

impl Assembly {
    /// The parser has had everything before this offset.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// One past the highest byte that came.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.runs.back().map_or(self.delivered, Run::end).max(self.delivered)
    }

    /// Bytes held.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held
    }

    /// Takes a segment's bytes. What lies before the delivered point is only compared.
    pub fn insert(&mut self, at: u64, bytes: &[u8], policy: Overlap, memory: &mut Memory) -> Inserted {
        let end = at.saturating_add(bytes.len() as u64);
        let room = HELD_BYTES_MAX.saturating_sub(self.held).min(memory.max.saturating_sub(memory.used));
        if bytes.len() > room {
            return Inserted { refused: true, ..Inserted::default() };
        }
        if let Some(last) = self.runs.back_mut()
            && last.end() == at
        {
            last.bytes.extend_from_slice(bytes);
            last.mark(at, end);
            self.held = self.held.saturating_add(bytes.len());
            memory.used = memory.used.saturating_add(bytes.len());
            return Inserted { new: true, ..Inserted::default() };
        }
        if self.runs.back().is_none_or(|last| last.end() < at) && at >= self.delivered {
            if self.runs.len() >= RUNS_MAX {
                return Inserted { refused: true, ..Inserted::default() };
            }
            let mut run = self.spare.pop().unwrap_or_default();
            run.at = at;
            run.bytes.extend_from_slice(bytes);
            run.mark(at, end);
            self.runs.push_back(run);
            self.held = self.held.saturating_add(bytes.len());
            memory.used = memory.used.saturating_add(bytes.len());
            return Inserted { new: true, ..Inserted::default() };
        }
        self.merge(at, bytes, policy, memory)
    }

    /// The slow way: the segment lies before or over bytes that are held.
    fn merge(&mut self, at: u64, bytes: &[u8], policy: Overlap, memory: &mut Memory) -> Inserted {
        let end = at.saturating_add(bytes.len() as u64);
        let part = |from: u64, until: u64| {
            let from = usize::try_from(from.saturating_sub(at)).unwrap_or(usize::MAX);
            let until = usize::try_from(until.saturating_sub(at)).unwrap_or(usize::MAX);
            bytes.get(from..until).unwrap_or_default()
        };
        let mut result = Inserted::default();
        // First the bytes that are held: compare, and replace where the policy says so.
        for run in &mut self.runs {
            let (from, until) = (run.at.max(at), run.end().min(end));
            if from >= until {
                continue;
            }
            if run.slice(from, until) == part(from, until) {
                continue;
            }
            result.different = true;
            let settled = from.max(self.delivered).min(until);
            replace(run, settled, until, (at, end), policy, &part);
        }
        // Then the bytes that are missing.
        let mut hole_at = at.max(self.delivered);
        let mut holes = Vec::new();
        for run in &self.runs {
            if run.at > hole_at && hole_at < end {
                holes.push((hole_at, run.at.min(end)));
            }
            hole_at = hole_at.max(run.end());
        }
        if hole_at < end {
            holes.push((hole_at, end));
        }
        for (from, until) in holes {
            if self.runs.len() >= RUNS_MAX {
                result.refused = true;
                break;
            }
            result.new = true;
            let fresh = part(from, until);
            self.held = self.held.saturating_add(fresh.len());
            memory.used = memory.used.saturating_add(fresh.len());
            self.fill(from, fresh, (at, end));
        }
        result
    }

    /// Puts bytes into a hole and joins what has become adjacent.
    fn fill(&mut self, at: u64, bytes: &[u8], mark: (u64, u64)) {
        let index = self.runs.partition_point(|run| run.at < at);
        let before = index.checked_sub(1).and_then(|i| self.runs.get_mut(i)).filter(|run| run.end() == at);
        let index = if let Some(run) = before {
            run.bytes.extend_from_slice(bytes);
            run.mark(mark.0, mark.1);
            index - 1
        } else {
            let mut run = self.spare.pop().unwrap_or_default();
            run.at = at;
            run.bytes.extend_from_slice(bytes);
            run.mark(mark.0, mark.1);
            self.runs.insert(index, run);
            index
        };
        let joins = match (self.runs.get(index), self.runs.get(index + 1)) {
            (Some(run), Some(next)) => run.end() == next.at,
            _ => false,
        };
        if joins && let Some(mut next) = self.runs.remove(index + 1) {
            if let Some(run) = self.runs.get_mut(index) {
                run.bytes.extend_from_slice(next.held());
                run.marks.append(&mut next.marks);
            }
            self.recycle(next);
        }
    }

    fn recycle(&mut self, mut run: Run) {
        run.bytes.clear();
        run.start = 0;
        run.marks.clear();
        // A large buffer is rather given back than kept for a flow that may never need it again.
        if self.spare.len() < 2 && run.bytes.capacity() <= 64 * 1024 {
            self.spare.push(run);
        }
    }

    /// What the parser gets next, up to `limit`; bytes that are missing before `limit` are a gap.
    pub fn next(&mut self, limit: u64) -> Option<Chunk<'_>> {
        if self.delivered >= limit {
            return None;
        }
        let from = self.delivered;
        let index = self.runs.partition_point(|run| run.end() <= from);
        let Some(run) = self.runs.get_mut(index).filter(|run| run.at < limit) else {
            self.delivered = limit;
            return Some(Chunk::Gap { offset: from, length: limit - from });
        };
        if run.at > from {
            self.delivered = run.at;
            return Some(Chunk::Gap { offset: from, length: run.at - from });
        }
        let until = run.end().min(limit);
        self.delivered = until;
        while run.marks.front().is_some_and(|(_, mark_end)| *mark_end <= until) {
            run.marks.pop_front();
        }
        Some(Chunk::Data { offset: from, bytes: run.slice(from, until) })
    }

    /// Whether [`Assembly::next`] would give bytes, or a gap, before `limit`.
    #[must_use]
    pub fn has_next(&self, limit: u64) -> bool {
        self.delivered < limit
    }

    /// The end of the bytes that stand in one piece from the delivered point on.
    #[must_use]
    pub fn contiguous_end(&self) -> u64 {
        let at = self.delivered;
        self.runs.iter().find(|run| run.at <= at && run.end() > at).map_or(at, Run::end)
    }

    /// The first stretch that is held from `from` on, cut at `until`: its offset and bytes.
    #[must_use]
    pub fn window(&self, from: u64, until: u64) -> (u64, &[u8]) {
        for run in &self.runs {
            let start = run.at.max(from);
            let end = run.end().min(until);
            if start < end {
                return (start, run.slice(start, end));
            }
        }
        (until, &[])
    }

    /// Bytes before `upto` are needed no longer, once they are delivered.
    pub fn release(&mut self, upto: u64, memory: &mut Memory) {
        let upto = upto.min(self.delivered);
        while self.runs.front().is_some_and(|run| run.end() <= upto) {
            if let Some(run) = self.runs.pop_front() {
                self.held = self.held.saturating_sub(run.bytes.len());
                memory.used = memory.used.saturating_sub(run.bytes.len());
                self.recycle(run);
            }
        }
        let Some(run) = self.runs.front_mut().filter(|run| run.at < upto) else { return };
        let drop = usize::try_from(upto - run.at).unwrap_or(usize::MAX);
        run.start = run.start.saturating_add(drop).min(run.bytes.len());
        run.at = upto;
        // Moving is put off until it pays: each byte is moved at most once on average.
        if run.start > run.bytes.len() / 2 && run.start > 4096 {
            self.held = self.held.saturating_sub(run.start);
            memory.used = memory.used.saturating_sub(run.start);
            run.bytes.drain(..run.start);
            run.start = 0;
        }
    }

    /// Forgets everything that is held.
    pub fn clear(&mut self, memory: &mut Memory) {
        memory.used = memory.used.saturating_sub(self.held);
        self.held = 0;
        self.runs.clear();
        self.spare.clear();
    }
}

/// Lets a newer segment's bytes stand where the policy prefers them to those that each older segment brought.
fn replace<'b>(
    run: &mut Run,
    from: u64,
    until: u64,
    new: (u64, u64),
    policy: Overlap,
    part: &impl Fn(u64, u64) -> &'b [u8],
) {
    let mut wins = Vec::new();
    for (old_from, old_until) in &run.marks {
        let (a, b) = (from.max(*old_from), until.min(*old_until));
        let won = match policy {
            Overlap::First => false,
            Overlap::Last => true,
            Overlap::Bsd => new.0 < *old_from,
            Overlap::Linux => new.0 < *old_from || (new.0 == *old_from && new.1 > *old_until),
            Overlap::Solaris => !(*old_until > new.1 || (*old_from < new.0 && *old_until >= new.1)),
        };
        if a < b && won {
            wins.push((a, b));
        }
    }
    for (a, b) in wins {
        let start = run.start.saturating_add(usize::try_from(a - run.at).unwrap_or(usize::MAX));
        let fresh = part(a, b);
        if let Some(target) = run.bytes.get_mut(start..start.saturating_add(fresh.len())) {
            target.copy_from_slice(fresh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        Memory { used: 0, max: 1 << 30 }
    }

    fn drain(assembly: &mut Assembly, limit: u64) -> String {
        let mut text = String::new();
        while let Some(chunk) = assembly.next(limit) {
            match chunk {
                Chunk::Data { bytes, .. } => text.push_str(&String::from_utf8_lossy(bytes)),
                Chunk::Gap { length, .. } => text.push_str(&format!("[{length}]")),
            }
        }
        text
    }

    #[test]
    fn out_of_order_segments_come_out_in_order() {
        let (mut a, mut m) = (Assembly::default(), memory());
        for (at, bytes) in [(6, "ghi"), (3, "def"), (12, "mno"), (0, "abc"), (9, "jkl")] {
            assert!(a.insert(at, bytes.as_bytes(), Overlap::Bsd, &mut m).new);
        }
        assert_eq!(drain(&mut a, 15), "abcdefghijklmno");
        a.release(15, &mut m);
        assert_eq!((a.held_bytes(), m.used), (0, 0));
    }

    #[test]
    fn a_hole_is_a_gap_only_when_the_limit_passes_it() {
        let (mut a, mut m) = (Assembly::default(), memory());
        a.insert(0, b"abc", Overlap::Bsd, &mut m);
        a.insert(6, b"ghi", Overlap::Bsd, &mut m);
        assert_eq!(drain(&mut a, 3), "abc");
        assert_eq!(drain(&mut a, 8), "[3]gh");
        assert_eq!(drain(&mut a, 12), "i[3]");
    }

    #[test]
    fn each_policy_believes_its_own_segment() {
        // The older segment holds 2..5; the newer one comes as 0..4, 2..6 or 3..7.
        let cases = [
            (Overlap::First, ["nnOOO", "OOOn", "OOOnn"]),
            (Overlap::Last, ["nnnnO", "nnnn", "Onnnn"]),
            (Overlap::Bsd, ["nnnnO", "OOOn", "OOOnn"]),
            (Overlap::Linux, ["nnnnO", "nnnn", "OOOnn"]),
        ];
        for (policy, wanted) in cases {
            for ((at, length), wanted) in [(0, 4), (2, 4), (3, 4)].into_iter().zip(wanted) {
                let (mut a, mut m) = (Assembly::default(), memory());
                a.insert(2, b"OOO", policy, &mut m);
                assert!(a.insert(at, &b"nnnn"[..length], policy, &mut m).different);
                let text = drain(&mut a, 7).replace("[2]", "").replace("[1]", "");
                assert_eq!(text, wanted, "{policy:?} at {at}");
            }
        }
    }

    #[test]
    fn delivered_bytes_never_change() {
        let (mut a, mut m) = (Assembly::default(), memory());
        a.insert(0, b"abcdef", Overlap::Last, &mut m);
        assert_eq!(drain(&mut a, 3), "abc");
        assert!(a.insert(0, b"XXXXXX", Overlap::Last, &mut m).different);
        assert_eq!(a.window(0, 6), (0, &b"abcXXX"[..]));
        assert_eq!(drain(&mut a, 6), "XXX");
    }
}
