//! Clients that pull all the time over connections that they keep, and count what failed.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No answer takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is read before an answer's head has ended is less.
const MAX_HEAD_BYTES: usize = 1 << 20;
/// Requests on one connection, so that each client comes to every gateway in time.
const REQUESTS_KEPT: usize = 20;
/// Between two requests of one client, so that many leave the machine room to breathe.
const PAUSE: Duration = Duration::from_millis(5);

/// Clients at work.
pub struct Pullers {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

struct Shared {
    address: String,
    paths: Vec<String>,
    done: AtomicBool,
    answered: AtomicU64,
}

/// What they saw.
#[derive(Debug)]
pub struct PullTally {
    /// Answers that were 200 and whole.
    pub answered: u64,
    /// Every other answer, and every request that got none.
    pub failures: Vec<String>,
}

impl Pullers {
    /// `clients` of them, each asking for all `paths` in turn.
    pub fn start(clients: usize, address: &str, paths: Vec<String>) -> Self {
        let shared = Arc::new(Shared {
            address: address.to_owned(),
            paths,
            done: AtomicBool::new(false),
            answered: AtomicU64::new(0),
        });
        let client = |_| {
            let shared = shared.clone();
            thread::spawn(move || shared.pull())
        };
        let clients = (0..clients).map(client).collect();
        Self { shared, clients }
    }

    /// How many answers were whole until now.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Waits until they have got so many further answers.
    pub fn more(&self, answers: u64) {
        let enough = self.answered() + answers;
        super::eventually("answers", PATIENCE, || {
            (self.answered() >= enough).then_some(())
        });
    }

    /// Ends them.
    pub fn stop(self) -> PullTally {
        self.shared.done.store(true, Ordering::SeqCst);
        let failures = self.clients.into_iter().flat_map(|it| it.join().unwrap());
        PullTally {
            failures: failures.collect(),
            answered: self.shared.answered.load(Ordering::SeqCst),
        }
    }
}

impl Shared {
    fn pull(&self) -> Vec<String> {
        let mut kept = None;
        let mut failures = Vec::new();
        for (number, path) in self.paths.iter().cycle().enumerate() {
            if self.done.load(Ordering::SeqCst) {
                break;
            }
            if number % REQUESTS_KEPT == 0 {
                kept = None;
            }
            match self.ask(&mut kept, path) {
                Ok(200) => {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                }
                Ok(status) => failures.push(format!("{path}: {status}")),
                Err(error) => failures.push(format!("{path}: {error}")),
            }
            thread::sleep(PAUSE);
        }
        failures
    }

    /// As the clients of registries do it: a kept connection that turns out to be closed
    /// before anything was answered is replaced by a new one, once.
    fn ask(&self, kept: &mut Option<TcpStream>, path: &str) -> io::Result<u16> {
        if let Some(mut stream) = kept.take() {
            match exchange(&mut stream, path) {
                Ok(answer) => return Ok(keep(kept, stream, answer)),
                Err(Failed::Unanswered(_)) => {}
                Err(Failed::Broken(error)) => return Err(error),
            }
        }
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        match exchange(&mut stream, path) {
            Ok(answer) => Ok(keep(kept, stream, answer)),
            Err(Failed::Unanswered(error) | Failed::Broken(error)) => Err(error),
        }
    }
}

struct Answered {
    status: u16,
    closes: bool,
}

enum Failed {
    /// Not a byte came.
    Unanswered(io::Error),
    /// It broke off.
    Broken(io::Error),
}

fn keep(kept: &mut Option<TcpStream>, stream: TcpStream, answer: Answered) -> u16 {
    *kept = Some(stream).filter(|_| !answer.closes);
    answer.status
}

fn exchange(stream: &mut TcpStream, path: &str) -> Result<Answered, Failed> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\nAccept: */*\r\n\r\n");
    let sent = stream.write_all(request.as_bytes());
    sent.map_err(Failed::Unanswered)?;
    let mut received = Vec::new();
    let head = loop {
        if let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
            break end + 4;
        }
        let failed: fn(io::Error) -> Failed = match received.is_empty() {
            true => Failed::Unanswered,
            false => Failed::Broken,
        };
        more(stream, &mut received).map_err(failed)?;
        assert!(received.len() < MAX_HEAD_BYTES, "a head without an end");
    };
    let answer = String::from_utf8_lossy(&received[..head]).to_ascii_lowercase();
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    let length = answer.split("content-length: ").nth(1);
    let length = length.and_then(|it| it.split("\r\n").next()?.parse::<usize>().ok());
    while received.len() < head + length.unwrap_or(0) {
        more(stream, &mut received).map_err(Failed::Broken)?;
    }
    Ok(Answered {
        status: status.unwrap_or(0),
        closes: answer.contains("connection: close"),
    })
}

fn more(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; 64 << 10];
    match stream.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            received.extend_from_slice(&piece[..read]);
            Ok(())
        }
    }
}
