//! Asks HEAD again and again on some connections and prints what wrk prints of a GET: wrk
//! waits for a body that the answer to a HEAD does not have. It never sleeps, so it wants a
//! core of its own. Arguments: address, path, connections, seconds, a header.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, connections, seconds, header] = arguments.try_into().expect("five arguments");
    let request = format!("HEAD {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n\r\n");
    let mut streams = Vec::new();
    for _ in 0..connections.parse().expect("a number") {
        let mut stream = TcpStream::connect(&address)?;
        stream.set_nodelay(true)?;
        stream.write_all(request.as_bytes())?;
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    let (started, mut buffer) = (Instant::now(), [0; 4096]);
    let end = started + Duration::from_secs(seconds.parse().expect("a number"));
    let (mut requests, mut bytes) = (0_u64, 0);
    while Instant::now() < end {
        for stream in &mut streams {
            match stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    let head = &buffer[..length];
                    assert!(head.starts_with(b"HTTP/1.1 200") && head.ends_with(b"\r\n\r\n"));
                    (requests, bytes) = (requests + 1, bytes + length);
                    stream.write_all(request.as_bytes())?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    let us = started.elapsed().as_micros();
    println!("JSON {{\"requests\":{requests},\"bytes\":{bytes},\"us\":{us},\"p50_us\":0,\"p99_us\":0,\"failed\":0}}");
    Ok(())
}
