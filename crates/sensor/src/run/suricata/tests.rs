use super::*;
use phitak_engine::suricata::Stats;
use phitak_model::Timestamp;
use phitak_uplink::{
    Batch, Item,
    spool::{SPOOL_BYTES_DEFAULT, Spool},
};
use std::{
    cell::RefCell,
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
    time::SystemTime,
};
use tempfile::TempDir;

/// Looks until a file that has lost its name is passed on, and more.
const LOOKS: usize = 8;

fn alert(number: u32) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-24T02:14:00.{number:06}+0000\",\"event_type\":\"alert\",\"src_ip\":\"10.0.0.1\",\
         \"dest_ip\":\"203.0.113.9\",\"proto\":\"TCP\",\"alert\":{{\"signature_id\":{number},\"signature\":\"s\"}}}}\n"
    )
}

/// A Suricata's folder and a sensor's.
struct World {
    folder: TempDir,
    /// All that the centre would have, in order.
    sent: RefCell<Vec<u32>>,
}

impl World {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder"), sent: RefCell::default() }
    }

    fn eve(&self) -> PathBuf {
        self.folder.path().join("eve.json")
    }

    fn write(&self, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.eve()).expect("opens");
        file.write_all(text.as_bytes()).expect("written");
    }

    fn rename(&self, to: &str, secs: u64) -> PathBuf {
        let to = self.folder.path().join(to);
        fs::rename(self.eve(), &to).expect("renamed");
        self.age(&to, secs);
        to
    }

    fn age(&self, path: &Path, secs: u64) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + secs);
        File::options().write(true).open(path).expect("opens").set_modified(at).expect("set");
    }

    fn start(&self) -> Sensor<'_> {
        let spool = Spool::open(&self.folder.path().join("spool"), SPOOL_BYTES_DEFAULT).expect("a spool");
        let desk = Desk::new(spool);
        let follower = Follower::open(&self.eve(), &self.folder.path().join("place.json"), desk.cursor());
        Sensor { world: self, desk, follower, unreadable: 0 }
    }
}

struct Sensor<'a> {
    world: &'a World,
    desk: Desk,
    follower: Follower,
    unreadable: u64,
}

impl Sensor<'_> {
    fn look(&mut self) {
        let pulse = Pulse::default();
        for _ in 0..LOOKS {
            let mut intake = Intake::new(&self.desk, &pulse);
            let outcome = self.follower.poll(&mut |read| take(&mut intake, read)).expect("reads");
            self.unreadable += outcome.unreadable;
            if outcome.is_new_file {
                self.follower.keep().expect("kept");
            }
        }
    }

    /// As when it is told to stop.
    fn stop(self) -> Vec<u32> {
        self.follower.keep().expect("kept");
        self.kill()
    }

    /// As when its power fails: the place is as it was kept last. All signatures that were ever sent, in order.
    fn kill(self) -> Vec<u32> {
        let mut spool = self.desk.into_spool();
        let mut sent = self.world.sent.borrow_mut();
        loop {
            let (_, up_to) = spool.begin_sync().expect("synced");
            let Some(outgoing) = spool.next_batch(up_to, 1_000).expect("read") else { break };
            for record in Batch::decode(&outgoing.body).expect("a batch").records {
                match record.item {
                    Item::Alert(alert) => sent.push(alert.signature_id),
                    other => panic!("{other:?}"),
                }
            }
            spool.acknowledge(&outgoing).expect("acknowledged");
        }
        sent.clone()
    }
}

fn upto(number: u32) -> Vec<u32> {
    (1..=number).collect()
}

#[test]
fn alerts_come_once_and_the_rest_stays() {
    let world = World::new();
    world.write(&alert(1));
    world.write(
        "{\"timestamp\":\"2026-11-24T02:14:00.000000+0000\",\"event_type\":\"flow\",\"src_ip\":\"10.0.0.1\"}\n\n",
    );
    let mut sensor = world.start();
    sensor.look();
    world.write(&alert(2));
    sensor.look();
    assert_eq!((sensor.unreadable, sensor.stop()), (0, upto(2)));
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let world = World::new();
    let mut sensor = world.start();
    sensor.look();
    world.write(alert(1).get(..30).expect("a part"));
    sensor.look();
    world.write(alert(1).get(30..).expect("the rest"));
    sensor.look();
    assert_eq!((sensor.unreadable, sensor.stop()), (0, upto(1)));
}

#[test]
fn a_line_written_in_pieces_counts_when_it_is_whole() {
    let world = World::new();
    world.write(&alert(1));
    let mut sensor = world.start();
    for byte in alert(2).into_bytes().chunks(7) {
        world.write(std::str::from_utf8(byte).expect("text"));
        sensor.look();
    }
    assert_eq!((sensor.unreadable, sensor.stop()), (0, upto(2)));
}

#[test]
fn garbage_and_huge_lines_are_counted_and_passed_over() {
    let world = World::new();
    world.write(&alert(1));
    world.write("no record\n{\"event_type\":\"alert\"}\n");
    let mut sensor = world.start();
    sensor.look();
    let huge = "x".repeat(3 << 20);
    world.write(&huge);
    sensor.look();
    world.write(&huge);
    world.write("\n");
    world.write(&alert(2));
    sensor.look();
    assert!(sensor.follower.held_bytes() <= phitak_engine::suricata::LINE_BYTES_MAX);
    assert_eq!((sensor.unreadable, sensor.stop()), (3, upto(2)));
}

#[test]
fn rotation_by_rename_loses_nothing_of_either_file() {
    let world = World::new();
    world.write(&alert(1));
    let mut sensor = world.start();
    sensor.look();
    world.write(&alert(2));
    let old = world.rename("eve.json.1", 1);
    // Suricata writes to the renamed file until it is told.
    let mut late = OpenOptions::new().append(true).open(&old).expect("opens");
    late.write_all(alert(3).as_bytes()).expect("written");
    world.age(&old, 1);
    world.write(&alert(4));
    sensor.look();
    world.write(&alert(5));
    sensor.look();
    assert_eq!((sensor.unreadable, sensor.stop()), (0, upto(5)));
}

#[test]
fn rotation_by_emptying_begins_anew() {
    let world = World::new();
    (1..=3).for_each(|number| world.write(&alert(number)));
    let mut sensor = world.start();
    sensor.look();
    File::options().write(true).open(world.eve()).expect("opens").set_len(0).expect("emptied");
    sensor.look();
    world.write(&alert(4));
    sensor.look();
    // Emptied and grown past the old length between two looks.
    File::options().write(true).open(world.eve()).expect("opens").set_len(0).expect("emptied");
    (5..=9).for_each(|number| world.write(&alert(number)));
    sensor.look();
    assert_eq!((sensor.unreadable, sensor.stop()), (0, upto(9)));
}

#[test]
fn a_restart_goes_on_at_the_next_line_whenever_it_was_killed() {
    for kept_before in [true, false] {
        let world = World::new();
        (1..=5).for_each(|number| world.write(&alert(number)));
        let mut sensor = world.start();
        sensor.look();
        if kept_before {
            sensor.follower.keep().expect("kept");
        }
        world.write(&alert(6));
        world.write(alert(7).get(..50).expect("a part"));
        sensor.look();
        assert_eq!(sensor.kill(), upto(6));
        world.write(alert(7).get(50..).expect("the rest"));
        let mut sensor = world.start();
        sensor.look();
        assert_eq!((sensor.unreadable, sensor.kill()), (0, upto(7)), "kept {kept_before}");
    }
}

#[test]
fn files_that_came_while_the_sensor_was_down_are_read_in_their_order() {
    let world = World::new();
    world.write(&alert(1));
    let mut sensor = world.start();
    sensor.look();
    sensor.stop();
    world.write(&alert(2));
    world.rename("eve.json.2", 1);
    world.write(&alert(3));
    world.rename("eve.json.1", 2);
    fs::write(world.folder.path().join("eve.json.3.gz"), "packed").expect("written");
    world.write(&alert(4));
    let mut sensor = world.start();
    (0..3).for_each(|_| sensor.look());
    assert_eq!((sensor.unreadable, sensor.stop()), (0, upto(4)));
}

#[test]
fn a_file_that_was_taken_away_unread_is_a_loss_and_no_stop() {
    let world = World::new();
    (1..=2).for_each(|number| world.write(&alert(number)));
    let mut sensor = world.start();
    sensor.look();
    sensor.stop();
    fs::remove_file(world.eve()).expect("removed");
    world.write(&alert(3));
    let mut sensor = world.start();
    sensor.look();
    assert_eq!((sensor.unreadable, sensor.stop()), (1, upto(3)));
}

#[test]
fn what_leaves_has_passed_the_policy() {
    let world = World::new();
    let secret = alert(1).replace(
        "\"proto\":\"TCP\"",
        "\"proto\":\"TCP\",\"http\":{\"hostname\":\"h.example\",\"url\":\"/find?name=somchai\",\"http_cookie\":\"c\"},\
         \"payload_printable\":\"somchai\",\"ether\":{\"src_mac\":\"02:00:00:00:00:01\"}",
    );
    world.write(&secret);
    let mut sensor = world.start();
    sensor.look();
    sensor.desk.sync().expect("synced");
    let mut spool = sensor.desk.into_spool();
    let (_, up_to) = spool.begin_sync().expect("synced");
    let body = spool.next_batch(up_to, 10).expect("read").expect("an alert").body;
    let text = String::from_utf8(body).expect("text");
    assert!(text.contains("h.example") && text.contains("/find?name="), "{text}");
    for hidden in ["somchai", "http_cookie", "02:00"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

#[test]
fn counters_become_health_and_drops_a_loss() {
    let world = World::new();
    let desk = Desk::new(Spool::open(&world.folder.path().join("spool"), SPOOL_BYTES_DEFAULT).expect("a spool"));
    let pulse = Pulse::default();
    let mut intake = Intake::new(&desk, &pulse);
    for (packets, drops) in [(100, 5), (200, 5), (50, 3)] {
        let at = Timestamp::from_secs(1_790_000_000 + packets as i64);
        intake.stats(Source::File, &Stats { at, packets, dropped: drops, rules_loaded: 7, ..Stats::default() });
    }
    let health = pulse.health(Timestamp::default(), 0, desk.losses());
    assert_eq!((health.packets, health.rules_loaded), (50, 7));
    let dropped: u64 = health.losses.iter().map(|loss| loss.count).sum();
    assert_eq!(dropped, 8, "five, no more, and three of the one that began anew: {:?}", health.losses);
}
