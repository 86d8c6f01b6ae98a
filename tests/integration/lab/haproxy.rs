//! HAProxy, set up as `config/load-balancer/haproxy.cfg` is, before gateways that come and
//! go.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{Missing, Part, free_port, installed};

const EXAMPLE: &str = include_str!("../../../config/load-balancer/haproxy.cfg");
/// Gateways that can ever be told of.
const PLACES: usize = 16;

#[derive(Debug)]
pub struct Haproxy {
    _part: Part,
    port: u16,
    /// By their addresses, in the order of their places.
    told: Vec<String>,
    folder: TempDir,
}

impl Haproxy {
    /// Before nobody yet, at a port of loopback. `links` lead on to loopback: from an
    /// address, which need not be there yet, to a port of loopback.
    pub fn start(links: &[(String, u16)]) -> Result<Self, Missing> {
        let program = installed("haproxy")?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("haproxy.cfg");
        let socket = folder.path().join("socket");
        fs::write(&file, configuration(&socket, port, links)).unwrap();
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&file);
        let mut part = Part::start("haproxy", &command, &folder.path().join("log"));
        part.ready(|| UnixStream::connect(&socket).ok());
        Ok(Self {
            _part: part,
            port,
            told: Vec::new(),
            folder,
        })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends new connections to these addresses alone, where `/readyz` says so; those to
    /// others go on. As a Service does, by what it is told of its endpoints.
    pub fn lead_to(&mut self, addresses: &[String]) {
        for place in 0..self.told.len() {
            if !addresses.contains(&self.told[place]) {
                self.ask(&format!("set server registry/s{place} state maint"));
            }
        }
        for address in addresses {
            if !self.told.contains(address) {
                self.add(address);
            }
        }
    }

    /// As one that was known and is down: its first good answer brings it up.
    fn add(&mut self, address: &str) {
        let place = self.told.len();
        assert!(place < PLACES, "{:?}", self.told);
        for word in ["addr ADDRESS", "health down", "state ready"] {
            let word = word.replace("ADDRESS", address);
            self.ask(&format!("set server registry/s{place} {word}"));
        }
        self.ask(&format!("enable health registry/s{place}"));
        self.told.push(address.to_owned());
    }

    /// What it counts of each gateway, as CSV.
    pub fn statistics(&self) -> String {
        self.ask("show stat")
    }

    fn ask(&self, line: &str) -> String {
        let socket: PathBuf = self.folder.path().join("socket");
        let mut stream = UnixStream::connect(socket).unwrap();
        writeln!(stream, "{line}").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// The defaults of the example, with gateways that are told later.
fn configuration(socket: &std::path::Path, port: u16, links: &[(String, u16)]) -> String {
    let (_, rest) = EXAMPLE.split_once("\ndefaults\n").unwrap();
    let (defaults, _) = rest.split_once("\nlisten ").unwrap();
    let mut text = format!(
        "global\n    stats socket {} level admin\n\ndefaults\n{defaults}\n\
         listen registry\n    bind 127.0.0.1:{port}\n",
        socket.display()
    );
    for place in 0..PLACES {
        let _ = writeln!(text, "    server s{place} 127.0.0.1:5080 disabled");
    }
    for (number, (from, to)) in links.iter().enumerate() {
        let _ = write!(
            text,
            "\nlisten link{number}\n    bind {from} transparent\n    server it 127.0.0.1:{to} no-check\n"
        );
    }
    text
}
