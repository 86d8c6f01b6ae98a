//! A slow wire in front of a part: what comes back from it is let through at so
//! many bytes a second, so that a fill lasts long enough to be met half-way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const SLICE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct SlowLink {
    address: String,
}

impl SlowLink {
    /// Each connection has the rate for itself. Ends with the test process.
    pub fn start(target: &str, bytes_per_second: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = target.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let target = target.clone();
                thread::spawn(move || connect(client, &target, bytes_per_second));
            }
        });
        Self { address }
    }

    pub fn address(&self) -> &str {
        &self.address
    }
}

fn connect(client: TcpStream, target: &str, rate: usize) {
    let Ok(server) = TcpStream::connect(target) else {
        return;
    };
    let (mut upward, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut upward, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = trickle(server, &client, rate);
    let _ = client.shutdown(Shutdown::Both);
}

fn trickle(mut from: TcpStream, mut to: &TcpStream, rate: usize) -> std::io::Result<()> {
    let mut slice = vec![0; rate / 50];
    loop {
        let read = from.read(&mut slice)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&slice[..read])?;
        if read > 4096 {
            thread::sleep(SLICE);
        }
    }
}
