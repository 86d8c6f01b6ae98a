//! What every request of a connection passes first, whatever the door.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Either, Map};
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::service::Service;
use tokio::sync::oneshot;

use super::shares::Share;
use crate::tasks::Leaving;

/// The service of a connection behind its entrance: it ends the time in which the
/// connection is half open, refuses requests whose host is not clear, and asks clients to
/// go elsewhere with their next request when the end is near.
pub(super) struct Entrance<S> {
    service: S,
    opening: Opening,
    leaving: Leaving,
}

/// The client has connected and sent no request yet.
pub(super) struct Opening {
    is_over: AtomicBool,
    held: Mutex<Option<Held>>,
}

/// What a half-open connection holds: of its client's share, and whom to tell of the
/// first request.
type Held = (Share, oneshot::Sender<()>);

impl Opening {
    /// The second part resolves when the first request has come.
    pub(super) fn new(share: Share) -> (Self, oneshot::Receiver<()>) {
        let (came, comes) = oneshot::channel();
        let opening = Self {
            is_over: AtomicBool::new(false),
            held: Mutex::new(Some((share, came))),
        };
        (opening, comes)
    }

    fn request_came(&self) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_share, came)) = held.take() {
            // Nobody listens where the time has just run out.
            let _ = came.send(());
        }
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl<S> Entrance<S> {
    pub(super) fn new(service: S, opening: Opening, leaving: Leaving) -> Self {
        Self {
            service,
            opening,
            leaving,
        }
    }
}

impl<S, B, R> Service<Request<B>> for Entrance<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    R: From<&'static str>,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Either<Either<Ready<Answer<R>>, S::Future>, Map<S::Future, Change<R>>>;

    fn call(&self, mut request: Request<B>) -> Self::Future {
        self.opening.request_came();
        if !settle_host(&mut request) {
            return Either::Left(Either::Left(ready(Ok(unclear_host()))));
        }
        let answer = self.service.call(request);
        match self.leaving.is_so() {
            false => Either::Left(Either::Right(answer)),
            true => Either::Right(answer.map(last_of_connection as Change<R>)),
        }
    }
}

type Answer<R> = Result<Response<R>, Infallible>;
type Change<R> = fn(Answer<R>) -> Answer<R>;

/// The connection is closed behind this answer, and the client was told so: it sends
/// nothing more into it, which could be lost.
fn last_of_connection<R>(answer: Answer<R>) -> Answer<R> {
    answer.map(|mut answer| {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
        answer
    })
}

/// Whether it is clear which host a request means; then `Host` says it. A host in the target
/// counts, whatever `Host` says (RFC 9112, 3.2.2): so no door needs to look there.
fn settle_host<B>(request: &mut Request<B>) -> bool {
    let is_clear = host_is_clear(request.version(), request.headers());
    let Some(authority) = request.uri().authority().filter(|_| is_clear) else {
        return is_clear;
    };
    match HeaderValue::from_str(authority.as_str()) {
        Ok(host) if may_be_host(&host) => {
            request.headers_mut().insert(HOST, host);
            true
        }
        _ => false,
    }
}

/// Whether a request has the one valid `Host` that it needs (RFC 9112, 3.2): a proxy in
/// front could read two of them differently.
fn host_is_clear(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => may_be_host(host),
        (Some(_), Some(_)) => false,
    }
}

fn may_be_host(host: &HeaderValue) -> bool {
    host.as_bytes().iter().all(|byte| may_stand_in_host(*byte))
}

/// The bytes of `uri-host [ ":" port ]` (RFC 3986, 3.2.2).
const fn may_stand_in_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'%' | b':' | b'[' | b']' | b'!' | b'$'
        )
        || matches!(byte, b'&'..=b',' | b';' | b'=')
}

fn unclear_host<R: From<&'static str>>() -> Response<R> {
    let mut response = Response::new(R::from("the request needs one valid Host header\n"));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_clear(version: Version, hosts: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        host_is_clear(version, &headers)
    }

    #[test]
    fn a_host_in_the_target_counts_before_the_header() {
        let host = |target: &str| {
            let request = Request::get(target).header(HOST, "gateway.example:5080");
            let mut request = request.body(()).unwrap();
            let host = |request: &Request<()>| request.headers()[HOST].clone();
            settle_host(&mut request).then(|| host(&request))
        };
        let told = |target| host(target).unwrap();
        assert_eq!(told("/v2/"), "gateway.example:5080");
        assert_eq!(told("http://other.example/v2/"), "other.example");
        assert_eq!(told("http://[::1]:5080/v2/"), "[::1]:5080");
        assert_eq!(host("http://gateway.example:5080@other.example/v2/"), None);
    }

    #[test]
    fn wants_one_host_of_http_1_1() {
        assert!(is_clear(Version::HTTP_11, &["gateway.example:5080"]));
        assert!(is_clear(Version::HTTP_11, &["[fd00::1]:5080"]));
        assert!(is_clear(Version::HTTP_11, &[""]));
        assert!(!is_clear(Version::HTTP_11, &[]));
        assert!(is_clear(Version::HTTP_10, &[]));
    }

    #[test]
    fn refuses_two_hosts_and_what_is_none() {
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!is_clear(version, &["a.example", "a.example"]));
            for host in [
                "a b",
                "user@a.example",
                "a.example/x",
                "関所",
                "a?b",
                "a\\b",
            ] {
                assert!(!is_clear(version, &[host]), "{host}");
            }
        }
    }
}
