//! Where a request came from, for the record of an act.

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Admin;
use super::error::AdminError;
use crate::access::Principal;
use crate::http::Peer;
use crate::ledger::{ActOrigin, Attributed};

/// Where the request came from.
#[derive(Clone, Debug)]
pub(super) struct RequestOrigin(ActOrigin);

impl FromRequestParts<Admin> for RequestOrigin {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &Admin) -> Result<Self, AdminError> {
        let peer = parts.extensions.get::<Peer>();
        Ok(Self(ActOrigin {
            client: peer.map(|peer| peer.address.ip().to_string()),
            ..ActOrigin::default()
        }))
    }
}

impl RequestOrigin {
    /// A write that this request asks for, about an image by its whole name.
    pub(super) fn about<T>(self, image: &str, what: T) -> Attributed<T> {
        let image = Some(image.to_owned());
        ActOrigin { image, ..self.0 }.of(what)
    }

    /// A write that this request asks for, about no image.
    pub(super) fn of<T>(self, what: T) -> Attributed<T> {
        self.0.of(what)
    }

    /// The same by a principal that the write does not name.
    pub(super) fn by<T>(self, principal: &Principal, what: T) -> Attributed<T> {
        let principal = Some(principal.name().to_owned());
        ActOrigin {
            principal,
            ..self.0
        }
        .of(what)
    }
}
