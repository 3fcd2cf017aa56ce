use super::*;
use crate::{
    authority::Authority,
    feed::{Heading, line::Lines},
};
use phitak_model::{IndicatorKind, IndicatorValue, Severity, Timestamp};
use tempfile::TempDir;

const AT: Timestamp = Timestamp::from_secs(1_790_000_000);

struct World {
    authority: Authority,
    folder: TempDir,
}

fn indicator(id: u32) -> Indicator {
    Indicator {
        id,
        value: IndicatorValue::Address([198, 51, 100, id as u8].into(), 32),
        severity: Severity::High,
        expires_at: AT,
        text: "คำ".to_owned(),
    }
}

impl World {
    fn new() -> Self {
        Self { authority: Authority::create(AT).expect("a CA"), folder: TempDir::new().expect("a folder") }
    }

    fn keeper(&self) -> Keeper {
        let key = FeedKey::of(self.authority.certificate()).expect("a key");
        Keeper::open(self.folder.path(), key).expect("opens")
    }

    /// Parts of a generation, each with these changes.
    fn parts(&self, generation: u64, changes: &[&[Change]]) -> Vec<Part> {
        let mut before = [0; 32];
        let mut parts = Vec::new();
        for (part, changes) in (1..).zip(changes) {
            let mut lines = Lines::default();
            assert!(changes.iter().all(|change| lines.push(change)));
            let heading = Heading { position: FeedPosition { generation, part }, at: AT, before };
            let part = Part::sign(&self.authority, heading, lines.into_text()).expect("signed");
            before = part.hash;
            parts.push(part);
        }
        parts
    }

    fn file(&self, generation: u64) -> PathBuf {
        self.folder.path().join(format!("indicators/list-{generation}.parts"))
    }
}

fn page(parts: &[Part]) -> Vec<u8> {
    parts.iter().flat_map(Part::encode).collect()
}

fn ids(keeper: &Keeper) -> Vec<u32> {
    let mut ids = Vec::new();
    keeper.read(&mut |indicator| ids.push(indicator.id)).expect("reads");
    ids
}

fn three(world: &World) -> Vec<Part> {
    let add = |id| Change::Add(indicator(id));
    world.parts(1, &[&[add(1), add(2)], &[Change::Remove(1)], &[add(3)]])
}

fn at(generation: u64, part: u64) -> FeedPosition {
    FeedPosition { generation, part }
}

#[test]
fn a_list_comes_in_pages_and_survives_a_restart() {
    let world = World::new();
    let parts = three(&world);
    let keeper = world.keeper();
    let mut changes = keeper.changes();
    assert_eq!((keeper.ask(), ids(&keeper)), (FeedAsk::default(), vec![]));
    keeper.take(&page(&parts[..2]), at(1, 3)).expect("taken");
    assert!(!changes.has_changed().expect("lives"), "half of the way is told to nobody");
    keeper.take(&page(&parts[2..]), at(1, 3)).expect("taken");
    assert!(changes.has_changed().expect("lives"));
    assert_eq!(*changes.borrow_and_update(), at(1, 3));
    assert_eq!(ids(&keeper), [2, 3]);
    drop(keeper);
    let again = world.keeper();
    assert_eq!((again.position(), again.ask(), ids(&again)), (at(1, 3), parts[2].ask(), vec![2, 3]));
    assert!(!again.differs(at(1, 3)) && again.differs(at(1, 4)) && again.differs(at(2, 1)));
    assert!(!again.differs(at(0, 0)) && again.differs(at(1, 1)));
}

#[test]
fn an_old_list_is_not_taken_again_and_nothing_is_left_out() {
    let world = World::new();
    let parts = three(&world);
    let keeper = world.keeper();
    let order = |taken: Result<(), FeedError>| assert!(matches!(taken, Err(FeedError::Order { .. })), "{taken:?}");
    order(keeper.take(&page(&parts[1..]), at(1, 3)));
    keeper.take(&page(&parts), at(1, 3)).expect("taken");
    order(keeper.take(&page(&parts[..1]), at(1, 3)));
    order(keeper.take(&page(&parts[2..]), at(1, 3)));
    let next = world.parts(2, &[&[Change::Add(indicator(9))]]);
    keeper.take(&page(&next), at(2, 1)).expect("a later generation");
    order(keeper.take(&page(&parts[..1]), at(1, 3)));
    assert_eq!((keeper.position(), ids(&keeper)), (at(2, 1), vec![9]));
    assert!(!world.file(1).exists(), "the one before is gone");
}

#[test]
fn a_later_generation_counts_only_when_it_is_whole() {
    let world = World::new();
    let keeper = world.keeper();
    keeper.take(&page(&three(&world)), at(1, 3)).expect("taken");
    let next = world.parts(2, &[&[Change::Add(indicator(8))], &[Change::Add(indicator(9))]]);
    keeper.take(&page(&next[..1]), at(2, 2)).expect("taken");
    assert_eq!((keeper.position(), ids(&keeper), keeper.ask()), (at(1, 3), vec![2, 3], next[0].ask()));
    let restarted = world.keeper();
    assert_eq!((restarted.position(), ids(&restarted)), (at(1, 3), vec![2, 3]), "half a generation is fetched anew");
    restarted.take(&page(&next), at(2, 2)).expect("taken");
    assert_eq!((restarted.position(), ids(&restarted)), (at(2, 2), vec![8, 9]));
}

#[test]
fn what_another_key_signed_is_refused() {
    let (world, other) = (World::new(), World::new());
    let keeper = world.keeper();
    let refused = keeper.take(&page(&three(&other)), at(1, 3));
    assert!(matches!(refused, Err(FeedError::Signature(_))), "{refused:?}");
    assert_eq!(keeper.position(), at(0, 0));
}

#[test]
fn a_file_that_was_cut_or_damaged_anywhere_leaves_a_list_that_verifies() {
    let world = World::new();
    let parts = three(&world);
    world.keeper().take(&page(&parts), at(1, 3)).expect("taken");
    let good = fs::read(world.file(1)).expect("reads");
    let ends: Vec<usize> = (0..=3).map(|count| parts[..count].iter().map(|part| part.encode().len()).sum()).collect();
    for damaged in (0..good.len()).step_by(5) {
        for is_cut in [true, false] {
            let mut bytes = good.clone();
            if is_cut {
                bytes.truncate(damaged);
            } else {
                bytes[damaged] ^= 1;
            }
            fs::write(world.file(1), bytes).expect("written");
            let keeper = world.keeper();
            let whole = ends.iter().filter(|end| **end <= damaged).count() - 1;
            let left = keeper.position().part as usize;
            // The last signature vouches for all before it: one in between may be damaged, and the lines are still the centre's.
            assert!(!is_cut || left <= whole, "byte {damaged} cut {is_cut}: {left} parts of {whole} good ones");
            let head = at(1, 3);
            keeper.take(&page(&parts[left..]), head).expect("what lacks is fetched again");
            assert_eq!((keeper.position(), ids(&keeper)), (head, vec![2, 3]), "byte {damaged}");
        }
    }
}

#[test]
fn what_cannot_be_looked_for_is_left_out_and_counted() {
    let world = World::new();
    let mut own = indicator(1);
    own.value = IndicatorValue::Address([10, 0, 0, 1].into(), 32);
    let parts = world.parts(1, &[&[Change::Add(own), Change::Add(indicator(2))]]);
    let keeper = world.keeper();
    keeper.take(&page(&parts), at(1, 1)).expect("taken");
    let mut found = Vec::new();
    let contents = keeper.read(&mut |indicator| found.push(indicator.id)).expect("reads");
    assert_eq!((found, contents.unread), (vec![2], 1));
    assert!(IndicatorValue::parse(IndicatorKind::Address, "10.0.0.1").is_err());
}

fn rule(sid: u32, text: &str) -> Change {
    Change::AddRule(ListedRule { sid, expires_at: AT, text: text.to_owned() })
}

#[test]
fn rules_come_go_and_stay_over_a_restart_in_the_same_list() {
    let world = World::new();
    let parts = world.parts(
        1,
        &[
            &[rule(9_700_002, "two"), Change::Add(indicator(1)), rule(9_700_001, "one")],
            &[Change::RemoveRule(9_700_002), rule(9_700_003, "three")],
        ],
    );
    world.keeper().take(&page(&parts), parts[1].position).expect("taken");
    let keeper = world.keeper();
    let texts = |keeper: &Keeper| {
        let contents = keeper.read(&mut |_| ()).expect("reads");
        contents.rules.into_iter().map(|rule| (rule.sid, rule.text)).collect::<Vec<_>>()
    };
    assert_eq!(texts(&keeper), [(9_700_001, "one".to_owned()), (9_700_003, "three".to_owned())]);
    assert_eq!(ids(&keeper), [1]);
}

#[test]
fn no_more_rules_are_taken_than_there_is_room_for() {
    let world = World::new();
    let most = u32::try_from(LISTED_RULES_MAX).expect("small");
    let changes: Vec<Change> = (0..=most).map(|n| rule(9_700_000 + n, "r")).collect();
    let parts = world.parts(1, &[&changes]);
    let keeper = world.keeper();
    keeper.take(&page(&parts), parts[0].position).expect("taken");
    let contents = keeper.read(&mut |_| ()).expect("reads");
    assert_eq!((contents.rules.len(), contents.unread), (LISTED_RULES_MAX, 1));
}
