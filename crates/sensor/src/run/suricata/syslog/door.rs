//! Between the sockets and the queue: who may send, how fast, and how much may wait.

use super::senders::Senders;
use phitak_engine::syslog::Framed;
use phitak_model::Network;
use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::sleep,
};

/// Messages that wait to be read, and their bytes.
const QUEUE_MESSAGES_MAX: usize = 8_192;
const QUEUE_BYTES_MAX: usize = 32 << 20;
/// What a waiting message takes besides its bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 128;
/// Devices that are not on the list and are told of, each once.
const STRANGERS_TOLD_MAX: usize = 32;

/// A message that waits to be read.
pub(super) struct Received {
    /// Without spare room: what waits is what is counted.
    pub(super) bytes: Box<[u8]>,
    pub(super) from: IpAddr,
    /// Its bytes' share of the queue.
    _room: OwnedSemaphorePermit,
}

/// Messages and connections that were not let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// Came too fast, or by too many connections.
    pub(super) dropped: u64,
    pub(super) strangers: u64,
    /// Were too long, or cut off.
    pub(super) unreadable: u64,
}

#[derive(Default)]
struct Counts {
    dropped: AtomicU64,
    strangers: AtomicU64,
    unreadable: AtomicU64,
}

pub(super) struct Door {
    senders: Mutex<Senders>,
    told: Mutex<BTreeSet<IpAddr>>,
    counts: Counts,
    room: Arc<Semaphore>,
    queue: mpsc::Sender<Received>,
}

/// A connection's place; it is free again when this goes.
pub(super) struct Place {
    door: Arc<Door>,
    from: IpAddr,
}

impl Door {
    pub(super) fn new(allowed: Vec<Network>) -> (Arc<Self>, mpsc::Receiver<Received>) {
        let (queue, received) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let door = Self {
            senders: Mutex::new(Senders::new(allowed)),
            told: Mutex::default(),
            counts: Counts::default(),
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            queue,
        };
        (Arc::new(door), received)
    }

    /// A datagram waits for nobody.
    pub(super) fn datagram(&self, bytes: &[u8], from: IpAddr) {
        if !self.greets(from) {
            return;
        }
        let is_in_time = self.senders().pay(from, bytes.len(), Instant::now()).is_zero();
        if !is_in_time || !self.try_put(bytes, from) {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    /// A place for a connection, if its sender may have one.
    pub(super) fn connect(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        if !self.greets(from) {
            return None;
        }
        if !self.senders().connect(from) {
            // The first of a round is told, all are counted.
            if self.counts.dropped.fetch_add(1, Relaxed) == 0 {
                tracing::warn!(%from, "too many syslog connections at once: one more is refused");
            }
            return None;
        }
        Some(Place { door: self.clone(), from })
    }

    /// What was not let in since the last call.
    pub(super) fn take_refused(&self) -> Refused {
        Refused {
            dropped: self.counts.dropped.swap(0, Relaxed),
            strangers: self.counts.strangers.swap(0, Relaxed),
            unreadable: self.counts.unreadable.swap(0, Relaxed),
        }
    }

    fn greets(&self, from: IpAddr) -> bool {
        if self.senders().may_send(from) {
            return true;
        }
        self.counts.strangers.fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < STRANGERS_TOLD_MAX && told.insert(from) {
            tracing::warn!(%from, "a device that is not on the list sends syslog; nothing of it is read (--syslog-from adds it)");
        }
        false
    }

    fn try_put(&self, bytes: &[u8], from: IpAddr) -> bool {
        let Ok(room) = self.room.clone().try_acquire_many_owned(share(bytes)) else { return false };
        self.queue.try_send(Received { bytes: bytes.into(), from, _room: room }).is_ok()
    }

    fn senders(&self) -> MutexGuard<'_, Senders> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Takes what came of the stream. It waits until it is the sender's turn and there is room: so its sender waits too, and
    /// nothing is lost. False when nobody reads any more.
    pub(super) async fn take(&self, framed: Framed) -> bool {
        let Framed::Message(bytes) = framed else {
            self.door.counts.unreadable.fetch_add(1, Relaxed);
            return true;
        };
        loop {
            let early = self.door.senders().pay(self.from, bytes.len(), Instant::now());
            if early.is_zero() {
                break;
            }
            sleep(early).await;
        }
        let Ok(room) = self.door.room.clone().acquire_many_owned(share(&bytes)).await else { return false };
        self.door.queue.send(Received { bytes: bytes.into_boxed_slice(), from: self.from, _room: room }).await.is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.senders().disconnect(self.from);
    }
}

fn share(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len().saturating_add(MESSAGE_OVERHEAD_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_full_queue_lets_datagrams_go_and_counts_them() {
        let (door, mut received) = Door::new(Vec::new());
        let large = vec![b'x'; 60_000];
        let fits = QUEUE_BYTES_MAX / (large.len() + MESSAGE_OVERHEAD_BYTES);
        // Of several senders, none of them too fast.
        let from = |number: usize| IpAddr::V4([127, 0, 0, (number % 8) as u8 + 1].into());
        (0..fits + 5).for_each(|number| door.datagram(&large, from(number)));
        assert_eq!(door.take_refused(), Refused { dropped: 5, ..Refused::default() });
        received.try_recv().expect("a message");
        door.datagram(&large, from(7));
        assert_eq!((door.take_refused(), received.len()), (Refused::default(), fits));
    }

    #[test]
    fn strangers_are_counted_and_nothing_of_them_is_kept() {
        let (door, mut received) = Door::new(Vec::new());
        let stranger = IpAddr::V4([192, 168, 1, 1].into());
        (0..3).for_each(|_| door.datagram(b"hello", stranger));
        assert!(door.connect(stranger).is_none() && received.try_recv().is_err());
        assert_eq!(door.take_refused(), Refused { strangers: 4, ..Refused::default() });
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_goes() {
        use super::super::senders::CONNECTIONS_OF_ONE_MAX;
        let (door, _received) = Door::new(Vec::new());
        let places: Vec<Place> = (0..CONNECTIONS_OF_ONE_MAX + 2).filter_map(|_| door.connect(OWN)).collect();
        assert_eq!((places.len(), door.take_refused().dropped), (CONNECTIONS_OF_ONE_MAX, 2));
        drop(places);
        assert!(door.connect(OWN).is_some());
    }
}
