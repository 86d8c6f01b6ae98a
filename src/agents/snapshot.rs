//! `GET /api/v1/node/snapshot`: what must not start, whole or as what changed.

use std::time::Duration;

use http::Response;
use http::request::Parts;
use jiff::Timestamp;
use url::form_urlencoded;

use super::AgentsDoor;
use super::answer::{AgentRefusal, told};
use crate::api::NodeSnapshotQuery;
use crate::http::Body;
use crate::node_feed::{HeldSnapshot, NodeFeed};
use crate::oci::Digest;

impl AgentsDoor {
    pub(super) async fn snapshot(
        &self,
        feed: &NodeFeed,
        parts: &Parts,
        now: Timestamp,
    ) -> Result<Response<Body>, AgentRefusal> {
        self.identify(parts, now)?;
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query = NodeSnapshotQuery::read(pairs).map_err(AgentRefusal::bad_request)?;
        self.is_here(&query.environment)?;
        let held = held(&query)?;
        let wait = match (&held, query.wait.is_zero()) {
            (Some(_), false) => query.wait,
            _ => {
                let at_once = feed.answer(&self.environment, held, Duration::ZERO);
                return Ok(told(at_once.await?));
            }
        };
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(AgentRefusal::unavailable("too many agents wait for news"));
        };
        let news = feed.answer(&self.environment, held, wait);
        Ok(told(news.await?))
    }

    /// An address belongs to one environment, whatever a client names.
    pub(super) fn is_here(&self, named: &str) -> Result<(), AgentRefusal> {
        match named == self.environment.as_str() {
            true => Ok(()),
            false => Err(AgentRefusal::forbidden(
                format!(
                    "this address belongs to the environment {}",
                    self.environment
                ),
                format!(
                    "start the agent with --environment {}, or let it ask a listener of its own \
                     environment",
                    self.environment
                ),
            )),
        }
    }
}

fn held(query: &NodeSnapshotQuery) -> Result<Option<HeldSnapshot>, AgentRefusal> {
    let mark = query.mark.as_deref().map(Digest::parse).transpose();
    let mark = mark.map_err(|_| AgentRefusal::bad_request("the mark is no digest"))?;
    Ok(query.since.map(|sequence| HeldSnapshot { sequence, mark }))
}
