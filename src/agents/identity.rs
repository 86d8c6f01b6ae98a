//! Who an agent is: the holder of a token of the role `node`, or of a client certificate
//! where the listener asks for one.

use http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

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
                return Err(AgentRefusal::unauthenticated(message, self.make_token()));
            }
        };
        let principal = match &token {
            Some(token) => self.gate.authenticate(token.expose_secret(), now),
            None => self.certified(parts),
        };
        let Some(principal) = principal else {
            return Err(self.stranger(token.as_ref(), now));
        };
        self.admit(&principal, parts)?;
        Ok(principal)
    }

    /// Why nobody is known by what was shown.
    fn stranger(&self, token: Option<&SecretString>, now: Timestamp) -> AgentRefusal {
        let Some(token) = token else {
            let message = match self.takes_certificates {
                true => "agents show a client certificate here, or a token, and neither came",
                false => "agents show a token here, and none came",
            };
            return AgentRefusal::unauthenticated(message, self.make_token());
        };
        if !self.ledger.index().is_complete() {
            return AgentRefusal::unavailable("the ledger is not read yet");
        }
        let expired = self.ledger.expired_token(token.expose_secret(), now);
        let message = match expired {
            Some(expired) => expired.to_string(),
            None => "that token is unknown or revoked".to_owned(),
        };
        AgentRefusal::unauthenticated(message, self.make_token())
    }

    fn make_token(&self) -> String {
        format!(
            "make a token, and give agents its secret: sekisho token create --name NAME --role node \
             --environment {}",
            self.environment
        )
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
            let step = "write tls for this listener, and start the agent with its https:// address";
            return Err(AgentRefusal::forbidden(message, step));
        }
        if !role.may_speak_for_nodes() {
            let message = format!("{name} has the role {role} and may not speak for nodes");
            return Err(AgentRefusal::forbidden(message, self.make_token()));
        }
        match principal.scope().covers_environment(here.as_str()) {
            true => Ok(()),
            false => Err(AgentRefusal::forbidden(
                format!(
                    "{name} has no part in the environment {here}, to which this address belongs"
                ),
                self.make_token(),
            )),
        }
    }
}
