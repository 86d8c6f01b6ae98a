//! A webhook that lets everything through, under a certificate of its own.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::lab::Authority;

pub struct Webhook {
    pub address: SocketAddr,
    /// Base64 of PEM, as a webhook configuration publishes it.
    pub bundle: String,
}

impl Webhook {
    /// Answers until the test's runtime ends.
    pub async fn start() -> Self {
        let authority = Authority::create();
        let acceptor = TlsAcceptor::from(server(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(acceptor.clone(), stream));
            }
        });
        Self {
            address,
            bundle: STANDARD.encode(fs::read(authority.certificate()).unwrap()),
        }
    }
}

fn server(authority: &Authority) -> Arc<ServerConfig> {
    let (certificate, key) = authority.leaf("127.0.0.1");
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.unwrap())
}

/// A client that breaks off is none of ours.
async fn converse(acceptor: TlsAcceptor, stream: TcpStream) {
    if let Ok(stream) = acceptor.accept(stream).await {
        let http = http1::Builder::new();
        let talk = http.serve_connection(TokioIo::new(stream), service_fn(allow));
        let _ = talk.await;
    }
}

async fn allow(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": review["request"]["uid"], "allowed": true},
    });
    Ok(Response::new(Full::new(answer.to_string().into())))
}
