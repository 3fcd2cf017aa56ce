//! The thread with the sockets.

use super::{
    address::{Address, Setup, Transport},
    door::{Door, Place, Received, Refused},
    drops::KernelDrops,
};
use anyhow::Context;
use phitak_engine::syslog::{Framed, Frames};
use socket2::{SockRef, TcpKeepalive};
use std::{net, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream, UdpSocket},
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};

/// Longer than any datagram of UDP.
const DATAGRAM_BYTES_MAX: usize = 65_536;
const CHUNK_BYTES: usize = 16 << 10;
/// A message that has begun is whole within this time, or its connection ends.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(60);
/// A device that lives may be silent for as long as it likes: a quiet Suricata has nothing to say for days, and senders notice
/// a closed connection only by losing the next message. One that is gone without a word is found out by its kernel's silence:
/// after a minute, and five tries ten seconds apart.
const SILENT_BEFORE_ASKED: Duration = Duration::from_secs(60);
const ASKED_EVERY: Duration = Duration::from_secs(10);
const ASKED_MAX: u32 = 5;
/// After an error of the socket itself, such as too many open files.
const TROUBLE_PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Listeners {
    queue: mpsc::Receiver<Received>,
    door: Arc<Door>,
    addresses: Vec<Address>,
    drops: KernelDrops,
    /// What the kernel let go before the sockets were closed.
    dropped: u64,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Listeners {
    /// # Errors
    /// When an address cannot be listened at.
    pub(super) fn start(setup: &Setup) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (door, queue) = Door::new(setup.senders.clone());
        let mut addresses = Vec::new();
        let mut datagram_sockets = Vec::new();
        for address in &setup.addresses {
            let bound = bind(*address, &runtime, &door, &mut datagram_sockets).with_context(|| {
                format!("--syslog {address}: cannot be listened at (ports below 1024 need CAP_NET_BIND_SERVICE)")
            })?;
            addresses.push(bound);
        }
        let drops = KernelDrops::of(&datagram_sockets);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("syslog".to_owned()).spawn(move || {
            // The tasks end with their runtime.
            runtime.block_on(async {
                let _ = stopped.await;
            });
        })?;
        Ok(Self { queue, door, addresses, drops, dropped: 0, running: Some((stop, thread)) })
    }

    /// Where they listen; a port that was left to the system is told.
    pub(super) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The next message, if one waits.
    pub(super) fn receive(&mut self) -> Option<Received> {
        self.queue.try_recv().ok()
    }

    /// What was not let in since the last call, by the kernel or here.
    pub(super) fn take_refused(&mut self) -> Refused {
        let mut refused = self.door.take_refused();
        let dropped = std::mem::take(&mut self.dropped).saturating_add(self.drops.fresh());
        refused.dropped = refused.dropped.saturating_add(dropped);
        refused
    }

    /// Closes the sockets. What has been received stays in the queue.
    pub(super) fn stop(&mut self) {
        let Some((stop, thread)) = self.running.take() else { return };
        self.dropped = self.dropped.saturating_add(self.drops.fresh());
        let _ = stop.send(());
        if thread.join().is_err() {
            tracing::error!("the thread that listens for syslog ended by a fault");
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Listens at an address; gives it with the port that it really has.
fn bind(
    address: Address,
    runtime: &Runtime,
    door: &Arc<Door>,
    datagram_sockets: &mut Vec<u64>,
) -> std::io::Result<Address> {
    let _context = runtime.enter();
    let at = match address.transport {
        Transport::Udp => {
            let socket = net::UdpSocket::bind(address.at)?;
            socket.set_nonblocking(true)?;
            datagram_sockets.extend(super::drops::inode(&socket));
            let at = socket.local_addr()?;
            runtime.spawn(datagrams(UdpSocket::from_std(socket)?, door.clone()));
            at
        }
        Transport::Tcp => {
            let listener = net::TcpListener::bind(address.at)?;
            listener.set_nonblocking(true)?;
            let at = listener.local_addr()?;
            runtime.spawn(connections(TcpListener::from_std(listener)?, door.clone()));
            at
        }
    };
    Ok(Address { at, ..address })
}

async fn datagrams(socket: UdpSocket, door: Arc<Door>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => door.datagram(buffer.get(..length).unwrap_or_default(), from.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "a datagram of syslog could not be received");
                sleep(TROUBLE_PAUSE).await;
            }
        }
    }
}

async fn connections(listener: TcpListener, door: Arc<Door>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                if let Some(place) = door.connect(from.ip().to_canonical()) {
                    if let Err(error) = find_out_when_gone(&stream) {
                        tracing::warn!(%error, "a connection of syslog whose device goes without a word may keep its place");
                    }
                    tokio::spawn(connection(stream, place, MESSAGE_TIME_MAX));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection of syslog could not be accepted");
                sleep(TROUBLE_PAUSE).await;
            }
        }
    }
}

fn find_out_when_gone(stream: &TcpStream) -> std::io::Result<()> {
    let asking = TcpKeepalive::new().with_time(SILENT_BEFORE_ASKED).with_interval(ASKED_EVERY).with_retries(ASKED_MAX);
    SockRef::from(stream).set_tcp_keepalive(&asking)
}

/// Reads until the sender ends it or is gone, or dawdles over one message.
async fn connection(mut stream: TcpStream, place: Place, message_time_max: Duration) {
    let mut frames = Frames::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut begun: Option<Instant> = None;
    loop {
        let read = stream.read(&mut chunk);
        let read = match begun {
            Some(begun) => timeout_at(begun + message_time_max, read).await.unwrap_or(Ok(0)),
            None => read.await,
        };
        let Ok(length @ 1..) = read else { break };
        let mut input = chunk.get(..length).unwrap_or_default();
        while let Some(framed) = frames.next(&mut input) {
            let is_endless = framed == Framed::Endless;
            if !place.take(framed).await || is_endless {
                return;
            }
            // Its sender's time does not run while it waits for this one's turn.
            begun = None;
        }
        begun = frames.is_within().then(|| begun.unwrap_or_else(Instant::now));
    }
    if let Some(framed) = frames.end() {
        place.take(framed).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, net::IpAddr};

    const OWN: IpAddr = IpAddr::V4(net::Ipv4Addr::LOCALHOST);

    /// Both ends of a connection, its place, and what it belongs to.
    fn connected() -> (Runtime, net::TcpStream, TcpStream, Arc<Door>, mpsc::Receiver<Received>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
        let listener = net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let device = net::TcpStream::connect(listener.local_addr().expect("an address")).expect("connects");
        let (stream, _) = listener.accept().expect("accepted");
        stream.set_nonblocking(true).expect("set");
        let stream = {
            let _context = runtime.enter();
            TcpStream::from_std(stream).expect("a stream")
        };
        let (door, queue) = Door::new(Vec::new());
        (runtime, device, stream, door, queue)
    }

    #[test]
    fn a_sender_that_dawdles_over_a_message_is_let_go_and_the_message_counted() {
        let (runtime, mut device, stream, door, _queue) = connected();
        let place = door.connect(OWN).expect("a place");
        let dripping = std::thread::spawn(move || {
            device.write_all(b"262144 <133>").expect("written");
            // Never silent for long, byte by byte, until it is closed.
            while device.write_all(b"x").is_ok() {
                std::thread::yield_now();
            }
        });
        runtime.block_on(connection(stream, place, Duration::from_millis(20)));
        assert_eq!(door.take_refused(), Refused { unreadable: 1, ..Refused::default() });
        dripping.join().expect("let go");
    }

    #[test]
    fn a_line_without_an_end_ends_its_connection_and_is_counted() {
        let (runtime, mut device, stream, door, _queue) = connected();
        let place = door.connect(OWN).expect("a place");
        let sending = std::thread::spawn(move || while device.write_all(&[b'x'; 65_536]).is_ok() {});
        runtime.block_on(connection(stream, place, MESSAGE_TIME_MAX));
        assert_eq!(door.take_refused(), Refused { unreadable: 2, ..Refused::default() });
        sending.join().expect("let go");
    }

    #[test]
    fn a_device_that_is_gone_without_a_word_is_asked_for() {
        let (_runtime, _device, stream, ..) = connected();
        find_out_when_gone(&stream).expect("set");
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().expect("told"));
        assert_eq!(socket.tcp_keepalive_time().expect("told"), SILENT_BEFORE_ASKED);
        assert_eq!(socket.tcp_keepalive_interval().expect("told"), ASKED_EVERY);
        assert_eq!(socket.tcp_keepalive_retries().expect("told"), ASKED_MAX);
    }
}
