//! A webhook with a certificate of its own authority.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::tasks::Tasks;

/// An authority, and what a webhook shows in its name.
pub struct Authority {
    /// Base64 of PEM, as a webhook configuration publishes it.
    pub bundle: String,
    server: Arc<ServerConfig>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self {
            bundle: STANDARD.encode(pem),
            server: server(&issuer),
        }
    }

    /// Starts a webhook that answers each review with what `answer` makes of its
    /// uid; its address.
    pub async fn serve(&self, tasks: &Tasks, answer: fn(&str) -> Value) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(self.server.clone());
        let (own, cancelled) = (tasks.clone(), tasks.cancelled());
        tasks.spawn("webhook", async move {
            let accepting = async {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let acceptor = acceptor.clone();
                    own.spawn_isolated("review", async move {
                        let Ok(stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        let service = service_fn(move |request| respond(request, answer));
                        let http = hyper::server::conn::http1::Builder::new();
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            };
            tokio::select! {
                () = accepting => {}
                () = cancelled => {}
            }
        });
        address
    }
}

fn server(issuer: &Issuer<'static, KeyPair>) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.unwrap())
}

async fn respond(
    request: Request<Incoming>,
    answer: fn(&str) -> Value,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/clusters/prod/validate");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(review["request"]["dryRun"], true);
    let answer = answer(review["request"]["uid"].as_str().unwrap());
    Ok(Response::new(Full::new(answer.to_string().into())))
}

/// What a webhook should answer.
pub fn allowed(uid: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": true},
    })
}

pub fn allowed_for_another(_: &str) -> Value {
    allowed("another")
}
