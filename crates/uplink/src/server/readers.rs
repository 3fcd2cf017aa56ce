//! At most one body at a time is read of each sensor: a newer request ends the reading of an older one, which a broken
//! line may have left behind. So what is in memory is bounded by the number of sensors, and a slow line delays nobody.

use phitak_model::SensorId;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// Who is being read from now.
#[derive(Default)]
pub(crate) struct Readers {
    open: Mutex<BTreeMap<SensorId, Reader>>,
}

struct Reader {
    ticket: u64,
    /// Dropped when a newer request takes the place.
    _until: oneshot::Sender<()>,
}

/// A place for one body; gives it back when dropped.
pub(crate) struct Place<'a> {
    readers: &'a Readers,
    sensor: SensorId,
    ticket: u64,
    superseded: oneshot::Receiver<()>,
}

impl Readers {
    /// Takes the place of this sensor, from an older request if there is one.
    pub(crate) fn enter(&self, sensor: &SensorId) -> Place<'_> {
        let (until, superseded) = oneshot::channel();
        let mut open = self.lock();
        let ticket = open.get(sensor).map_or(0, |older| older.ticket.wrapping_add(1));
        open.insert(sensor.clone(), Reader { ticket, _until: until });
        Place { readers: self, sensor: sensor.clone(), ticket, superseded }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SensorId, Reader>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// What `reading` gives, or `None` when a newer request has come meanwhile.
    pub(crate) async fn read<T>(mut self, reading: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            read = reading => Some(read),
            _ = &mut self.superseded => None,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut open = self.readers.lock();
        if open.get(&self.sensor).is_some_and(|reader| reader.ticket == self.ticket) {
            open.remove(&self.sensor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn a_newer_request_ends_the_reading_of_an_older_one_of_the_same_sensor_only() {
        let readers = Readers::default();
        let (one, other) = (SensorId::new("10665-1").expect("an id"), SensorId::new("10666-1").expect("an id"));
        let (old, elsewhere) = (readers.enter(&one), readers.enter(&other));
        let new = readers.enter(&one);
        assert_eq!(old.read(pending::<()>()).await, None);
        assert_eq!(elsewhere.read(ready(1)).await, Some(1));
        assert_eq!(readers.lock().len(), 1, "the older one's end leaves the newer one's place alone");
        assert_eq!(new.read(ready(2)).await, Some(2));
        assert!(readers.lock().is_empty());
    }
}
