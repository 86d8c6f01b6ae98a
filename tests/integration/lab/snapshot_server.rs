//! What agents of nodes ask and tell, without a gateway behind it: the snapshot is what the
//! test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sekisho::api::{NodeEventBatch, SNAPSHOT_MEDIA_TYPE};
use sekisho::node_snapshot::{
    AgentMode, NodeSnapshot, OnRevoked, SignedSnapshot, SnapshotKey, SnapshotTerms,
};
use sekisho::oci::Digest;

/// Made by `openssl genpkey -algorithm ed25519`, for tests alone.
pub const SNAPSHOT_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
/// For whom its snapshots are.
pub const AGENTS_ENVIRONMENT: &str = "production";

#[derive(Default)]
struct State {
    snapshot: Option<SignedSnapshot>,
    batches: Vec<NodeEventBatch>,
    is_gone: bool,
}

type SharedState = Arc<(Mutex<State>, Condvar)>;

pub struct SnapshotServer {
    address: String,
    key: SnapshotKey,
    state: SharedState,
    last: Mutex<u64>,
}

impl SnapshotServer {
    /// One that has no snapshot yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = SharedState::default();
        let served = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = served.clone();
                thread::spawn(move || while answer(&stream, &state).is_some() {});
            }
        });
        Self {
            address,
            key: SnapshotKey::from_pem(SNAPSHOT_KEY).unwrap(),
            state,
            last: Mutex::new(0),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Of the key that signs.
    pub fn public_key(&self) -> String {
        self.key.public_key().to_pem()
    }

    /// From now on these digests are denied, as revoked.
    pub fn deny(&self, mode: AgentMode, digests: &[&str]) {
        self.issue(mode, digests, SignedDuration::from_hours(24));
    }

    /// The same with another end of its validity.
    pub fn issue(&self, mode: AgentMode, digests: &[&str], valid: SignedDuration) {
        let mut last = self.last.lock().unwrap();
        *last += 1;
        let now = Timestamp::now();
        let terms = SnapshotTerms {
            environment: AGENTS_ENVIRONMENT.to_owned(),
            sequence: *last,
            issued_at: now,
            valid_until: now + valid,
            max_silence_seconds: 3600,
            mode,
            on_revoked: OnRevoked::Report,
        };
        let denied = digests
            .iter()
            .map(|it| (Digest::parse(it).unwrap(), "revoked"));
        let snapshot = NodeSnapshot::new(terms, denied, []);
        let signed = SignedSnapshot::sign(snapshot, &self.key);
        self.state.0.lock().unwrap().snapshot = Some(signed);
        self.state.1.notify_all();
    }

    /// From now on it answers nobody.
    pub fn end(&self) {
        self.state.0.lock().unwrap().is_gone = true;
        self.state.1.notify_all();
    }

    /// What agents told.
    pub fn batches(&self) -> Vec<NodeEventBatch> {
        self.state.0.lock().unwrap().batches.clone()
    }
}

/// Answers one request; `None`: the connection is over.
fn answer(stream: &TcpStream, state: &SharedState) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let target = head.split(' ').nth(1).unwrap();
    let (status, kind, answered) = match head.starts_with("POST") {
        true => {
            let batch = serde_json::from_slice(&body).unwrap();
            state.0.lock().unwrap().batches.push(batch);
            ("200 OK", "application/json", b"{}".to_vec())
        }
        false => snapshot(target, state),
    };
    if state.0.lock().unwrap().is_gone {
        return None;
    }
    let length = answered.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    let mut stream = stream;
    stream
        .write_all(&[head.as_bytes(), &answered].concat())
        .ok()
}

fn snapshot(target: &str, state: &SharedState) -> (&'static str, &'static str, Vec<u8>) {
    let since = target
        .split("since=")
        .nth(1)
        .map(|rest| rest.split('&').next().unwrap().parse::<u64>().unwrap());
    let is_old = |state: &mut State| {
        let held = state.snapshot.as_ref();
        let sequence = held.map(|it| it.snapshot().terms().sequence);
        !state.is_gone && sequence <= since
    };
    let locked = state.0.lock().unwrap();
    let (state, _) = state
        .1
        .wait_timeout_while(locked, Duration::from_secs(20), is_old)
        .unwrap();
    match state
        .snapshot
        .as_ref()
        .filter(|it| Some(it.snapshot().terms().sequence) > since)
    {
        Some(signed) => ("200 OK", SNAPSHOT_MEDIA_TYPE, signed.to_bytes()),
        None => ("304 Not Modified", SNAPSHOT_MEDIA_TYPE, Vec::new()),
    }
}
