//! An API server of a cluster, as far as what runs there is read from it: it lists what it was
//! given, and its watches tell nothing more.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is listed, by the last part of its path.
type Objects = Arc<HashMap<&'static str, Vec<Value>>>;
/// The same, and whether it answers yet.
type Listed = (Objects, watch::Receiver<bool>);

/// It ends when it is dropped.
pub struct ClusterApi {
    address: String,
    is_open: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl ClusterApi {
    /// One that lists these Pods, Services and Ingresses, and no other kind.
    pub async fn start(pods: Vec<Value>, services: Vec<Value>, ingresses: Vec<Value>) -> Self {
        let it = Self::silent(pods, services, ingresses).await;
        it.open();
        it
    }

    /// One that answers nothing before it is opened: so that what runs can be put in its
    /// registry first.
    pub async fn silent(pods: Vec<Value>, services: Vec<Value>, ingresses: Vec<Value>) -> Self {
        let objects = [
            ("pods", pods),
            ("services", services),
            ("ingresses", ingresses),
        ];
        let objects: Objects = Arc::new(objects.into());
        let (is_open, opened) = watch::channel(false);
        let router = Router::new().fallback(answer);
        let router = router.with_state((objects, opened));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            is_open,
            serving,
        }
    }

    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Writes how it is reached.
    pub fn kubeconfig(&self, file: &Path) {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.address}}],
            "users": [{"name": "it", "user": {"token": "none"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        });
        std::fs::write(file, config.to_string()).unwrap();
    }
}

impl Drop for ClusterApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State((objects, mut opened)): State<Listed>,
    Query(query): Query<HashMap<String, String>>,
    uri: Uri,
) -> Response {
    let _ = opened.wait_for(|it| *it).await;
    let kind = uri.path().rsplit('/').next().unwrap_or_default();
    let Some(items) = objects.get(kind) else {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                            "message": "not found", "reason": "NotFound", "code": 404});
        return (StatusCode::NOT_FOUND, axum::Json(status)).into_response();
    };
    if query.get("watch").is_some_and(|it| it != "false") {
        let silence = futures_util::stream::pending::<Result<Bytes, Infallible>>();
        return Body::from_stream(silence).into_response();
    }
    let list = json!({"kind": "List", "apiVersion": "v1", "items": items,
                      "metadata": {"resourceVersion": "1"}});
    axum::Json(list).into_response()
}

/// A Pod that a Deployment made and that runs one image: as it is named, by that digest.
pub fn pod(namespace: &str, app: &str, image: &str, digest: &str) -> Value {
    let repository = image.split([':', '@']).next().unwrap_or_default();
    let name = format!("{app}-7d9c5b4f-x2x1v");
    json!({
        "metadata": {
            "name": name, "namespace": namespace, "uid": name, "labels": {"app": app},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": app,
                                 "uid": app, "controller": true}],
        },
        "spec": {"containers": [{"name": "main", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "main", "imageID": format!("{repository}@{digest}")},
        ]},
    })
}

/// What leads from outside to the Pods of `app`: a Service, and an Ingress before it.
pub fn way_in(namespace: &str, app: &str) -> (Value, Value) {
    let metadata = json!({"name": app, "namespace": namespace});
    let service = json!({
        "metadata": metadata,
        "spec": {"type": "ClusterIP", "selector": {"app": app}, "ports": [{"port": 80}]},
    });
    let backend = json!({"service": {"name": app, "port": {"number": 80}}});
    let ingress = json!({"metadata": metadata, "spec": {"defaultBackend": backend}});
    (service, ingress)
}
