//! The thread with the sockets.

use super::{
    address::{Address, Setup, Transport},
    door::{Door, Place, Received, Refused},
    drops::KernelDrops,
};
use anyhow::Context;
use phitak_engine::syslog::Frames;
use std::{net, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream, UdpSocket},
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

/// Longer than any datagram of UDP.
const DATAGRAM_BYTES_MAX: usize = 65_536;
const CHUNK_BYTES: usize = 16 << 10;
/// A message that has begun goes on within this time, or its connection ends.
const STALL_MAX: Duration = Duration::from_secs(60);
/// A connection without any message ends after this time. Long, for a quiet Suricata has nothing to say for hours, and senders
/// notice a closed connection only by losing the next message.
const IDLE_MAX: Duration = Duration::from_secs(6 * 3600);
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
                    tokio::spawn(connection(stream, place));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection of syslog could not be accepted");
                sleep(TROUBLE_PAUSE).await;
            }
        }
    }
}

/// Reads until the sender ends it, or is silent for too long.
async fn connection(mut stream: TcpStream, place: Place) {
    let mut frames = Frames::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let patience = if frames.is_within() { STALL_MAX } else { IDLE_MAX };
        let Ok(Ok(length @ 1..)) = timeout(patience, stream.read(&mut chunk)).await else { break };
        let mut input = chunk.get(..length).unwrap_or_default();
        while let Some(framed) = frames.next(&mut input) {
            if !place.take(framed).await {
                return;
            }
        }
    }
    if let Some(framed) = frames.end() {
        place.take(framed).await;
    }
}
