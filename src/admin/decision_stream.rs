//! Decisions as they come, as server-sent events: recorded first, then told. What a reader
//! may see is asked anew for each, so that nothing leaves after a token has ended.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use super::Admin;
use super::asked_decisions::{AskedDecisions, address, asked_image};
use super::authenticate::{ReadAccess, ReadCredential};
use super::error::AdminError;
use super::extract::StrictQuery;
use super::within::decision_within;
use crate::access::Principal;
use crate::api::{
    DecisionRecord, DecisionStreamQuery, STREAM_DECISION, STREAM_END, STREAM_GAP, StreamEnd,
    StreamEndReason, StreamGap,
};
use crate::gate::{FedDecision, FeedError, FeedReader, FeedStart};
use crate::trust::{Decision, EnvironmentName, Outcome};

/// A sign of life, and a look at the token, at least this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// What a client waits before it comes again.
const RETRY: Duration = Duration::from_secs(2);
const LAST_EVENT_ID: &str = "last-event-id";

/// Follow decisions as server-sent events, the oldest first. `Last-Event-ID` goes on behind
/// that event.
#[utoipa::path(
    get,
    path = "/api/v1/decisions/stream",
    params(DecisionStreamQuery),
    responses((status = 200, content_type = "text/event-stream", body = String))
)]
pub(super) async fn follow(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    credential: ReadCredential,
    StrictQuery(query): StrictQuery<DecisionStreamQuery>,
    headers: HeaderMap,
) -> Result<Response, AdminError> {
    let start = start(&query, &headers)?;
    let wanted = WantedDecisions::read(&admin, query)?;
    let reader = FeedReader::open(&admin.feed, principal.name(), start).await?;
    let opening = stream::iter([opening(&reader)]);
    let followed = Followed {
        admin,
        credential,
        wanted,
        reader,
        has_ended: false,
    };
    let events = opening.chain(followed.into_events());
    let mut response = Sse::new(events.map(Ok::<_, Infallible>)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that gathers what it passes on would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// # Errors
/// A `Last-Event-ID` that no event had.
fn start(query: &DecisionStreamQuery, headers: &HeaderMap) -> Result<FeedStart, AdminError> {
    let refused = || {
        AdminError::bad_request("Last-Event-ID is no id of an event")
            .next("pass the id of the last event as it is, or leave it out")
    };
    let last = match headers.get(LAST_EVENT_ID).filter(|it| !it.is_empty()) {
        Some(value) => {
            let position = value.to_str().ok().and_then(|it| it.parse::<u64>().ok());
            Some(position.ok_or_else(refused)?)
        }
        None => query.after,
    };
    Ok(match (last, query.since) {
        (Some(position), _) => FeedStart::Behind(position),
        (None, Some(since)) => FeedStart::Since(since),
        (None, None) => FeedStart::Now,
    })
}

/// How long to wait before coming again, where it begins, and what it leaves out.
fn opening(reader: &FeedReader) -> Event {
    let event = Event::default()
        .retry(RETRY)
        .id(reader.position().to_string());
    match reader.skipped() {
        0 => event.comment("decisions follow"),
        skipped => with_json(event.event(STREAM_GAP), &StreamGap { skipped }),
    }
}

/// What of all decisions is asked for.
struct WantedDecisions {
    environment: Option<EnvironmentName>,
    /// Empty: all.
    verdicts: Vec<Outcome>,
    asked: AskedDecisions,
}

impl WantedDecisions {
    fn read(admin: &Admin, query: DecisionStreamQuery) -> Result<Self, AdminError> {
        let environment = admin.known_environment(query.environment)?;
        let asked = AskedDecisions {
            image: asked_image(admin, query.image.as_deref(), environment.as_ref())?,
            reason: query.reason,
            principal: query.principal,
            client: query.client.as_deref().map(address).transpose()?,
        };
        let verdicts = query.verdict.as_deref().map(verdicts).transpose()?;
        Ok(Self {
            environment,
            verdicts: verdicts.unwrap_or_default(),
            asked,
        })
    }

    fn are(&self, admin: &Admin, decision: &Decision) -> bool {
        let is_here = |it: &EnvironmentName| *it == decision.environment;
        self.environment.as_ref().is_none_or(is_here)
            && (self.verdicts.is_empty() || self.verdicts.contains(&decision.verdict))
            && self.asked.is_met_by(admin, decision)
    }
}

fn verdicts(text: &str) -> Result<Vec<Outcome>, AdminError> {
    let known = |word: &str| Outcome::ALL.into_iter().find(|it| it.as_str() == word);
    let read = |word: &str| {
        known(word.trim()).ok_or_else(|| {
            let words = Outcome::ALL.map(Outcome::as_str).join(", ");
            AdminError::bad_request(format!("verdict {word:?} is none of {words}"))
                .next("write some of them with commas between")
        })
    };
    text.split(',').map(read).collect()
}

/// A stream under way.
struct Followed {
    admin: Admin,
    credential: ReadCredential,
    wanted: WantedDecisions,
    reader: FeedReader,
    has_ended: bool,
}

impl Followed {
    fn into_events(self) -> impl Stream<Item = Event> + Send + 'static {
        stream::unfold(self, async |mut followed| {
            let event = followed.next().await?;
            Some((event, followed))
        })
    }

    /// `None` behind the last.
    async fn next(&mut self) -> Option<Event> {
        if self.has_ended {
            return None;
        }
        let beat = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(beat);
        loop {
            let told = tokio::select! {
                told = self.reader.next() => Some(told),
                () = &mut beat => None,
            };
            // The clock is read for each event: a stream outlives its request.
            let now = self.admin.gate.now();
            let Some(principal) = self.credential.principal(&self.admin, now) else {
                return Some(self.end(StreamEndReason::Unauthenticated));
            };
            match told {
                Some(Ok(told)) if self.shows(&principal, &told.decision) => {
                    return Some(decided(told));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(self.end(reason(&error))),
                None => return Some(self.heartbeat()),
            }
        }
    }

    fn shows(&self, principal: &Principal, decision: &Decision) -> bool {
        self.wanted.are(&self.admin, decision)
            && decision_within(&self.admin, principal.scope(), decision)
    }

    /// With the id of what was passed over meanwhile, and nothing to dispatch.
    fn heartbeat(&self) -> Event {
        let position = self.reader.position().to_string();
        Event::default().id(position).comment("nothing new")
    }

    fn end(&mut self, reason: StreamEndReason) -> Event {
        self.has_ended = true;
        let next_step = next_step(reason).to_owned();
        let end = StreamEnd { reason, next_step };
        with_json(Event::default().event(STREAM_END), &end)
    }
}

fn decided(told: FedDecision) -> Event {
    let record = DecisionRecord::from(Decision::clone(&told.decision));
    let event = Event::default().event(STREAM_DECISION);
    let event = match told.position {
        Some(position) => event.id(position.to_string()),
        None => event,
    };
    with_json(event, &record)
}

/// What cannot be written is left out, and said in the log.
fn with_json(event: Event, body: &impl Serialize) -> Event {
    match serde_json::to_string(body) {
        Ok(text) => event.data(text),
        Err(error) => {
            tracing::error!(%error, "an event is no JSON");
            event.comment("an event could not be written")
        }
    }
}

fn reason(error: &FeedError) -> StreamEndReason {
    match error {
        FeedError::TooSlow(_) => StreamEndReason::TooSlow,
        FeedError::Closed => StreamEndReason::Stopping,
        FeedError::Full => StreamEndReason::Unavailable,
        FeedError::Ledger(error) => {
            tracing::error!(%error, "the ledger failed who follows decisions");
            StreamEndReason::Unavailable
        }
    }
}

fn next_step(reason: StreamEndReason) -> &'static str {
    match reason {
        StreamEndReason::TooSlow => "come again with Last-Event-ID, or narrow it by filters",
        StreamEndReason::Unauthenticated => "come again with a valid token",
        StreamEndReason::Stopping | StreamEndReason::Unavailable => {
            "come again with Last-Event-ID in some seconds"
        }
    }
}
