//! Whether the API server accepts the webhook's certificate, and until when.
//!
//! Asked of rustls as the API server asks Go: the chain of the Secret, under the
//! bundle of the configuration, for the name of the Service.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::expected::ExpectedCluster;
use super::own_webhooks::webhooks;
use super::snapshot::{Snapshot, text};
use super::webhook::ClusterWebhook;
use crate::diagnosis::Diagnosis;
use crate::kubernetes::names::SECRET_NAME;

/// Certificates are renewed long before; one that is this near was not.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(7 * 24);
const RENEWAL_HINT: &str = "see the log of Sekisho for why it did not renew it or did not publish its \
                    authority; restarting it does both";

pub(super) fn judge(
    snapshot: &Snapshot,
    expected: &ExpectedCluster,
    now: Timestamp,
) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let secret = snapshot.secrets.named(SECRET_NAME);
    let mut seen = Vec::new();
    for webhook in webhooks(snapshot, expected) {
        let key = (webhook.service(), webhook.ca_bundle());
        if !seen.contains(&key) {
            seen.push(key);
            found.extend(of_webhook(&webhook, secret, now));
        }
    }
    for answered in &snapshot.probes {
        if let Some(problem) = &answered.problem {
            found.push(
                Diagnosis::wrong(format!(
                    "{} does not answer as a webhook must",
                    answered.who
                ))
                .why(problem.clone())
                .next("see whether it runs, and what its log says"),
            );
        }
    }
    found
}

fn of_webhook(
    webhook: &ClusterWebhook<'_>,
    secret: Option<&serde_json::Value>,
    now: Timestamp,
) -> Vec<Diagnosis> {
    let (Some((namespace, name)), Some(secret)) = (webhook.service(), secret) else {
        return Vec::new();
    };
    let Some(bundle) = webhook.ca_bundle() else {
        return vec![no_bundle(webhook)];
    };
    let host = format!("{name}.{namespace}.svc");
    let chain = text(secret, "/data/tls.crt");
    match believed(bundle, chain, &host, now) {
        Err(problem) => vec![
            Diagnosis::wrong(format!(
                "the API server does not believe {}",
                webhook.title()
            ))
            .why(format!(
                "the certificate in the Secret {SECRET_NAME}: {problem}"
            ))
            .next(RENEWAL_HINT),
        ],
        Ok(()) => believed(bundle, chain, &host, now + EXPIRES_SOON)
            .err()
            .map(|problem| soon(webhook, &problem))
            .into_iter()
            .collect(),
    }
}

fn no_bundle(webhook: &ClusterWebhook<'_>) -> Diagnosis {
    Diagnosis::wrong(format!("{} has no caBundle", webhook.title()))
        .why("the API server believes only public authorities then, and ours is none")
        .next("let a running Sekisho put the configuration in force")
}

fn soon(webhook: &ClusterWebhook<'_>, problem: &str) -> Diagnosis {
    let what = format!("the certificate of {} ends within a week", webhook.title());
    Diagnosis::wrong(what)
        .why(problem.to_owned())
        .next(RENEWAL_HINT)
}

/// Whether a chain holds under a bundle, both base64 of PEM, for a name.
pub(super) fn believed(
    bundle: &str,
    chain: &str,
    host: &str,
    now: Timestamp,
) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for root in certificates(bundle).ok_or("the caBundle holds no certificates")? {
        roots.add(root).map_err(|error| error.to_string())?;
    }
    let chain = certificates(chain).ok_or("it is no certificate")?;
    let (leaf, rest) = chain.split_first().ok_or("it is empty")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| format!("the caBundle cannot be used: {error}"))?;
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let judged = verifier.verify_server_cert(leaf, rest, &name, &[], now);
    judged.map(|_| ()).map_err(|error| error.to_string())
}

fn certificates(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let pem = STANDARD.decode(text).ok()?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .ok()?;
    (!all.is_empty()).then_some(all)
}
