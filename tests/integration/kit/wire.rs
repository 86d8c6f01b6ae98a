//! HTTP/1.1 by hand: the status line is part of the answer.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// The reason phrase.
    pub phrase: String,
    /// In their order, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A connection with one request sent.
pub struct Wire {
    stream: TcpStream,
    is_head: bool,
    /// Read and not yet given out.
    rest: Vec<u8>,
}

impl Wire {
    /// Sends a request and closes the sending of more.
    pub async fn send(
        address: SocketAddr,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Self {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {address}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        Self {
            stream,
            is_head: method == "HEAD",
            rest: Vec::new(),
        }
    }

    /// The head of the answer, without a body yet.
    pub async fn head(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = find(&self.rest, b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await, "no head: {:?}", self.rest);
        };
        let head = String::from_utf8(self.rest[..end].to_vec()).unwrap();
        self.rest.drain(..end + 4);
        parse(&head)
    }

    /// `length` bytes of the body.
    pub async fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.rest.len() < length {
            assert!(self.more().await, "cut after {} bytes", self.rest.len());
        }
        self.rest.drain(..length).collect()
    }

    /// The whole answer.
    pub async fn reply(mut self) -> Reply {
        let mut reply = self.head().await;
        if !self.is_head {
            let length = reply.header("content-length").expect("a length");
            reply.body = self.bytes(length.parse().unwrap()).await;
        }
        // Nothing follows the body, nor the head of a HEAD.
        assert!(!self.more().await, "{:?}", self.rest);
        assert_eq!(self.rest, b"");
        reply
    }

    /// Status and as much of a body as comes, whole or not.
    pub async fn until_closed(&mut self) -> (u16, Vec<u8>) {
        let status = self.head().await.status;
        let read = self.stream.read_to_end(&mut self.rest);
        let _ = tokio::time::timeout(PATIENCE, read).await.expect("an end");
        (status, std::mem::take(&mut self.rest))
    }

    async fn more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.rest);
        let read = tokio::time::timeout(PATIENCE, read).await;
        read.expect("an answer in time").unwrap() > 0
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn parse(head: &str) -> Reply {
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap();
    let rest = status_line.strip_prefix("HTTP/1.1 ").unwrap();
    let (status, phrase) = rest.split_once(' ').unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Reply {
        status: status.parse().unwrap(),
        phrase: phrase.to_owned(),
        headers: lines.map(header).collect(),
        body: Vec::new(),
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of the distribution specification.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn message(&self) -> String {
        let document = self.json();
        document["errors"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The reason of a denial: the word behind `sekisho:` in the status line.
    pub fn reason(&self) -> &str {
        let rest = self.phrase.strip_prefix("sekisho: ").unwrap_or_default();
        rest.split(':').next().unwrap_or_default()
    }

    /// Status line and headers, without those that no two answers share.
    pub fn outside(&self) -> (u16, &str, Vec<&(String, String)>) {
        let own = ["date", "x-request-id"];
        let lasting = self
            .headers
            .iter()
            .filter(|(name, _)| !own.contains(&name.as_str()));
        let mut headers: Vec<_> = lasting.collect();
        headers.sort();
        (self.status, &self.phrase, headers)
    }

    /// Status, headers and body, for those who want it whole.
    #[track_caller]
    pub fn assert_same(&self, other: &Self) {
        assert_eq!(self.outside(), other.outside());
        assert_eq!(self.body, other.body);
    }

    /// A denial as every one looks: 403, `DENIED`, one line.
    #[track_caller]
    pub fn assert_denied(&self, reason: &str) {
        assert_eq!((self.status, self.reason()), (403, reason), "{self:?}");
        if !self.body.is_empty() {
            assert_eq!(self.code(), "DENIED");
            assert_eq!(self.message(), self.phrase);
        }
    }

    #[track_caller]
    pub fn assert_served(&self, bytes: &[u8]) {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.body == bytes, "other bytes");
    }
}
