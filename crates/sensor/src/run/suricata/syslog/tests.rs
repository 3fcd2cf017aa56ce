mod hostile;

use super::{address::Transport, *};
use phitak_model::Loss;
use phitak_uplink::{
    Batch, Item,
    spool::{SPOOL_BYTES_DEFAULT, Spool},
};
use std::{
    cell::RefCell,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::PathBuf,
};
use tempfile::TempDir;

/// A test that waits longer has failed.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// As Suricata 7 writes it, without line feeds.
fn alert(number: u32) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-24T09:14:00.{number:06}+0700\",\"flow_id\":{},\"in_iface\":\"eth0\",\"event_type\":\"alert\",\
         \"src_ip\":\"10.1.2.3\",\"src_port\":50123,\"dest_ip\":\"203.0.113.9\",\"dest_port\":443,\"proto\":\"TCP\",\
         \"alert\":{{\"action\":\"allowed\",\"gid\":1,\"signature_id\":{number},\"rev\":4,\"signature\":\"ET EXAMPLE {{x}}\",\
         \"category\":\"Misc\",\"severity\":1}},\"app_proto\":\"tls\",\"tls\":{{\"sni\":\"evil.example\"}}}}",
        9_000_000_000_000 + u64::from(number)
    )
}

/// As syslog(3) and a relay send it.
fn old(text: &str) -> String {
    format!("<133>Nov 24 09:14:00 fw suricata[812]: {text}")
}

fn new(text: &str) -> String {
    format!("<133>1 2026-11-24T09:14:00.5+07:00 fw suricata 812 - [a@1 b=\"{{\\\"]\"] \u{feff}{text}")
}

fn counted(message: &str) -> String {
    format!("{} {message}", message.len())
}

fn upto(number: u32) -> Vec<u32> {
    (1..=number).collect()
}

/// A sensor's folder, over its restarts.
struct World {
    folder: TempDir,
    /// All that the centre would have, in order.
    sent: RefCell<Vec<u32>>,
}

/// A sensor that listens over UDP and TCP.
struct Site<'a> {
    station: Station<'a>,
    listeners: Listeners,
}

impl World {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder"), sent: RefCell::default() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn desk(&self) -> Desk {
        Desk::new(Spool::open(&self.data().join("spool"), SPOOL_BYTES_DEFAULT).expect("a spool"))
    }

    /// Starts a sensor, and ends it after `act` as a kill does: nothing is synced or told. Gives its losses.
    fn run(&self, act: impl FnOnce(&mut Site<'_>)) -> Vec<Loss> {
        let (desk, pulse) = (self.desk(), Pulse::default());
        let addresses: Vec<Address> =
            ["udp://:0", "tcp://:0"].iter().map(|text| text.parse().expect("an address")).collect();
        let setup = Setup::new(&addresses, &[]).expect("checked");
        let station = Station::open(&self.data(), &desk, &pulse).expect("opens");
        let mut site = Site { station, listeners: Listeners::start(&setup).expect("listens") };
        act(&mut site);
        drop(site);
        let losses = desk.losses();
        self.deliver(desk);
        losses
    }

    fn deliver(&self, desk: Desk) {
        let mut spool = desk.into_spool();
        loop {
            let (_, up_to) = spool.begin_sync().expect("synced");
            let Some(outgoing) = spool.next_batch(up_to, 1_000).expect("read") else { break };
            for record in Batch::decode(&outgoing.body).expect("a batch").records {
                match record.item {
                    Item::Alert(alert) => {
                        assert!(alert.at <= clock::now().plus_secs(AHEAD_SECS_MAX), "{}", alert.at.iso());
                        self.sent.borrow_mut().push(alert.signature_id);
                    }
                    other => panic!("{other:?}"),
                }
            }
            spool.acknowledge(&outgoing).expect("acknowledged");
        }
    }

    fn sent(&self) -> Vec<u32> {
        self.sent.borrow().clone()
    }
}

impl Site<'_> {
    fn at(&self, transport: Transport) -> SocketAddr {
        self.listeners.addresses().iter().find(|address| address.transport == transport).expect("listens").at
    }

    fn udp(&self) -> Device {
        Device::at(self.at(Transport::Udp), "127.0.0.1")
    }

    fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.at(Transport::Tcp)).expect("connects")
    }

    /// Waits until so many messages have come, and reads them.
    fn take(&mut self, count: usize) {
        let mut taken = 0;
        until(|| {
            taken += self.station.turn(&mut self.listeners);
            taken >= count
        });
        assert_eq!(taken, count);
    }

    fn tell(&mut self) {
        self.station.tell(&mut self.listeners);
    }
}

/// A device that sends datagrams.
struct Device {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Device {
    fn at(to: SocketAddr, from: &str) -> Self {
        Self { socket: UdpSocket::bind((from, 0)).expect("bound"), to }
    }

    fn send(&self, message: &str) {
        assert_eq!(self.socket.send_to(message.as_bytes(), self.to).expect("sent"), message.len());
    }
}

fn until(mut is_done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_done() {
        assert!(begin.elapsed() < WAIT_MAX, "it never came");
        std::thread::yield_now();
    }
}

fn count(losses: &[Loss], cause: LossCause) -> u64 {
    losses.iter().filter(|loss| loss.cause == cause).map(|loss| loss.count).sum()
}

#[test]
fn alerts_by_every_way_and_form_reach_the_spool_once() {
    let world = World::new();
    let losses = world.run(|site| {
        let device = site.udp();
        device.send(&old(&alert(1)));
        device.send(&new(&alert(2)));
        device.send(&alert(3));
        site.take(3);
        let mut stream = site.tcp();
        let text =
            format!("{}{}{}\n{}\n", counted(&new(&alert(4))), counted(&old(&alert(5))), old(&alert(6)), alert(7));
        stream.set_nodelay(true).expect("set");
        text.as_bytes().chunks(101).for_each(|piece| stream.write_all(piece).expect("written"));
        site.take(4);
        // Without a line feed, as some senders end.
        stream.write_all(new(&alert(8)).as_bytes()).expect("written");
        drop(stream);
        site.take(1);
        site.tell();
    });
    assert_eq!((world.sent(), losses), (upto(8), Vec::new()));
}

#[test]
fn what_is_sent_again_comes_once_by_whatever_way_and_after_a_kill() {
    let world = World::new();
    world.run(|site| {
        let (device, mut stream) = (site.udp(), site.tcp());
        for number in 1..=20 {
            device.send(&old(&alert(number)));
            stream.write_all(counted(&new(&alert(number))).as_bytes()).expect("written");
        }
        site.take(40);
    });
    assert_eq!(world.sent().len(), 20);
    // Killed between the spool and the file beside it: the last one is missing there.
    let seen = world.data().join(SEEN_FILE);
    let bytes = fs::read(&seen).expect("read");
    fs::write(&seen, bytes.get(..19 * 32).expect("twenty slots")).expect("written");
    world.run(|site| {
        let mut stream = site.tcp();
        (1..=25).for_each(|number| stream.write_all(format!("{}\n", old(&alert(number))).as_bytes()).expect("written"));
        site.take(25);
    });
    let mut sent = world.sent();
    sent.sort_unstable();
    assert_eq!(sent, upto(25));
}

#[test]
fn two_alerts_of_one_packet_are_two_when_their_transactions_differ() {
    let world = World::new();
    world.run(|site| {
        let device = site.udp();
        device.send(&old(&alert(1)));
        device.send(&old(&alert(1).replace("evil.example", "other.example")));
        device.send(&old(&alert(1)));
        site.take(3);
    });
    assert_eq!(world.sent(), [1, 1]);
}

#[test]
fn what_cannot_be_used_is_told_by_its_kind() {
    let world = World::new();
    let losses = world.run(|site| {
        let device = site.udp();
        device.send(&old(r#"{"timestamp":"2026-11-24T09:14:00.000000+0700","event_type":"flow"}"#));
        device.send("<86>Nov 24 09:14:00 fw sshd[1]: session opened for user root");
        device.send("<13>Nov 24 09:14:00 fw app: {\"level\":\"info\"}");
        device.send("");
        device.send(old(&alert(1)).get(..200).expect("a part"));
        site.take(5);
        let mut stream = site.tcp();
        let long = "x".repeat(phitak_engine::syslog::MESSAGE_BYTES_MAX + 1);
        stream.write_all(format!("{long}\n{}\n", old(&alert(2))).as_bytes()).expect("written");
        site.take(1);
        site.tell();
    });
    assert_eq!(world.sent(), [2]);
    assert_eq!(count(&losses, LossCause::RecordsNotAlerts), 1);
    assert_eq!(count(&losses, LossCause::MessagesNotEve), 3);
    assert_eq!(count(&losses, LossCause::RecordsUnreadable), 2);
    assert_eq!(losses.len(), 3, "{losses:?}");
}

#[test]
fn a_stream_that_ends_within_a_message_is_a_loss() {
    let world = World::new();
    world.run(|site| {
        site.tcp().write_all(b"9999 <133>Nov 24").expect("written");
        let mut unreadable = 0;
        until(|| {
            unreadable += site.listeners.take_refused().unreadable;
            unreadable > 0
        });
        assert_eq!(unreadable, 1);
    });
}

#[test]
fn each_datagram_of_a_flood_is_read_or_counted() {
    const SENT: u64 = 12_000;
    let world = World::new();
    let losses = world.run(|site| {
        let device = site.udp();
        let text = "x".repeat(900);
        let mut read = 0;
        for number in 0..SENT {
            device.send(&text);
            if number % 1_000 == 0 {
                read += site.station.turn(&mut site.listeners) as u64;
            }
        }
        until(|| {
            read += site.station.turn(&mut site.listeners) as u64;
            site.tell();
            let dropped = count(&site.station.intake.desk.losses(), LossCause::MessagesDropped);
            read + dropped >= SENT
        });
        assert!(read > 0, "some are read");
    });
    let (dropped, read) = (count(&losses, LossCause::MessagesDropped), count(&losses, LossCause::MessagesNotEve));
    assert_eq!(read + dropped, SENT);
    assert!(dropped > 0, "faster than the limit");
}

#[test]
fn connections_beyond_the_limit_are_closed_and_counted_and_places_come_free() {
    let world = World::new();
    let losses = world.run(|site| {
        let mut streams: Vec<TcpStream> = (0..senders::CONNECTIONS_OF_ONE_MAX).map(|_| site.tcp()).collect();
        for (number, stream) in (1..).zip(&mut streams) {
            stream.write_all(format!("{}\n", old(&alert(number))).as_bytes()).expect("written");
        }
        site.take(senders::CONNECTIONS_OF_ONE_MAX);
        let mut refused = site.tcp();
        assert!(matches!(refused.read(&mut [0; 9]), Ok(0) | Err(_)), "closed");
        drop(streams);
        // The places come free when the ends have been noticed; a device tries again.
        let mut taken = 0;
        until(|| {
            let mut stream = site.tcp();
            let _ = stream.write_all(format!("{}\n", old(&alert(99))).as_bytes());
            drop(stream);
            taken += site.station.turn(&mut site.listeners);
            taken > 0
        });
        site.tell();
    });
    let sent = world.sent();
    assert_eq!((sent.len(), sent.last()), (senders::CONNECTIONS_OF_ONE_MAX + 1, Some(&99)));
    assert!(count(&losses, LossCause::MessagesDropped) >= 1);
}

#[test]
fn raw_messages_stay_nowhere_and_what_leaves_has_passed_the_policy() {
    let world = World::new();
    let secret = alert(1).replace(
        "\"tls\":{\"sni\":\"evil.example\"}",
        "\"http\":{\"hostname\":\"h.example\",\"url\":\"/find?name=somchai\",\"http_cookie\":\"c-o-o-k-i-e\"},\
         \"payload_printable\":\"somchai\",\"ether\":{\"src_mac\":\"02:00:00:00:00:01\"}",
    );
    let (desk, pulse) = (world.desk(), Pulse::default());
    let setup = Setup::new(&["udp://:0".parse().expect("an address")], &[]).expect("checked");
    let station = Station::open(&world.data(), &desk, &pulse).expect("opens");
    let mut site = Site { station, listeners: Listeners::start(&setup).expect("listens") };
    let device = site.udp();
    device.send(&old(&secret).replace(" fw ", " the-firewall "));
    device.send("<86>Nov 24 09:14:00 the-firewall sshd[1]: session opened for somchai");
    site.take(2);
    site.tell();
    desk.sync().expect("synced");
    let mut text = String::new();
    let mut folders = vec![world.data()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => text.push_str(&String::from_utf8_lossy(&fs::read(path).expect("read"))),
            }
        }
    }
    assert!(text.contains("h.example") && text.contains("/find?name="), "{text}");
    for hidden in ["somchai", "c-o-o-k-i-e", "02:00", "the-firewall", "sshd"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

#[test]
fn a_future_that_is_claimed_counts_now() {
    let world = World::new();
    let losses = world.run(|site| {
        let device = site.udp();
        for number in 1_000..1_700 {
            let other_flow = format!("\"flow_id\":{number}");
            let claimed = alert(7).replace("2026-11-24T09", "2199-11-24T09").replace("\"flow_id\":9", &other_flow);
            device.send(&old(&claimed));
            if number % 50 == 49 {
                site.take(50);
            }
        }
        site.tell();
    });
    // Up to two minutes of this machine's clock, of 600 each.
    let held = losses.iter().find(|loss| loss.cause == LossCause::AlertsHeldBack);
    let held_count = held.map_or(0, |held| held.count);
    assert_eq!(world.sent().len() as u64 + held_count, 700);
    assert_eq!(count(&losses, LossCause::MomentsAhead), 700, "each was told");
    assert!(held.is_none_or(|held| held.until <= clock::now()), "no loss in a future: {held:?}");
}

#[test]
fn counters_of_several_devices_are_added_up() {
    let world = World::new();
    let (desk, pulse) = (world.desk(), Pulse::default());
    let setup = Setup::new(&["udp://:0".parse().expect("an address")], &[]).expect("checked");
    let station = Station::open(&world.data(), &desk, &pulse).expect("opens");
    let mut site = Site { station, listeners: Listeners::start(&setup).expect("listens") };
    let stats = |packets: u64, drops: u64| {
        old(&format!(
            "{{\"timestamp\":\"2026-11-24T09:14:00.000000+0700\",\"event_type\":\"stats\",\"stats\":{{\"capture\":\
             {{\"kernel_drops\":{drops}}},\"decoder\":{{\"pkts\":{packets}}}}}}}"
        ))
    };
    let to = site.at(Transport::Udp);
    for (from, packets, drops) in [("127.0.0.1", 100, 5), ("127.0.0.2", 1_000, 0), ("127.0.0.1", 150, 7)] {
        Device::at(to, from).send(&stats(packets, drops));
        site.take(1);
    }
    let health = pulse.health(Timestamp::default(), 0, desk.losses());
    assert_eq!((health.packets, count(&health.losses, LossCause::PacketsDropped)), (1_150, 7));
}

#[test]
fn it_listens_until_it_is_told_to_stop() {
    let world = World::new();
    let (desk, pulse) = (world.desk(), Pulse::default());
    // A port that was free a moment ago.
    let at = UdpSocket::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address");
    let setup = Setup::new(&[Address { transport: Transport::Udp, at }], &[]).expect("checked");
    std::thread::scope(|scope| {
        let data = world.data();
        let listening = scope.spawn({
            let (setup, desk, pulse) = (&setup, &desk, &pulse);
            move || listen(setup, &data, desk, pulse)
        });
        let device = Device::at(at, "127.0.0.1");
        let begin = Instant::now();
        while desk.waiting_bytes() == 0 && begin.elapsed() < WAIT_MAX && !listening.is_finished() {
            // Before it listens, the kernel may answer that nobody is there.
            let _ = device.socket.send_to(old(&alert(1)).as_bytes(), at);
            std::thread::yield_now();
        }
        pulse.stop();
        listening.join().expect("no fault").expect("no error");
    });
    world.deliver(desk);
    assert_eq!(world.sent(), [1], "sent many times, taken once");
}

#[test]
fn an_address_in_use_is_told() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = Address { transport: Transport::Udp, at: taken.local_addr().expect("an address") };
    let error = Listeners::start(&Setup::new(&[address], &[]).expect("checked")).err().expect("refused");
    assert!(format!("{error:#}").contains(&address.to_string()), "{error:#}");
}
