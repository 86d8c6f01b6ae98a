//! Sends one message: signed where there is a secret, and never on to another place.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use http::header::CONTENT_TYPE;
use reqwest::Client;
use secrecy::ExposeSecret;
use url::Host;

use super::error::{NotifyError, SendError};
use super::format::written;
use super::guard::{GuardedAddress, NoticeResolver, may_ask};
use super::message::Message;
use super::target::{NotifySecrets, NotifyTarget};
use crate::http_client::{self, TrustedServers};

/// Time for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// When it was signed, in seconds since 1970.
const TIMESTAMP: &str = "x-sekisho-timestamp";
/// `sha256=` and the HMAC of that time, a dot and the body, in hexadecimal.
const SIGNATURE: &str = "x-sekisho-signature";

/// The way to one target.
pub(super) struct Sender {
    pub(super) target: NotifyTarget,
    /// As they are now.
    secrets: ArcSwap<NotifySecrets>,
    client: Client,
    listed: Arc<HashSet<std::net::IpAddr>>,
}

impl Sender {
    pub(super) fn new(target: NotifyTarget) -> Result<Self, NotifyError> {
        let listed = Arc::new(target.addresses.iter().copied().collect::<HashSet<_>>());
        let failed = |why: &dyn std::fmt::Display| NotifyError::Client {
            name: target.name.clone(),
            why: why.to_string(),
        };
        let resolver = NoticeResolver {
            listed: listed.clone(),
        };
        let mut trusted = TrustedServers::public();
        if let Some(pem) = &target.ca {
            let no_authority = |_| NotifyError::Ca(target.name.clone());
            trusted.add(pem).map_err(no_authority)?;
        }
        let tls = trusted.tls().map_err(|error| failed(&error))?;
        let client = http_client::client(tls.with_no_client_auth())
            .dns_resolver(Arc::new(resolver))
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self {
            secrets: ArcSwap::from_pointee(target.secrets()),
            target,
            client,
            listed,
        })
    }

    /// Sends with these from now on.
    pub(super) fn replace_secrets(&self, secrets: NotifySecrets) {
        self.secrets.store(Arc::new(secrets));
    }

    /// Sends it once; the status of the answer.
    pub(super) async fn send(
        &self,
        message: &Message,
        now: jiff::Timestamp,
    ) -> Result<u16, SendError> {
        let secrets = self.secrets.load_full();
        let url = secrets.address().ok_or(SendError::Unreachable)?;
        // An address needs no resolver.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if literal.is_some_and(|address| !may_ask(address, &self.listed)) {
            return Err(SendError::Guarded);
        }
        let (body, media_type) = written(message, self.target.format);
        let body = body.to_string();
        let mut request = self.client.post(url).header(CONTENT_TYPE, media_type);
        if let Some(secret) = &secrets.secret {
            let (time, signature) = signed(secret.expose_secret(), &body, now);
            request = request.header(TIMESTAMP, time).header(SIGNATURE, signature);
        }
        // What it says in its body is not read.
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| failure(&error))?;
        let (status, code) = (answer.status(), answer.status().as_u16());
        let asked = http_client::retry_after(answer.headers(), now.into());
        match asked {
            _ if status.is_success() => Ok(code),
            _ if status.is_redirection() => Err(SendError::Redirected(code)),
            Some(pause) => Err(SendError::Busy {
                status: code,
                seconds: pause.as_secs(),
            }),
            None => Err(SendError::Refused(code)),
        }
    }
}

fn signed(secret: &str, body: &str, now: jiff::Timestamp) -> (String, String) {
    let time = now.as_second().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    (time, format!("sha256={}", hex::encode(tag)))
}

/// In our own words: the library's name the address.
fn failure(error: &reqwest::Error) -> SendError {
    match error {
        _ if is_guarded(error) => SendError::Guarded,
        _ if error.is_timeout() => SendError::TimedOut,
        _ if error.is_connect() => SendError::Unreachable,
        _ => SendError::BrokenOff,
    }
}

fn is_guarded(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<GuardedAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_can_check_the_signature() {
        let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
        let (time, signature) = signed("hunter2", "{}", now);
        assert_eq!(time, "1700000000");
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac hunter2
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"hunter2");
        let tag = hex::decode(signature.strip_prefix("sha256=").unwrap()).unwrap();
        assert!(hmac::verify(&key, b"1700000000.{}", &tag).is_ok());
        assert!(hmac::verify(&key, b"1700000001.{}", &tag).is_err());
    }
}
