//! What keeps an open page fresh: a sign when something that it shows was recorded, no more
//! often than people read. The page then asks for itself again.
//!
//! The signs are those of the API's stream of decisions, so whoever sees none there sees none
//! here, and a session's end ends them.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::{self, Stream};
use http::{HeaderValue, header};
use tokio::time::Instant;

use super::page::guarded;
use super::state::Console;
use super::visit::context;
use crate::api::{DECISION_STREAM, STREAM_DECISION, STREAM_END, STREAM_GAP};

/// Where pages listen, with the query of the API's stream.
pub(super) const LIVE: &str = "/live";

/// Signs come no more often than this.
const MIN_SIGN_INTERVAL: Duration = Duration::from_secs(2);
/// A sign of life, so that a lost line is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes again, in milliseconds.
const RETRY_AFTER: &str = "retry: 3000\n\n";
const CHANGE_EVENT: &str = "event: change\ndata:\n\n";
const KEEP_ALIVE: &str = ": nothing new\n\n";

pub(super) async fn live(State(console): State<Console>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let mut asked = Request::new(Body::empty());
    // A query that is none is the API's to refuse.
    if let Ok(uri) = format!("{DECISION_STREAM}?{query}").parse() {
        *asked.uri_mut() = uri;
    }
    *asked.extensions_mut() = context(request.extensions());
    let answer = console.api.pass_on(asked).await;
    if !answer.status().is_success() {
        return answer;
    }
    let followed = Followed {
        decisions: answer.into_body().into_data_stream(),
        noticed: false,
        next_sign: Instant::now(),
        has_ended: false,
    };
    let opening = stream::iter([Bytes::from_static(RETRY_AFTER.as_bytes())]);
    let signs = opening.chain(followed.into_signs());
    let body = Body::from_stream(signs.map(Ok::<_, Infallible>));
    let mut response = guarded(Response::new(body), "text/event-stream");
    // A proxy that gathers what it passes on would hold signs back.
    let headers = response.headers_mut();
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.remove(header::CONTENT_LENGTH);
    response
}

/// A stream under way.
struct Followed {
    decisions: BodyDataStream,
    /// Something came since the last sign.
    noticed: bool,
    /// Not before this.
    next_sign: Instant,
    has_ended: bool,
}

impl Followed {
    fn into_signs(self) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold(self, async |mut followed| {
            let sign = followed.next().await?;
            Some((Bytes::from_static(sign.as_bytes()), followed))
        })
    }

    /// `None` behind the last.
    async fn next(&mut self) -> Option<&'static str> {
        let beat = Instant::now() + HEARTBEAT;
        loop {
            // By the clock: while decisions come without a pause, no timer rings.
            if self.noticed && self.next_sign <= Instant::now() {
                self.noticed = false;
                self.next_sign = Instant::now() + MIN_SIGN_INTERVAL;
                return Some(CHANGE_EVENT);
            }
            if self.has_ended {
                return None;
            }
            tokio::select! {
                told = self.decisions.next() => self.hear(told),
                () = tokio::time::sleep_until(self.next_sign), if self.noticed => (),
                () = tokio::time::sleep_until(beat) => return Some(KEEP_ALIVE),
            }
        }
    }

    fn hear(&mut self, told: Option<Result<Bytes, axum::Error>>) {
        let Some(Ok(told)) = told else {
            self.has_ended = true;
            return;
        };
        self.noticed |= tells(&told, STREAM_DECISION) || tells(&told, STREAM_GAP);
        self.has_ended |= tells(&told, STREAM_END);
    }
}

/// Whether an event of that name is in what came. A name in a text that is told beside it
/// costs one look more.
fn tells(told: &[u8], name: &str) -> bool {
    let wanted = format!("event: {name}\n");
    told.windows(wanted.len())
        .any(|part| part == wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn however_much_is_decided_a_page_hears_of_it_no_more_often_than_people_read() {
        let decision = format!("event: {STREAM_DECISION}\ndata: {{}}\n\n");
        let end = format!("event: {STREAM_END}\ndata: {{}}\n\n");
        let told = std::iter::repeat_n(decision, 10_000).chain([end]);
        let told = stream::iter(told.map(|it| Ok::<_, Infallible>(Bytes::from(it))));
        let began = Instant::now();
        let followed = Followed {
            decisions: Body::from_stream(told).into_data_stream(),
            noticed: false,
            next_sign: began,
            has_ended: false,
        };
        let signs = followed.into_signs();
        let signs = signs.filter(|sign| std::future::ready(sign == CHANGE_EVENT.as_bytes()));
        let signs = u64::try_from(signs.count().await).unwrap();
        // One at once, and one for each period that has passed since.
        let most = began.elapsed().as_secs() / MIN_SIGN_INTERVAL.as_secs() + 1;
        assert!((1..=most).contains(&signs), "{signs} signs, {most} at most");
    }
}
