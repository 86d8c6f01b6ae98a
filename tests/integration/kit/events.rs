//! A reader of server-sent events, over HTTP/1.0, so that the body comes as it is.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No event takes longer, on a busy machine neither.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open stream.
pub struct Follower {
    stream: TcpStream,
    unread: Vec<u8>,
    pub status: u16,
    pub head: String,
}

/// One event that is to be dispatched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Follower {
    /// Begins to follow, once the head of the answer is there.
    pub async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
        let mut follower = Self {
            stream,
            unread: Vec::new(),
            status: 0,
            head: String::new(),
        };
        follower.head = follower.part("\r\n\r\n").await.expect("a head");
        let status = follower.head.split(' ').nth(1).unwrap();
        follower.status = status.parse().unwrap();
        follower
    }

    /// The next event with data; `None` where the stream has ended.
    pub async fn next(&mut self) -> Option<Followed> {
        loop {
            let block = self.part("\n\n").await?;
            let field = |name: &str| {
                let mut lines = block.lines();
                let found = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
                found.map(str::to_owned)
            };
            if let Some(data) = field("data") {
                return Some(Followed {
                    name: field("event").unwrap_or_default(),
                    id: field("id"),
                    data: serde_json::from_str(&data).unwrap(),
                });
            }
        }
    }

    /// The name of the next event, with data or without.
    pub async fn name(&mut self) -> String {
        loop {
            let block = self.part("\n\n").await.expect("an event");
            let name = block.lines().find_map(|line| line.strip_prefix("event: "));
            if let Some(name) = name {
                return name.to_owned();
            }
        }
    }

    /// The next event, which has that name.
    pub async fn expect(&mut self, name: &str) -> Followed {
        let event = self.next().await.expect("an event");
        assert_eq!(event.name, name, "{event:?}");
        event
    }

    async fn part(&mut self, end: &str) -> Option<String> {
        loop {
            let found = self
                .unread
                .windows(end.len())
                .position(|it| it == end.as_bytes());
            if let Some(at) = found {
                let rest = self.unread.split_off(at + end.len());
                let part = std::mem::replace(&mut self.unread, rest);
                return Some(String::from_utf8(part[..at].to_vec()).unwrap());
            }
            let read = self.stream.read_buf(&mut self.unread);
            let read = tokio::time::timeout(PATIENCE, read).await;
            if read.expect("an event in time").unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}
