//! A device that sends its alerts by syslog over TCP, and after each break sends again what it is not sure of.

use super::sector::{ATTACK_EVERY, address, free_address, port};
use std::{
    io::Write,
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

/// Messages that it sends again after a break.
const UNSURE: usize = 100;
const CONNECT_PAUSE: Duration = Duration::from_millis(5);
const MESSAGE_PAUSE: Duration = Duration::from_millis(1);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(30);

pub struct Device {
    /// Where the sensor is to listen.
    pub address: String,
    messages: Vec<String>,
    stream: Option<TcpStream>,
    next: usize,
}

impl Device {
    /// It has an alert for each attack of [`super::sector::capture`].
    pub fn new(packets: u32, gap_micros: u32) -> Self {
        let attacks = (0..packets).filter(|number| number % ATTACK_EVERY == 0);
        let messages = attacks.map(|number| message(number, gap_micros)).collect();
        Self { address: free_address(), messages, stream: None, next: 0 }
    }

    pub fn alerts(&self) -> u64 {
        self.messages.len() as u64
    }

    pub fn send_for(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            let pause = if self.step() { MESSAGE_PAUSE } else { CONNECT_PAUSE };
            sleep(pause);
        }
    }

    /// Sends everything, from the first.
    pub fn send_all(&mut self) {
        (self.stream, self.next) = (None, 0);
        let begun = Instant::now();
        while self.next < self.messages.len() {
            if !self.step() {
                assert!(begun.elapsed() < CONNECT_TIME_MAX, "the sensor does not listen");
                sleep(CONNECT_PAUSE);
            }
        }
    }

    /// Sends the next message, if there is one; false when nobody takes it.
    fn step(&mut self) -> bool {
        let Some(stream) = &mut self.stream else {
            self.stream = TcpStream::connect(&self.address).ok();
            self.next = self.next.saturating_sub(UNSURE);
            return self.stream.is_some();
        };
        let Some(message) = self.messages.get(self.next) else { return true };
        let is_sent = stream.write_all(message.as_bytes()).is_ok();
        if is_sent {
            self.next += 1;
        } else {
            self.stream = None;
        }
        is_sent
    }
}

/// In turns counted and as a line, as RFC 6587 has both.
fn message(number: u32, gap_micros: u32) -> String {
    let micros = u64::from(number) * u64::from(gap_micros);
    let (secs, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, secs) = (secs / 3_600, secs / 60 % 60, secs % 60);
    let text = format!(
        "<133>1 2026-09-21T14:00:00Z fw suricata 812 - - {{\"timestamp\":\"2026-09-21T{hours:02}:{minutes:02}:{secs:02}.{micros:06}\
         +0000\",\"flow_id\":{},\"event_type\":\"alert\",\"src_ip\":\"{}\",\"src_port\":{},\"dest_ip\":\"10.9.9.9\",\"dest_port\":9999,\
         \"proto\":\"UDP\",\"alert\":{{\"action\":\"allowed\",\"gid\":1,\"signature_id\":9000001,\"rev\":1,\"signature\":\"an attack\",\
         \"category\":\"\",\"severity\":3}}}}",
        1_000_000 + number,
        address(number),
        port(number),
    );
    if number.is_multiple_of(2) { format!("{} {text}", text.len()) } else { format!("{text}\n") }
}
