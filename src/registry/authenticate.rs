//! Authenticates pulls. Without `auth` on the listener there is no challenge: it would
//! make clients send credentials that are meant for another registry.

use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::answer::{RegistryResponse, error};
use crate::access::{Principal, Role, Scope};
use crate::gate::{Client, Gate, Listener};
use crate::http::{AuthorizationHeader, Peer};
use crate::oci::RegistryErrorCode;

/// The authentication that a listener requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    #[default]
    None,
    /// A client certificate, checked by TLS.
    Mtls,
    /// A token as the password of Basic, so that `docker login` works.
    Token,
}

/// The client, if the connection alone identifies it.
pub(super) fn of_connection(
    auth: ClientAuth,
    listener: &Arc<Listener>,
    peer: &Peer,
) -> Option<Client> {
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
pub(super) fn of_request(
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

/// The only 401 of this door.
pub(super) fn challenge() -> RegistryResponse {
    let message = "a token is needed: docker login with any user name and a token as password";
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
