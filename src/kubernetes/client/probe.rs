//! The webhook's self-test: sends a review as the API server would.
//!
//! The same address, the same certificate authorities, the same kind of question;
//! so what passes here is answered there, as far as the network is the same.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Uri};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use kube::client::Body;
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::error::describe;

const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer to the empty question is a few hundred bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// One webhook, as its configuration addresses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WebhookEndpoint {
    url: String,
    /// Base64 of PEM; None leaves the choice to the system's authorities.
    ca_bundle: Option<String>,
}

/// Every distinct webhook of a configuration object.
pub(super) fn endpoints(configuration: &Value) -> Result<BTreeSet<WebhookEndpoint>, String> {
    let webhooks = configuration.get("webhooks").and_then(Value::as_array);
    let webhooks = webhooks.into_iter().flatten();
    webhooks.map(WebhookEndpoint::of).collect()
}

/// Asks each of them, and says which one did not answer, and why.
pub(super) async fn ask_all(
    targets: &BTreeSet<WebhookEndpoint>,
    now: Timestamp,
) -> Result<(), String> {
    if targets.is_empty() {
        return Err("the configuration names no webhook".to_owned());
    }
    for target in targets {
        let asked = tokio::time::timeout(PROBE_TIMEOUT, target.ask(now)).await;
        let answered = asked.unwrap_or_else(|_| Err(format!("no answer in {PROBE_TIMEOUT:?}")));
        answered.map_err(|error| format!("{} does not answer: {error}", target.url))?;
    }
    Ok(())
}

impl WebhookEndpoint {
    fn of(webhook: &Value) -> Result<Self, String> {
        let client = &webhook["clientConfig"];
        let url = match client["url"].as_str() {
            Some(url) => url.to_owned(),
            None => service_url(&client["service"]).ok_or("a webhook names no address")?,
        };
        let ca_bundle = client["caBundle"].as_str().map(str::to_owned);
        Ok(Self { url, ca_bundle })
    }

    async fn ask(&self, now: Timestamp) -> Result<(), String> {
        let uid = format!("sekisho-self-test-{}", now.as_nanosecond());
        let url: Uri = self.url.parse().map_err(|_| "its address is no URL")?;
        let mut config = Config::new(authority_of(&url)?);
        config.root_cert = self.roots()?;
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|error| describe(&error))?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Body::from(question(&uid).to_string().into_bytes()))
            .map_err(|error| error.to_string())?;
        let answer = client.send(request).await;
        read(answer.map_err(|error| describe(&error))?, &uid).await
    }

    /// The bundle's certificates, so that no other authority is believed.
    fn roots(&self) -> Result<Option<Vec<Vec<u8>>>, String> {
        let Some(bundle) = &self.ca_bundle else {
            return Ok(None);
        };
        let pem = STANDARD.decode(bundle);
        let pem = pem.map_err(|error| format!("its caBundle is no base64: {error}"))?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let found = found.map_err(|error| format!("its caBundle is no PEM: {error}"))?;
        if found.is_empty() {
            return Err("its caBundle holds no certificate".to_owned());
        }
        Ok(Some(found.iter().map(|it| it.to_vec()).collect()))
    }
}

/// The name that the API server resolves, and that the certificate must have.
fn service_url(service: &Value) -> Option<String> {
    let name = service["name"].as_str()?;
    let namespace = service["namespace"].as_str()?;
    let port = service["port"].as_u64().unwrap_or(443);
    let path = service["path"].as_str().unwrap_or("/");
    Some(format!("https://{name}.{namespace}.svc:{port}{path}"))
}

fn authority_of(url: &Uri) -> Result<Uri, String> {
    let authority = url.authority().ok_or("its address names no host")?;
    if url.scheme_str() != Some("https") {
        return Err("its address is not https".to_owned());
    }
    let root = Uri::builder().scheme("https").authority(authority.as_str());
    let root = root.path_and_query("/").build();
    root.map_err(|error| error.to_string())
}

/// A Pod without containers, in a dry run: nothing to judge, nothing to record.
fn question(uid: &str) -> Value {
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let resource = json!({"group": "", "version": "v1", "resource": "pods"});
    let name = "sekisho-self-test";
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": kind, "resource": resource,
            "requestKind": kind, "requestResource": resource,
            "name": name, "namespace": name,
            "operation": "CREATE",
            "userInfo": {"username": name},
            "object": {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": name, "namespace": name},
                "spec": {"containers": []},
            },
            "oldObject": null,
            "dryRun": true,
            "options": null,
        },
    })
}

async fn read(answer: http::Response<Body>, uid: &str) -> Result<(), String> {
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("it answered {status}"));
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    let review: Value =
        serde_json::from_slice(&body).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let is_ours = review["response"]["uid"].as_str() == Some(uid);
    if review["kind"] != "AdmissionReview" || !is_ours {
        return Err("its answer is not for the question that was asked".to_owned());
    }
    Ok(())
}
