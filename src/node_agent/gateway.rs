//! The client of gateways: one is asked until it fails, then the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use url::Url;

use super::error::{AgentError, GatewayError};
use super::gateway_tls::tls;
use super::options::GatewayAccess;
use super::token_file::token_in;
use crate::api::{
    DELTA_MEDIA_TYPE, ErrorBody, NODE_EVENTS, NODE_SNAPSHOT, NodeEventBatch, NodeSnapshotQuery,
    SNAPSHOT_MEDIA_TYPE,
};
use crate::http_client;
use crate::oci::printable;

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// So long nothing at all may come: a gateway that hangs is left for the next one.
const SILENT_TIME: Duration = NodeSnapshotQuery::MAX_WAIT.saturating_add(Duration::from_secs(5));
/// For a whole answer, the wait included.
const ANSWER_TIME: Duration = NodeSnapshotQuery::MAX_WAIT.saturating_add(Duration::from_secs(40));
/// A million digests, about.
const MAX_ANSWER_BYTES: usize = (64 << 20) + 64;
/// How much of a refusal is told, in bytes.
const MAX_TOLD: usize = 600;

/// What a gateway has.
#[derive(Debug)]
pub(super) enum SnapshotAnswer {
    Whole(Bytes),
    Delta(Bytes),
    /// Nothing is newer than what is held.
    Unchanged,
}

/// The way to gateways.
pub(super) struct Gateways {
    access: GatewayAccess,
    /// Which one is asked.
    current: AtomicUsize,
    /// Made of the files as they were; made anew after a failure.
    client: ArcSwapOption<Client>,
}

impl Gateways {
    /// # Errors
    /// [`AgentError`] where a file is missing or unusable now.
    pub(super) fn new(access: GatewayAccess) -> Result<Self, AgentError> {
        let this = Self {
            access,
            current: AtomicUsize::new(0),
            client: ArcSwapOption::empty(),
        };
        this.client()?;
        Ok(this)
    }

    pub(super) async fn snapshot(
        &self,
        query: &NodeSnapshotQuery,
    ) -> Result<SnapshotAnswer, GatewayError> {
        let mut url = self.url(NODE_SNAPSHOT);
        url.query_pairs_mut().extend_pairs(query.pairs());
        let request = self.client()?.get(url);
        self.noted(self.asked(request).await)
    }

    async fn asked(&self, request: RequestBuilder) -> Result<SnapshotAnswer, GatewayError> {
        let response = self.send(request).await?;
        if matches!(
            response.status(),
            StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT
        ) {
            return Ok(SnapshotAnswer::Unchanged);
        }
        let kind = response.headers().get(CONTENT_TYPE).cloned();
        let kind = kind.as_ref().and_then(|it: &HeaderValue| it.to_str().ok());
        let kind = kind.unwrap_or_default();
        match kind {
            SNAPSHOT_MEDIA_TYPE => Ok(SnapshotAnswer::Whole(whole(response).await?)),
            DELTA_MEDIA_TYPE => Ok(SnapshotAnswer::Delta(whole(response).await?)),
            other => Err(GatewayError::Type(printable(other, MAX_TOLD))),
        }
    }

    /// Tells what happened here.
    pub(super) async fn tell(&self, batch: &NodeEventBatch) -> Result<(), GatewayError> {
        let request = self.client()?.post(self.url(NODE_EVENTS)).json(batch);
        let sent = self.send(request).await;
        self.noted(sent.map(|_| ()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, GatewayError> {
        let request = match &self.access.token_file {
            Some(file) => request.bearer_auth(token_in(file)?),
            None => request,
        };
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let body = whole(response).await.unwrap_or_default();
        let told = printable(&refusal(&body), MAX_TOLD);
        let told = match told.as_str() {
            "" => told,
            _ => format!(": {told}"),
        };
        Err(GatewayError::Status(status.as_u16(), told))
    }

    /// After a failure the next gateway is asked, with the files as they are then.
    fn noted<T>(&self, outcome: Result<T, GatewayError>) -> Result<T, GatewayError> {
        if outcome.is_err() {
            self.current.fetch_add(1, Ordering::Relaxed);
            self.client.store(None);
        }
        outcome
    }

    fn client(&self) -> Result<Arc<Client>, AgentError> {
        if let Some(client) = self.client.load_full() {
            return Ok(client);
        }
        let client = http_client::client(tls(&self.access)?)
            .no_proxy()
            .connect_timeout(CONNECT_TIME)
            .read_timeout(SILENT_TIME)
            .timeout(ANSWER_TIME)
            .build();
        let client = client.map_err(|error| AgentError::Client(error.to_string()))?;
        let client = Arc::new(client);
        self.client.store(Some(client.clone()));
        Ok(client)
    }

    fn url(&self, path: &str) -> Url {
        let gateways = &self.access.gateways;
        let at = self.current.load(Ordering::Relaxed) % gateways.len().max(1);
        let mut url = gateways[at].clone();
        url.set_path(path);
        url
    }

    /// The gateway that is asked, for the log.
    pub(super) fn named(&self) -> String {
        self.url("").to_string()
    }
}

/// What a gateway says of its refusal, and what helps; of another server whatever it says.
fn refusal(body: &[u8]) -> String {
    let Ok(ErrorBody { error, .. }) = serde_json::from_slice(body) else {
        return String::from_utf8_lossy(body).into_owned();
    };
    match error.next_step {
        Some(step) => format!("{}; {step}", error.message),
        None => error.message,
    }
}

async fn whole(mut response: Response) -> Result<Bytes, GatewayError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable(&error))?
    {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(GatewayError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The innermost cause, which names what is wrong; never the address with what it may hold.
fn unreachable(error: &reqwest::Error) -> GatewayError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let cause = cause.to_string();
    let scheme = error.url().map_or("", |url| url.scheme());
    let unspoken = http_client::unspoken(scheme, &cause);
    let hint = match unspoken {
        Some(unspoken) if scheme == "https" => format!(
            "; {unspoken}: give that listener tls, or write http:// where it is on this machine"
        ),
        Some(unspoken) => format!("; {unspoken}: where that listener has tls, write https://"),
        None if cause.contains("UnknownIssuer") => {
            "; --ca has to hold the authority of that certificate".to_owned()
        }
        None => String::new(),
    };
    GatewayError::Unreachable(printable(&cause, MAX_TOLD) + &hint)
}
