//! A door to ask reviews of, in this process.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::Service as _;
use sekisho::admission::{ClusterCallbacks, ClusterPolicy, NodeRouting, Webhook};
use sekisho::gate::Listener;
use sekisho::http::{Connection, Peer, StackLimits};
use sekisho::oci::RegistryHost;
use sekisho::trust::{EnvironmentName, Exposure, ImageNames};
use serde_json::{Value, json};

use crate::kit::{Running, World};

pub const GATEWAY: &str = "gateway.corp:5080";

pub struct Door {
    webhook: Arc<Webhook>,
    /// What the client's certificate calls it.
    certificate: Option<Arc<str>>,
    address: IpAddr,
}

/// An answer, as the API server would read it.
#[derive(Debug)]
pub struct Tried {
    pub status: u16,
    pub response: Value,
}

fn host(text: &str) -> RegistryHost {
    RegistryHost::parse(text).unwrap()
}

/// A cluster in front of the world's two upstreams.
pub fn cluster(exposure: Exposure) -> ClusterPolicy {
    ClusterPolicy {
        name: "prod".into(),
        listener: Arc::new(Listener {
            name: "cluster prod".into(),
            environment: EnvironmentName::parse("production").unwrap(),
            exposure,
            repositories: Vec::new(),
            mirror_of: None,
        }),
        names: ImageNames {
            gateways: vec![host(GATEWAY)],
            upstreams: vec![
                (host("docker.io"), "docker.io".to_owned()),
                (host("registry.corp:5000"), "corp".to_owned()),
            ],
            default_host: host("docker.io"),
        },
        nodes: NodeRouting::Mirror,
        pin_digests: false,
        exempt: vec!["sekisho".to_owned(), "kube-system".to_owned()],
        namespaces: Vec::new(),
        pull_secret: None,
        allow_never: false,
        callbacks: ClusterCallbacks::default(),
    }
}

impl Door {
    pub fn open(world: &World) -> Self {
        Self::of(world, cluster(Exposure::External))
    }

    pub fn of(world: &Running, cluster: ClusterPolicy) -> Self {
        Self::within(world, cluster, StackLimits::WEBHOOK)
    }

    pub fn within(world: &Running, cluster: ClusterPolicy, limits: StackLimits) -> Self {
        let parts = world.parts();
        let (gate, metrics) = (parts.gate.clone(), parts.metrics.clone());
        let webhook = Webhook::new(gate, vec![cluster], metrics, limits);
        Self {
            webhook: Arc::new(webhook),
            certificate: None,
            address: Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The same webhook, asked from another address.
    pub fn from(&self, address: impl Into<IpAddr>) -> Self {
        Self {
            webhook: self.webhook.clone(),
            certificate: self.certificate.clone(),
            address: address.into(),
        }
    }

    /// Asked by a client with a certificate of that name.
    pub fn seen_as(self, name: &str) -> Self {
        Self {
            certificate: Some(name.into()),
            ..self
        }
    }

    /// Of a webhook with a client CA.
    pub fn asking_certificates(self) -> Self {
        let webhook = Arc::into_inner(self.webhook).unwrap();
        Self {
            webhook: Arc::new(webhook.asking_certificates()),
            ..self
        }
    }

    pub fn connection(&self) -> Connection<Webhook> {
        let peer = Peer::new((self.address, 9).into(), self.certificate.clone());
        self.webhook.connection(peer)
    }

    /// Sends a body to a path; the deadline is the API server's.
    pub async fn send(&self, path: &str, body: impl Into<Bytes>) -> (u16, Bytes) {
        self.send_body(path, Full::new(body.into())).await
    }

    /// The same, of a body that comes as it likes.
    pub async fn send_body<B>(&self, path: &str, body: B) -> (u16, Bytes)
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let request = http::Request::post(path).body(body).unwrap();
        let answer = self.connection().call(request).await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            answer.into_body().collect().await.unwrap().to_bytes(),
        )
    }

    async fn ask(&self, hook: &str, review: &Value, timeout: Duration) -> Tried {
        let path = format!("/clusters/prod/{hook}?timeout={}ms", timeout.as_millis());
        let (status, body) = self.send(&path, review.to_string()).await;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(answer["kind"], "AdmissionReview");
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        Tried {
            status,
            response: answer["response"].clone(),
        }
    }

    pub async fn mutate(&self, review: &Value) -> Tried {
        self.ask("mutate", review, Duration::from_secs(10)).await
    }

    pub async fn validate(&self, review: &Value) -> Tried {
        self.ask("validate", review, Duration::from_secs(30)).await
    }

    /// Validates a review as it is written.
    pub async fn validate_text(&self, review: String) -> Tried {
        let (status, body) = self
            .send("/clusters/prod/validate?timeout=30s", review)
            .await;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        Tried {
            status,
            response: answer["response"].clone(),
        }
    }

    pub async fn validate_within(&self, review: &Value, timeout: Duration) -> Tried {
        self.ask("validate", review, timeout).await
    }

    /// The object as the API server would go on with it.
    pub async fn mutated(&self, object: &Value) -> Value {
        let tried = self.mutate(&review(json!({ "object": object }))).await;
        assert!(tried.allowed(), "{tried:?}");
        tried.applied_to(object)
    }
}

impl Tried {
    pub fn allowed(&self) -> bool {
        assert_eq!(self.status, 200);
        self.response["allowed"].as_bool().unwrap()
    }

    pub fn message(&self) -> &str {
        self.response["status"]["message"]
            .as_str()
            .unwrap_or_default()
    }

    pub fn warnings(&self) -> Vec<&str> {
        let warnings = self.response["warnings"].as_array();
        let warnings = warnings.into_iter().flatten();
        warnings.map(|warning| warning.as_str().unwrap()).collect()
    }

    /// The operations of its patch.
    pub fn patch(&self) -> Vec<Value> {
        let Some(patch) = self.response["patch"].as_str() else {
            assert_eq!(self.response.get("patchType"), None);
            return Vec::new();
        };
        assert_eq!(self.response["patchType"], "JSONPatch");
        let patch = BASE64_STANDARD.decode(patch).unwrap();
        serde_json::from_slice(&patch).unwrap()
    }

    pub fn applied_to(&self, object: &Value) -> Value {
        let mut object = object.clone();
        let patch: json_patch::Patch = serde_json::from_value(Value::Array(self.patch())).unwrap();
        json_patch::patch(&mut object, &patch).unwrap();
        object
    }

    #[track_caller]
    pub fn assert_denied(&self, reason: &str) {
        assert!(!self.allowed(), "{reason}: {self:?}");
        assert!(
            self.message().contains(&format!(": {reason}: ")),
            "{}",
            self.message()
        );
    }

    #[track_caller]
    pub fn assert_allowed(&self) {
        assert!(self.allowed(), "{self:?}");
    }
}

/// A review with what differs from the usual.
pub fn review(fields: Value) -> Value {
    let mut request = json!({
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "oldObject": null,
        "dryRun": false,
    });
    for (key, value) in fields.as_object().unwrap() {
        request[key] = value.clone();
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

/// A Pod that runs these, in containers called `c0`, `c1` …
pub fn pod(images: &[&str]) -> Value {
    let container = |(at, image): (usize, &&str)| json!({"name": format!("c{at}"), "image": image, "imagePullPolicy": "IfNotPresent"});
    let containers: Vec<Value> = images.iter().enumerate().map(container).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "namespace": "shop"},
        "spec": {"containers": containers},
    })
}
