//! A TCP line between sensor and centre that cuts each connection, or turns one bit of it, after some bytes from a seed.

use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
};

/// A TLS handshake with certificates fits below the least; a large batch does not always fit below the most.
const BYTES: std::ops::Range<usize> = 1500..60_000;

pub struct Line {
    pub address: String,
    is_bad: Arc<AtomicBool>,
    troubles: Arc<AtomicU32>,
}

impl Line {
    pub fn go_bad(&self) {
        self.is_bad.store(true, Relaxed);
    }

    pub fn troubles(&self) -> u32 {
        self.troubles.load(Relaxed)
    }
}

#[derive(Clone, Copy)]
struct Trouble {
    at: usize,
    garbles: bool,
}

pub fn bad_line(to: &str, seed: u64) -> Line {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (is_bad, troubles) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let line = Line { address, is_bad: is_bad.clone(), troubles: troubles.clone() };
    let to = to.to_owned();
    thread::spawn(move || {
        let mut rng = StdRng::seed_from_u64(seed);
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(&to) else { continue };
            let mut trouble = || {
                let trouble = Trouble { at: rng.random_range(BYTES), garbles: rng.random() };
                if is_bad.load(Relaxed) { trouble } else { Trouble { at: usize::MAX, garbles: false } }
            };
            let (up, down) = (trouble(), trouble());
            pass(&near, &far, up, troubles.clone());
            pass(&far, &near, down, troubles.clone());
        }
    });
    line
}

/// Passes one direction on; when it ends, both end.
fn pass(from: &TcpStream, to: &TcpStream, trouble: Trouble, troubles: Arc<AtomicU32>) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    thread::spawn(move || {
        let mut buffer = vec![0; 4096];
        let mut passed = 0usize;
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let left = trouble.at.saturating_sub(passed);
            let is_there = left < length && passed <= trouble.at;
            passed += length;
            if is_there {
                troubles.fetch_add(1, Relaxed);
            }
            if is_there && trouble.garbles {
                buffer[left] ^= 0x40;
            }
            let length = if is_there && !trouble.garbles { left } else { length };
            if to.write_all(&buffer[..length]).is_err() || (is_there && !trouble.garbles) {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
