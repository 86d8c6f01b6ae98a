//! Who pulls. Without a listener's `auth` nobody is asked: a challenge would
//! draw out credentials that were meant for another registry.

use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::answer::{Answer, error};
use crate::access::{Principal, Role, Scope};
use crate::gate::{Asker, Gate, Listener};
use crate::http::{Credentials, Peer};
use crate::oci::ErrorCode;

/// What a listener asks of those who pull.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    #[default]
    None,
    /// A client certificate, checked by TLS.
    Mtls,
    /// A token as the password of Basic, so that `docker login` works.
    Token,
}

/// Whoever is known already when a connection opens.
pub(super) fn of_connection(auth: Auth, listener: &Arc<Listener>, peer: &Peer) -> Option<Asker> {
    let principal = match auth {
        Auth::None => Principal::anonymous(Role::Puller),
        Auth::Mtls => {
            let subject = peer.certificate.as_deref()?;
            Principal::new(subject, Role::Puller, Scope::everything())
        }
        Auth::Token => return None,
    };
    Some(asker(listener, principal, peer.address.ip()))
}

/// Whoever a request's token belongs to.
pub(super) fn of_request(
    headers: &HeaderMap,
    gate: &Gate,
    listener: &Arc<Listener>,
    peer: &Peer,
    now: Timestamp,
) -> Option<Asker> {
    let Ok(Some(Credentials::Basic { password, .. })) = Credentials::from_headers(headers) else {
        return None;
    };
    let principal = gate.authenticate(password.expose_secret(), now)?;
    Some(asker(listener, principal, peer.address.ip()))
}

fn asker(listener: &Arc<Listener>, principal: Principal, client: IpAddr) -> Asker {
    Asker {
        listener: listener.clone(),
        principal,
        client: Some(client),
    }
}

/// The only 401 of this door.
pub(super) fn challenge() -> Answer {
    let message = "a token is needed: docker login with any user name and a token as password";
    let mut answer = error(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message);
    answer.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"sekisho\""),
    );
    answer
}
