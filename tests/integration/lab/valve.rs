//! A valve in front of a part: what comes back from it is let through up to so many
//! bytes, and then held back, with all connections left open.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub struct Valve {
    address: String,
    /// Bytes that may still pass.
    left: Arc<AtomicU64>,
}

impl Valve {
    /// An open one. Ends with the test process: it holds nothing but sockets of loopback.
    pub fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (target, left) = (target.to_owned(), Arc::new(AtomicU64::new(u64::MAX)));
        let passed = left.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (target, left) = (target.clone(), passed.clone());
                thread::spawn(move || connect(client, &target, &left));
            }
        });
        Self { address, left }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Lets so many bytes more through.
    pub fn allow(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.allow(u64::MAX);
    }

    pub fn shut(&self) {
        self.allow(0);
    }
}

fn connect(client: TcpStream, target: &str, left: &AtomicU64) {
    let Ok(server) = TcpStream::connect(target) else {
        return;
    };
    let (mut upward, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut upward, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = pass(server, &client, left);
    let _ = client.shutdown(Shutdown::Both);
}

fn pass(mut from: TcpStream, mut to: &TcpStream, left: &AtomicU64) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let mut sent = 0;
        while sent < read {
            let wanted = (read - sent) as u64;
            let taken = take(left, wanted);
            if taken == 0 {
                thread::sleep(LOOK_EVERY);
                continue;
            }
            to.write_all(&buffer[sent..sent + taken])?;
            sent += taken;
        }
    }
}

fn take(left: &AtomicU64, wanted: u64) -> usize {
    let less = |left: u64| match left {
        u64::MAX => Some(left),
        left => Some(left - left.min(wanted)),
    };
    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    usize::try_from(before.unwrap_or(0).min(wanted)).unwrap()
}
