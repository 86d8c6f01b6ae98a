//! A listener as clients meet it, over loopback.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, iter, once};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

use super::*;
use crate::tasks::Tasks;
use crate::tls::listener::{ReloadingCertificates, TlsFiles};

const SOON: Duration = Duration::from_secs(5);
const LOOPBACK: &str = "127.0.0.1:0";

/// Answers with the client's name, with a phrase and a body where asked.
async fn answer(peer: Peer, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = match request.uri().path() {
        "/peer" => Response::new(Body::from(peer_name(&peer))),
        "/panic" => panic!("on purpose"),
        "/short" => Response::new(Body::stream(
            9,
            iter([Ok("short".into())]).chain(late_end()),
        )),
        _ => Response::new(Body::stream(5, iter([Ok("ab".into()), Ok("cde".into())]))),
    };
    if request.uri().path() == "/denied" {
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        let phrase = reason_phrase("sekisho: revoked: ask ops", "revoked").unwrap();
        response.extensions_mut().insert(phrase);
    }
    Ok(response)
}

/// Ends after what came before has been sent.
fn late_end() -> impl Stream<Item = io::Result<Bytes>> {
    once(tokio::task::yield_now()).filter_map(async |()| None)
}

fn peer_name(peer: &Peer) -> String {
    let certificate = peer.certificate.as_deref().unwrap_or("nobody");
    format!("{} {certificate}", peer.address.ip())
}

async fn serve(tasks: &Tasks, limits: Limits, tls: Option<&TlsFiles>) -> SocketAddr {
    let bound = Bound::bind("test", LOOPBACK.parse().unwrap())
        .await
        .unwrap();
    let address = bound.local_addr();
    let tls = tls.map(|files| Arc::new(ReloadingCertificates::new(files).unwrap()));
    bound.serve(tasks, limits, tls, |peer| {
        service_fn(move |request| answer(peer.clone(), request))
    });
    address
}

/// Sends `request` verbatim and reads until the server closes.
async fn talk(io: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> io::Result<String> {
    io.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    talk(&mut stream, &request).await.unwrap()
}

#[tokio::test]
async fn serves_the_same_head_for_head_and_get() {
    let tasks = Tasks::new();
    let address = serve(&tasks, Limits::default(), None).await;
    for (method, ending) in [("GET", "\r\n\r\nabcde"), ("HEAD", "\r\n\r\n")] {
        let answer = ask(address, method, "/denied").await;
        assert!(answer.starts_with("HTTP/1.1 403 sekisho: revoked: ask ops\r\n"));
        assert!(answer.contains("content-length: 5\r\n"), "{answer}");
        assert!(answer.contains("date: "), "{answer}");
        assert!(answer.ends_with(ending), "{answer}");
    }
    assert!(
        ask(address, "GET", "/peer")
            .await
            .ends_with("127.0.0.1 nobody")
    );
}

#[tokio::test]
async fn breaks_the_connection_of_a_short_body() {
    let tasks = Tasks::new();
    let address = serve(&tasks, Limits::default(), None).await;
    let answer = ask(address, "GET", "/short").await;
    assert!(answer.contains("content-length: 9\r\n"));
    assert!(answer.ends_with("short"));
}

#[tokio::test]
async fn survives_a_panic_in_a_request() {
    let tasks = Tasks::new();
    let address = serve(&tasks, Limits::default(), None).await;
    assert_eq!(ask(address, "GET", "/panic").await, "");
    assert!(ask(address, "GET", "/").await.ends_with("abcde"));
}

#[tokio::test]
async fn closes_a_connection_whose_head_never_comes() {
    let tasks = Tasks::new();
    let limits = Limits {
        idle: Duration::from_millis(10),
        ..Limits::default()
    };
    let address = serve(&tasks, limits, None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let answer = talk(&mut stream, "GET / HTTP/1.1\r\nHost:").await.unwrap();
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn makes_connections_above_the_limit_wait() {
    let tasks = Tasks::new();
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let address = serve(&tasks, limits, None).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut greeting = [0; 12];
    first
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    first.read_exact(&mut greeting).await.unwrap();
    let mut second = tokio::spawn(ask(address, "GET", "/"));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "the second was served beside the first");
    drop(first);
    assert!(second.await.unwrap().ends_with("abcde"));
}

#[tokio::test]
async fn finishes_answers_under_way_and_refuses_new_clients() {
    let tasks = Tasks::new();
    let bound = Bound::bind("test", LOOPBACK.parse().unwrap())
        .await
        .unwrap();
    let address = bound.local_addr();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let notes = (begun.clone(), go_on.clone());
    bound.serve(&tasks, Limits::default(), None, move |_| {
        let (begun, go_on) = notes.clone();
        service_fn(move |_: Request<Incoming>| {
            let (begun, go_on) = (begun.clone(), go_on.clone());
            async move {
                begun.notify_one();
                go_on.notified().await;
                Ok::<_, Infallible>(Response::new(Body::from("done")))
            }
        })
    });
    let client = tokio::spawn(ask(address, "GET", "/"));
    begun.notified().await;
    let drain = tokio::spawn({
        let tasks = tasks.clone();
        async move { tasks.drain(SOON).await }
    });
    tasks.cancelled().await;
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    assert!(client.await.unwrap().ends_with("done"));
    drain.await.unwrap();
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Certificate and key, in PEM, for the host or client `name`.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn files(&self, client_ca: bool) -> TlsFiles {
        let (certificate, key) = self.issue("server");
        TlsFiles {
            certificate: certificate.into_bytes(),
            key: key.into_bytes().into(),
            client_ca: client_ca.then(|| self.pem.clone().into_bytes()),
        }
    }

    /// A client that trusts this authority, with a certificate if `name`d.
    fn client(&self, name: Option<&str>) -> TlsConnector {
        use rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match name.map(|name| self.issue(name)) {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

async fn ask_tls(address: SocketAddr, client: TlsConnector) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = client.connect(name, stream).await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let request = "GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    talk(&mut stream, request).await
}

#[tokio::test]
async fn knows_clients_by_their_certificates() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    let address = serve(&tasks, Limits::default(), Some(&authority.files(true))).await;
    let answer = ask_tls(address, authority.client(Some("node-7"))).await;
    assert!(answer.unwrap().ends_with("127.0.0.1 node-7"));
}

#[tokio::test]
async fn refuses_clients_without_the_required_certificate() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    let address = serve(&tasks, Limits::default(), Some(&authority.files(true))).await;
    assert!(ask_tls(address, authority.client(None)).await.is_err());
}

#[tokio::test]
async fn offers_http_1_1_alone() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    let address = serve(&tasks, Limits::default(), Some(&authority.files(false))).await;
    let answer = ask_tls(address, authority.client(None)).await;
    assert!(answer.unwrap().ends_with("127.0.0.1 nobody"));
}
