//! A hospital's sensor and the centre, as they are shipped, killed again and again and on a bad line: every alert is at
//! the centre exactly once.
//!
//! `PHITAK_SEED` repeats a run; `PHITAK_KILLS` sets how many kills there are.

#[path = "kill/device.rs"]
mod device;
#[path = "kill/line.rs"]
mod line;
#[path = "kill/sector.rs"]
mod sector;

use device::Device;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sector::{Sector, capture};
use std::{thread::sleep, time::Duration};

const KILLS: u64 = 200;
/// Of a sensor that takes syslog: the centre is killed elsewhere.
const LISTENING_KILLS: u64 = 40;
/// Packets of the replay, and how far apart they are: it lasts as long as the kills do.
const PACKETS: u32 = 6000;
/// With an attack in every third packet: fewer than the 600 alerts a minute of one rule that leave a sensor.
const GAP_MICROS: u32 = 34_000;
const PAUSE_MILLIS_MAX: u64 = 900;

/// A number from the environment.
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seed() -> u64 {
    let seed = from_environment("PHITAK_SEED").unwrap_or_else(rand::random);
    println!("PHITAK_SEED={seed}");
    seed
}

#[test]
fn sensor_and_centre_killed_at_200_random_moments_deliver_every_alert_exactly_once() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let kills = from_environment("PHITAK_KILLS").unwrap_or(KILLS);
    let mut sector = Sector::new(&capture(PACKETS, GAP_MICROS));
    sector.start_centre();
    let address = sector.uplink.clone();
    sector.enrol(&address);
    let options = ["--pace", "1", "--retime", "now"];
    sector.start_sensor(&options);
    let (mut sensor_kills, mut centre_kills) = (0, 0);
    for _ in 0..kills {
        // Often short: a start is a moment too.
        let pause =
            if rng.random_ratio(1, 4) { rng.random_range(0..60) } else { rng.random_range(0..PAUSE_MILLIS_MAX) };
        sleep(Duration::from_millis(pause));
        let which = rng.random_range(0..5);
        if which <= 2 {
            sector.kill_sensor();
            sensor_kills += 1;
        }
        if which >= 2 {
            sector.kill_centre();
            centre_kills += 1;
            sector.launch_centre();
        }
        if which <= 2 {
            sector.start_sensor(&options);
        }
    }
    sector.kill_sensor();
    sector.kill_centre();
    sector.start_centre();
    let before_the_end = sector.finish(&["--pace", "max", "--retime", "now", "--until-sent"]);
    println!(
        "{sensor_kills} kills of the sensor, {centre_kills} of the centre; {before_the_end} alerts had arrived meanwhile"
    );
    sector.check_alerts(PACKETS, GAP_MICROS, seed);
    assert!(before_the_end > 0 || kills < 20, "the kills fell into a working line, seed {seed}");
}

#[test]
fn a_line_that_is_cut_and_garbled_delivers_every_alert_exactly_once() {
    let seed = seed();
    let mut sector = Sector::new(&capture(PACKETS, GAP_MICROS));
    sector.start_centre();
    let line = line::bad_line(&sector.uplink, seed);
    sector.enrol(&line.address);
    line.go_bad();
    let _ = sector.finish(&["--pace", "max", "--until-sent"]);
    println!("{} connections were cut or garbled", line.troubles());
    sector.check_alerts(PACKETS, GAP_MICROS, seed);
    assert!(line.troubles() > 10, "the line was bad: {} troubles, seed {seed}", line.troubles());
}

#[test]
fn a_sensor_that_is_told_to_stop_stops_at_once_and_goes_on_later() {
    let mut sector = Sector::new(&capture(PACKETS, GAP_MICROS));
    sector.start_centre();
    let address = sector.uplink.clone();
    sector.enrol(&address);
    sector.start_sensor(&["--pace", "20"]);
    sector.wait_for_alerts(50);
    sector.stop_sensor(Duration::from_secs(5));
    sector.finish(&["--pace", "max", "--until-sent"]);
    sector.check_alerts(PACKETS, GAP_MICROS, 0);
}

#[test]
fn a_sensor_killed_while_it_takes_syslog_delivers_every_alert_exactly_once() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let kills = from_environment("PHITAK_KILLS").unwrap_or(LISTENING_KILLS);
    let mut sector = Sector::new(&capture(0, GAP_MICROS));
    sector.start_centre();
    let uplink = sector.uplink.clone();
    sector.enrol(&uplink);
    let mut device = Device::new(PACKETS, GAP_MICROS);
    for _ in 0..kills {
        sector.start_listening(&device.address);
        device.send_for(Duration::from_millis(rng.random_range(0..PAUSE_MILLIS_MAX)));
        sector.kill_sensor();
    }
    let before_the_end = sector.alerts_kept();
    sector.start_listening(&device.address);
    device.send_all();
    sector.wait_for_alerts(device.alerts());
    sector.stop_sensor(Duration::from_secs(5));
    // What is still in the spool, were it a double, gets to the centre too.
    sector.finish(&["--pace", "max", "--until-sent"]);
    println!("{kills} kills; {before_the_end} alerts had arrived meanwhile");
    sector.check_alerts(PACKETS, GAP_MICROS, seed);
    assert!(before_the_end > 0 || kills < 20, "the kills fell into a working line, seed {seed}");
}
