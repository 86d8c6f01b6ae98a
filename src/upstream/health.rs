//! Health: what keeps failing is left alone for a while, and nothing else is.
//!
//! A failure says something of its page first. Only when several pages of a repository
//! fail in a row is the repository left alone, and only when several repositories do,
//! or no connection comes about at all, the host. Each is kept by kind of call: a host
//! that gives no blobs may still tell its tags.

use std::borrow::Cow;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use jiff::Timestamp;
use reqwest::Response;
use tokio::time::Instant;
use url::Url;

use crate::memory::{BoundedMemory, GetOrInsert, HeapSize, Validity};
use crate::metrics::UpstreamCause;
use crate::oci::RepositoryName;

use super::circuit_breaker::CircuitBreaker;
use super::{CoolDown, UpstreamError};
use crate::http_client::retry_after;

/// Bytes that failures are remembered in, at most: about 10,000 of them.
const MAX_BYTES: u64 = 4 << 20;
/// Pages that must fail in a row before their repository is left alone, and
/// repositories before their host is.
const FAILURES_TO_WIDEN: usize = 3;

/// What a call asks for: what fails for one kind may well go for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CallKind {
    ManifestHead,
    Manifest,
    BlobHead,
    Blob,
    List,
    Token,
}

impl CallKind {
    const ALL: [Self; 6] = [
        Self::ManifestHead,
        Self::Manifest,
        Self::BlobHead,
        Self::Blob,
        Self::List,
        Self::Token,
    ];
}

/// One page of a repository, as `manifests/1.0`, by one kind of call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Page {
    pub kind: CallKind,
    pub repository: RepositoryName,
    pub path: Box<str>,
}

/// Why a try failed, in our own words.
type FailureWords = Cow<'static, str>;

/// What a try says of the place where it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HealthSign {
    Well,
    /// It failed there, and asks to be left alone for so long.
    Failed(Option<Duration>, FailureWords),
    /// No connection came about, whatever was asked for.
    Unreachable(FailureWords),
    /// Nothing: a broken page, or no request was sent.
    Unclear,
}

impl HealthSign {
    /// Of what came of a request, or of a whole try.
    pub(super) fn of(outcome: &Result<Response, UpstreamError>) -> Self {
        match outcome {
            Ok(response) => Self::of_answer(response),
            Err(error) => Self::of_error(error),
        }
    }

    /// A plain 500 says something of one page, and that may pass.
    fn of_answer(response: &Response) -> Self {
        match response.status() {
            StatusCode::INTERNAL_SERVER_ERROR => Self::Unclear,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                let asked = retry_after(response.headers(), SystemTime::now());
                Self::Failed(
                    asked,
                    format!("it answers {}", response.status().as_u16()).into(),
                )
            }
            _ => Self::Well,
        }
    }

    fn of_error(error: &UpstreamError) -> Self {
        match error.cause() {
            Some(UpstreamCause::LeftAlone | UpstreamCause::Busy | UpstreamCause::NoCredentials) => {
                Self::Unclear
            }
            Some(UpstreamCause::Unreachable | UpstreamCause::Tls | UpstreamCause::Proxy) => {
                Self::Unreachable(words(error))
            }
            Some(_) if error.is_transient() => Self::Failed(error.retry_after(), words(error)),
            Some(_) | None => Self::Unclear,
        }
    }
}

/// Without who failed, which the reader knows.
fn words(error: &UpstreamError) -> FailureWords {
    match error {
        UpstreamError::Unavailable { detail, .. } => detail.clone(),
        UpstreamError::Tls(fault) => fault.to_string().into(),
        UpstreamError::RateLimited { .. } => "it limits our rate".into(),
        other => other.to_string().into(),
    }
}

/// Where failures are counted.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Page(Page),
    Repository(CallKind, RepositoryName),
    /// With its port.
    Host(CallKind, Box<str>),
}

impl HeapSize for Place {
    fn heap_size(&self) -> usize {
        match self {
            Self::Page(page) => page.repository.heap_size() + page.path.heap_size(),
            Self::Repository(_, name) => name.heap_size(),
            Self::Host(_, host) => host.heap_size(),
        }
    }
}

/// The health of all that one upstream leads to. What is well is not remembered.
pub(super) struct Health {
    cool_down: CoolDown,
    breakers: BoundedMemory<Place, Arc<CircuitBreaker>>,
}

impl Health {
    pub(super) fn new(cool_down: CoolDown) -> Self {
        Self {
            cool_down,
            breakers: BoundedMemory::new(MAX_BYTES),
        }
    }

    /// Fails fast while the page or its repository is left alone.
    pub(super) fn check_page(&self, page: &Page, now: Instant) -> Result<(), UpstreamError> {
        self.check(&Place::Page(page.clone()), now)?;
        self.check(&repository(page), now)
    }

    /// The same of the host of `url`.
    pub(super) fn check_host(
        &self,
        kind: CallKind,
        url: &Url,
        now: Instant,
    ) -> Result<(), UpstreamError> {
        self.check(&host(kind, url), now)
    }

    /// Notes how a try of a page ended, wherever it was led.
    pub(super) fn saw_page(&self, page: &Page, sign: HealthSign, now: Instant) {
        let (own, whole) = (Place::Page(page.clone()), repository(page));
        self.saw(own, sign.clone(), None, now);
        self.saw(whole, sign, Some(hash(page)), now);
    }

    /// Notes how the host of `url` answered a request of a repository, or of whatever
    /// else `asker` tells from others.
    pub(super) fn saw_host(
        &self,
        kind: CallKind,
        url: &Url,
        asker: &impl Hash,
        sign: HealthSign,
        now: Instant,
    ) {
        let asker = (!matches!(sign, HealthSign::Unreachable(_))).then(|| hash(asker));
        self.saw(host(kind, url), sign, asker, now);
    }

    /// For how long the host of `url` is left alone by some kind of call, if it is.
    pub(super) fn rest(&self, url: &Url, now: Instant) -> Option<Duration> {
        let kinds = CallKind::ALL.iter();
        let places = kinds.map(|kind| host(*kind, url));
        let rest = |place| self.breakers.last(&place)?.rest(now);
        places.filter_map(rest).max()
    }

    fn check(&self, place: &Place, now: Instant) -> Result<(), UpstreamError> {
        let Some(breaker) = self.breakers.last(place) else {
            return Ok(());
        };
        let Some(rest) = breaker.rest(now) else {
            return Ok(());
        };
        let last = breaker.last_failure();
        Err(UpstreamError::Unavailable {
            cause: UpstreamCause::LeftAlone,
            retry_after: Some(rest),
            detail: format!("it is left alone after repeated failures, the last: {last}").into(),
        })
    }

    /// `part`: which part of the place failed; `None`: that counts for all of it.
    fn saw(&self, place: Place, sign: HealthSign, part: Option<u64>, now: Instant) {
        match sign {
            HealthSign::Unclear => {}
            HealthSign::Well => drop(self.breakers.remove(&place)),
            HealthSign::Failed(asked, why) => self.breaker(place).failed_for(why, now, asked, part),
            HealthSign::Unreachable(why) => self.breaker(place).failed_for(why, now, None, part),
        }
    }

    fn breaker(&self, place: Place) -> Arc<CircuitBreaker> {
        let fresh = Arc::new(CircuitBreaker::new(self.cool_down, FAILURES_TO_WIDEN));
        let (validity, now) = (Validity::ALWAYS, Timestamp::UNIX_EPOCH);
        let found = self
            .breakers
            .get_or_insert(place, fresh.clone(), validity, now, |_| true);
        match found {
            GetOrInsert::Existing(known) => known,
            GetOrInsert::Inserted(_) => fresh,
        }
    }
}

fn repository(page: &Page) -> Place {
    Place::Repository(page.kind, page.repository.clone())
}

fn host(kind: CallKind, url: &Url) -> Place {
    let name = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    Place::Host(kind, format!("{name}:{port}").into())
}

/// Parts of a place are told apart by their hash alone.
fn hash(part: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FAILED: HealthSign = HealthSign::Failed(None, Cow::Borrowed("it answers 503"));

    fn health() -> Health {
        Health::new(CoolDown {
            after: 2,
            first: SECOND,
            max: 5 * SECOND,
        })
    }

    fn page(kind: CallKind, repository: &str, path: &str) -> Page {
        Page {
            kind,
            repository: RepositoryName::parse(repository).unwrap(),
            path: path.into(),
        }
    }

    fn url(host: &str) -> Url {
        format!("https://{host}/v2/").parse().unwrap()
    }

    #[test]
    fn a_page_that_fails_is_left_alone_by_itself() {
        let (health, now) = (health(), Instant::now());
        let bad = page(CallKind::Blob, "team/app", "blobs/1");
        for _ in 0..20 {
            health.saw_page(&bad, FAILED, now);
        }
        assert!(health.check_page(&bad, now).is_err());
        for other in [
            page(CallKind::Blob, "team/app", "blobs/2"),
            page(CallKind::BlobHead, "team/app", "blobs/1"),
            page(CallKind::Blob, "team/other", "blobs/1"),
        ] {
            assert_eq!(health.check_page(&other, now), Ok(()), "{other:?}");
        }
    }

    #[test]
    fn a_repository_whose_pages_fail_is_left_alone_by_itself() {
        let (health, now) = (health(), Instant::now());
        for number in 0..20 {
            let bad = page(
                CallKind::Manifest,
                "team/app",
                &format!("manifests/{number}"),
            );
            health.saw_page(&bad, FAILED, now);
            health.saw_host(bad.kind, &url("r.test"), &bad.repository, FAILED, now);
        }
        let next = page(CallKind::Manifest, "team/app", "manifests/next");
        assert!(health.check_page(&next, now).is_err());
        let other = page(CallKind::Manifest, "team/other", "manifests/1");
        assert_eq!(health.check_page(&other, now), Ok(()));
        assert_eq!(health.check_host(other.kind, &url("r.test"), now), Ok(()));
        assert_eq!(health.rest(&url("r.test"), now), None);
    }

    #[test]
    fn a_host_is_left_alone_when_several_repositories_fail_and_none_goes() {
        let (health, now) = (health(), Instant::now());
        let kind = CallKind::Manifest;
        let names = ["a", "b", "c"].map(|name| RepositoryName::parse(name).unwrap());
        let fail = || {
            for name in &names {
                health.saw_host(kind, &url("r.test"), name, FAILED, now);
            }
        };
        health.saw_host(kind, &url("r.test"), &names[0], FAILED, now);
        health.saw_host(kind, &url("r.test"), &names[1], FAILED, now);
        health.saw_host(kind, &url("r.test"), &names[2], HealthSign::Well, now);
        assert_eq!(health.check_host(kind, &url("r.test"), now), Ok(()));
        fail();
        assert!(health.check_host(kind, &url("r.test"), now).is_err());
        assert_eq!(health.rest(&url("r.test"), now), Some(SECOND));
        for (kind, host) in [
            (CallKind::Blob, "r.test"),
            (kind, "cdn.test"),
            (kind, "r.test:5000"),
        ] {
            assert_eq!(health.check_host(kind, &url(host), now), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_host_that_cannot_be_connected_to_is_left_alone_for_all() {
        let (health, now) = (health(), Instant::now());
        let name = RepositoryName::parse("team/app").unwrap();
        for _ in 0..2 {
            let sign = HealthSign::Unreachable("its name does not resolve".into());
            health.saw_host(CallKind::Blob, &url("r.test"), &name, sign, now);
        }
        let left = health.check_host(CallKind::Blob, &url("r.test"), now);
        let told = left.unwrap_err().to_string();
        assert!(
            told.ends_with("repeated failures, the last: its name does not resolve"),
            "{told}"
        );
    }

    #[test]
    fn failures_are_bounded_in_bytes() {
        let (health, now) = (health(), Instant::now());
        for number in 0..50_000 {
            let bad = page(CallKind::Blob, "team/app", &format!("blobs/{number}"));
            health.saw_page(&bad, FAILED, now);
        }
        assert!(health.breakers.bytes() <= MAX_BYTES);
    }
}
