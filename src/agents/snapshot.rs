//! `GET /api/v1/node/snapshot`: what must not start, whole or as what changed.

use std::time::Duration;

use http::Response;
use http::request::Parts;
use jiff::Timestamp;
use url::form_urlencoded;

use super::AgentsDoor;
use super::answer::{AgentRefusal, told};
use crate::http::Body;

/// The longest that an agent waits for news.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// The query.
#[derive(Debug, Default, PartialEq, Eq)]
struct SnapshotQuery {
    environment: Option<String>,
    /// The number that is held.
    since: Option<u64>,
    wait: Duration,
}

impl AgentsDoor {
    pub(super) async fn snapshot(
        &self,
        parts: &Parts,
        now: Timestamp,
    ) -> Result<Response<Body>, AgentRefusal> {
        self.identify(parts, now)?;
        let query = read(parts.uri.query().unwrap_or_default())?;
        self.is_here(query.environment.as_deref())?;
        let since = query.since;
        let wait = match (since, query.wait.is_zero()) {
            (Some(_), false) => query.wait,
            _ => {
                let at_once = self.feed.answer(&self.environment, since, Duration::ZERO);
                return Ok(told(at_once.await?));
            }
        };
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(AgentRefusal::unavailable("too many agents wait for news"));
        };
        let news = self.feed.answer(&self.environment, since, wait);
        Ok(told(news.await?))
    }

    /// An address belongs to one environment, whatever a client names.
    pub(super) fn is_here(&self, named: Option<&str>) -> Result<(), AgentRefusal> {
        match named {
            None => Err(AgentRefusal::bad_request("the environment is missing")),
            Some(name) if name == self.environment.as_str() => Ok(()),
            Some(_) => Err(AgentRefusal::forbidden(format!(
                "this address belongs to the environment {}",
                self.environment
            ))),
        }
    }
}

fn read(query: &str) -> Result<SnapshotQuery, AgentRefusal> {
    let mut read = SnapshotQuery::default();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "environment" => read.environment = Some(value.into_owned()),
            "since" => read.since = Some(number(&value)?),
            "wait" => read.wait = Duration::from_secs(number(&value)?).min(MAX_WAIT),
            _ => return Err(AgentRefusal::bad_request("the query has an unknown key")),
        }
    }
    Ok(read)
}

fn number(text: &str) -> Result<u64, AgentRefusal> {
    let number = text.parse().ok();
    number.ok_or_else(|| AgentRefusal::bad_request("since and wait are whole numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_query_and_refuses_what_it_does_not_know() {
        let asked = SnapshotQuery {
            environment: Some("production".to_owned()),
            since: Some(7),
            wait: Duration::from_secs(20),
        };
        let read_well = read("environment=production&since=7&wait=20").unwrap();
        assert_eq!(read_well, asked);
        assert_eq!(read("wait=86400").unwrap().wait, MAX_WAIT);
        for bad in ["wait=-1", "wait=x", "since=-7", "since=", "node=1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
