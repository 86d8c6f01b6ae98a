//! Server-sent events, as far as the admin API sends them.

use std::time::Duration;

use http::header::CONTENT_TYPE;

/// The longest event that is read, in bytes.
const MAX_EVENT_BYTES: usize = 1 << 20;
/// The server says something at least every 5 s; one that is silent for so long is gone.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    pub name: String,
    pub data: String,
}

/// The events of one answer.
pub struct EventStream {
    response: reqwest::Response,
    unread: Vec<u8>,
    /// What has come of the next event.
    next: ServerEvent,
    last_id: Option<String>,
}

impl EventStream {
    pub const MEDIA_TYPE: &str = "text/event-stream";

    /// `None`: the answer is of another type.
    pub fn of(response: reqwest::Response) -> Option<Self> {
        let media_type = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
        let is_stream = media_type.starts_with(Self::MEDIA_TYPE);
        is_stream.then(|| Self {
            response,
            unread: Vec::new(),
            next: ServerEvent::default(),
            last_id: None,
        })
    }

    /// The id to come again behind.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// The next event; `None` where the stream ends, breaks off or falls silent. May be
    /// given up and called again.
    pub async fn next(&mut self) -> Option<ServerEvent> {
        loop {
            while let Some(line) = self.line() {
                if let Some(event) = self.take(&line) {
                    return Some(event);
                }
            }
            let held = self.unread.len() + self.next.data.len();
            if held > MAX_EVENT_BYTES {
                return None;
            }
            let chunk = tokio::time::timeout(SILENCE_TIMEOUT, self.response.chunk()).await;
            self.unread.extend_from_slice(&chunk.ok()?.ok()??);
        }
    }

    fn line(&mut self) -> Option<String> {
        let end = self.unread.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.unread.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }

    /// The event that an empty line ends.
    fn take(&mut self, line: &str) -> Option<ServerEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.next);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.next.name),
            "data" => self.next.data.push_str(value),
            "id" => self.last_id = Some(value.to_owned()),
            // A comment, or one that nobody asked for.
            _ => {}
        }
        None
    }
}
