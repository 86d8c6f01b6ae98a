//! Who an agent is: the holder of a token of the role `node`, or of a client certificate
//! where the listener asks for one.

use http::request::Parts;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::AgentsDoor;
use super::answer::AgentRefusal;
use super::door::peer;
use crate::access::{Principal, Role, Scope};
use crate::http::AuthorizationHeader;
use crate::oci::RepositoryGlobs;

impl AgentsDoor {
    /// Whoever sends a token is its holder, whatever certificate the connection has.
    pub(super) fn identify(
        &self,
        parts: &Parts,
        now: Timestamp,
    ) -> Result<Principal, AgentRefusal> {
        let token = match AuthorizationHeader::from_headers(&parts.headers) {
            Ok(Some(AuthorizationHeader::Bearer(token))) => Some(token),
            Ok(None) => None,
            Ok(Some(AuthorizationHeader::Basic { .. })) | Err(_) => {
                let message = "a token is sent as Authorization: Bearer";
                return Err(AgentRefusal::unauthenticated(message));
            }
        };
        let principal = match token {
            Some(token) => self.gate.authenticate(token.expose_secret(), now),
            None => self.certified(parts),
        };
        let Some(principal) = principal else {
            let message =
                "agents show a valid token, or a client certificate where one is asked for";
            return Err(AgentRefusal::unauthenticated(message));
        };
        self.admit(&principal, parts)?;
        Ok(principal)
    }

    fn certified(&self, parts: &Parts) -> Option<Principal> {
        let name = peer(parts)?.certificate.as_deref();
        let name = name.filter(|_| self.takes_certificates)?;
        let environments = vec![self.environment.to_string()];
        let scope = Scope::new(RepositoryGlobs::none(), environments);
        Some(Principal::new(name, Role::Node, scope))
    }

    fn admit(&self, principal: &Principal, parts: &Parts) -> Result<(), AgentRefusal> {
        let is_near = peer(parts).is_some_and(|it| it.address.ip().is_loopback());
        let (name, role, here) = (principal.name(), principal.role(), &self.environment);
        if !self.is_tls && !is_near {
            let message = "agents are answered over TLS, and without it on this machine alone";
            return Err(AgentRefusal::forbidden(message));
        }
        if !role.may_speak_for_nodes() {
            let message = format!("{name} has the role {role} and may not speak for nodes");
            return Err(AgentRefusal::forbidden(message));
        }
        match principal.scope().covers_environment(here.as_str()) {
            true => Ok(()),
            false => Err(AgentRefusal::forbidden(format!(
                "{name} has no part in the environment {here}, to which this address belongs"
            ))),
        }
    }
}
