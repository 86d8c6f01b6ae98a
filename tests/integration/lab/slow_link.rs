//! A slow wire in front of a part: what comes back from it comes late, and at so
//! many bytes a second, so that a fetch lasts long enough to be met half-way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SLICE: Duration = Duration::from_millis(20);
/// A wait that long means that the bytes after it are a new answer's.
const PAUSE: Duration = Duration::from_micros(200);

/// What the wire makes of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Of each connection for itself.
    pub bytes_per_second: usize,
    /// How late the first byte of each answer comes.
    pub latency: Duration,
}

#[derive(Debug)]
pub struct SlowLink {
    address: String,
    carried: Arc<AtomicU64>,
}

impl SlowLink {
    /// Ends with the test process: it holds nothing but sockets of loopback.
    pub fn start(target: &str, wire: Wire) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = target.to_owned();
        let carried = Arc::new(AtomicU64::new(0));
        let count = carried.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (target, count) = (target.clone(), count.clone());
                thread::spawn(move || connect(client, &target, wire, &count));
            }
        });
        Self { address, carried }
    }

    /// Bytes of answers, with their heads, so far.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    pub fn address(&self) -> &str {
        &self.address
    }
}

fn connect(client: TcpStream, target: &str, wire: Wire, carried: &AtomicU64) {
    let Ok(server) = TcpStream::connect(target) else {
        return;
    };
    let (mut upward, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut upward, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = trickle(server, &client, wire, carried);
    let _ = client.shutdown(Shutdown::Both);
}

fn trickle(
    mut from: TcpStream,
    mut to: &TcpStream,
    wire: Wire,
    carried: &AtomicU64,
) -> std::io::Result<()> {
    let mut slice = vec![0; wire.bytes_per_second / 50];
    loop {
        let asked = Instant::now();
        let read = from.read(&mut slice)?;
        if read == 0 {
            return Ok(());
        }
        let late = if asked.elapsed() > PAUSE {
            SLICE.max(wire.latency)
        } else {
            SLICE
        };
        thread::sleep(late);
        to.write_all(&slice[..read])?;
        carried.fetch_add(read as u64, Ordering::Relaxed);
    }
}
