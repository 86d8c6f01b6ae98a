//! The service of one connection, and whose it is.
//!
//! Without `auth` on the listener there is no challenge: it would make clients send
//! credentials that are meant for another registry.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::Either;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, StatusCode};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::answer::{self, RegistryResponse, error};
use super::door::{ClientAuth, Registry};
use super::handle::RegistryCall;
use crate::access::{Principal, Role, Scope};
use crate::gate::{Client, Gate, Listener, Refusal};
use crate::http::{Answering, AuthorizationHeader, Body, Connection, Handler, Peer, Stack};
use crate::oci::RegistryErrorCode;

impl Registry {
    /// The service of a new connection.
    pub fn connection(self: &Arc<Self>, peer: Peer) -> RegistryService {
        RegistryService {
            client: of_connection(self.auth, &self.listener, &peer),
            registry: self.clone(),
            peer,
        }
    }
}

/// The service of one connection.
#[derive(Clone)]
pub struct RegistryService {
    registry: Arc<Registry>,
    peer: Peer,
    /// The client, if the connection identifies it; `None`: each request brings its own
    /// token.
    client: Option<Client>,
}

impl<B> hyper::service::Service<Request<B>> for RegistryService {
    type Response = RegistryResponse;
    type Error = Infallible;
    type Future = Either<Ready<Result<RegistryResponse, Infallible>>, Answering<Body>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let (parts, _) = request.into_parts();
        let (started, now) = (Instant::now(), self.registry.gate.now());
        let Some(client) = self.client(&parts, now) else {
            let is_sent = parts.headers.contains_key(header::AUTHORIZATION);
            return Either::Left(ready(Ok(challenge(is_sent))));
        };
        let registry = &self.registry;
        let hot = registry
            .paths
            .answer(&registry.gate, &client, &parts, now, started);
        match hot {
            Some(answer) => Either::Left(ready(Ok(answer))),
            None => {
                let pull = PullContext {
                    client: client.into_owned(),
                    now,
                    started,
                };
                let layered = Connection::new(registry.clone(), self.peer.clone());
                Either::Right(layered.call(Request::from_parts(parts, pull)))
            }
        }
    }
}

/// The client and the time of a pull, passed in place of the request's body, which a pull
/// does not have.
struct PullContext {
    client: Client,
    now: Timestamp,
    started: Instant,
}

impl Handler<PullContext> for Registry {
    type Body = Body;

    fn stack(&self) -> &Stack {
        &self.stack
    }

    async fn answer(&self, request: Request<PullContext>) -> RegistryResponse {
        let (parts, pulling) = request.into_parts();
        let call = RegistryCall {
            registry: self,
            parts,
            client: pulling.client,
            now: pulling.now,
            started: pulling.started,
        };
        call.answer().await
    }

    async fn overloaded(&self, _: Request<PullContext>) -> RegistryResponse {
        answer::overloaded()
    }

    fn too_slow(&self) -> RegistryResponse {
        answer::refusal(&Refusal::too_slow())
    }
}

impl RegistryService {
    /// Copied only where the request's own token tells it.
    fn client(&self, parts: &Parts, now: Timestamp) -> Option<Cow<'_, Client>> {
        if let Some(client) = &self.client {
            return Some(Cow::Borrowed(client));
        }
        let Registry { gate, listener, .. } = &*self.registry;
        of_request(&parts.headers, gate, listener, &self.peer, now).map(Cow::Owned)
    }
}

/// The client, if the connection alone identifies it.
fn of_connection(auth: ClientAuth, listener: &Arc<Listener>, peer: &Peer) -> Option<Client> {
    let principal = match auth {
        ClientAuth::None => Principal::anonymous(Role::Puller),
        ClientAuth::Mtls => {
            let subject = peer.certificate.as_deref()?;
            Principal::new(subject, Role::Puller, Scope::everything())
        }
        ClientAuth::Token => return None,
    };
    Some(client(listener, principal, peer.address.ip()))
}

/// The client by the token of a request.
fn of_request(
    headers: &HeaderMap,
    gate: &Gate,
    listener: &Arc<Listener>,
    peer: &Peer,
    now: Timestamp,
) -> Option<Client> {
    let Ok(Some(AuthorizationHeader::Basic { password, .. })) =
        AuthorizationHeader::from_headers(headers)
    else {
        return None;
    };
    let principal = gate.authenticate(password.expose_secret(), now)?;
    Some(client(listener, principal, peer.address.ip()))
}

fn client(listener: &Arc<Listener>, principal: Principal, client: IpAddr) -> Client {
    Client {
        listener: listener.clone(),
        principal,
        address: Some(client),
    }
}

/// The only 401 of this door. `is_sent`: something was, and is no token that counts.
fn challenge(is_sent: bool) -> RegistryResponse {
    let message = match is_sent {
        true => "the token is unknown, expired or revoked: docker login with another as password",
        false => "a token is needed: docker login with any user name and a token as password",
    };
    let mut answer = error(
        StatusCode::UNAUTHORIZED,
        RegistryErrorCode::Unauthorized,
        message,
    );
    answer.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"sekisho\""),
    );
    answer
}
