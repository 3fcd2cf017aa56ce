//! What the kernel let go of a socket's datagrams, because they came faster than they were fetched: the last column of
//! `/proc/net/udp` and `udp6` (Linux, `net/ipv4/udp.c`).

use std::{
    fs::{self, File},
    io::Read,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
};

const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];
const TABLE_BYTES_MAX: u64 = 4 << 20;
const INODE_COLUMN: usize = 9;
const DROPS_COLUMN: usize = 12;

pub(super) struct KernelDrops {
    sockets: Vec<u64>,
    before: u64,
}

/// The name of a socket in the kernel's tables; none where there is no `/proc`.
pub(super) fn inode(socket: &impl AsRawFd) -> Option<u64> {
    Some(fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?.ino())
}

impl KernelDrops {
    pub(super) fn of(sockets: &[u64]) -> Self {
        Self { sockets: sockets.to_vec(), before: 0 }
    }

    /// Datagrams that were let go since the last call.
    pub(super) fn fresh(&mut self) -> u64 {
        if self.sockets.is_empty() {
            return 0;
        }
        let now = TABLES.iter().map(|table| dropped(&read(table), &self.sockets)).fold(0, u64::saturating_add);
        let fresh = now.saturating_sub(self.before);
        self.before = self.before.max(now);
        fresh
    }
}

fn read(table: &str) -> String {
    let mut text = String::new();
    // A table that cannot be read counts nothing: there is no other place to ask.
    if let Ok(file) = File::open(table) {
        let _ = file.take(TABLE_BYTES_MAX).read_to_string(&mut text);
    }
    text
}

fn dropped(table: &str, sockets: &[u64]) -> u64 {
    let rows = table.lines().filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let inode: u64 = columns.nth(INODE_COLUMN)?.parse().ok()?;
        let drops: u64 = columns.nth(DROPS_COLUMN - INODE_COLUMN - 1)?.parse().ok()?;
        sockets.contains(&inode).then_some(drops)
    });
    rows.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  640: 0100007F:0202 00000000:0000 07 00000000:00034E00 00:00000000 00000000     0        0 81231 2 0000000000000000 512
  641: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81232 2 0000000000000000 7
garbage
";

    #[test]
    fn the_drops_of_our_own_sockets_are_added_up() {
        assert_eq!(dropped(TABLE, &[81_231]), 512);
        assert_eq!(dropped(TABLE, &[81_231, 81_232, 5]), 519);
        assert_eq!((dropped(TABLE, &[]), dropped("", &[81_231])), (0, 0));
    }

    #[test]
    fn what_is_neither_fetched_nor_dropped_does_not_exist() {
        const SENT: u64 = 4_000;
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.set_nonblocking(true).expect("set");
        let mut drops = KernelDrops::of(&[inode(&socket).expect("a name")]);
        let sender = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let at = socket.local_addr().expect("an address");
        (0..SENT).for_each(|_| assert_eq!(sender.send_to(&[7; 1_000], at).expect("sent"), 1_000));
        let lost = drops.fresh();
        let fetched = std::iter::from_fn(|| socket.recv(&mut [0; 2_000]).ok()).count() as u64;
        assert!(lost > 0 && fetched > 0, "{lost} {fetched}");
        assert_eq!((lost + fetched, drops.fresh()), (SENT, 0));
    }
}
