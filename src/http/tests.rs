//! A listener as clients meet it, over loopback.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, iter, once, repeat};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

use super::*;
use crate::tasks::Tasks;
use crate::tls::listener::{ReloadingCertificates, TlsFiles};

mod pace;

const SOON: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(60);
const LOOPBACK: &str = "127.0.0.1:0";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const PIECE: Bytes = Bytes::from_static(&[0; 64 << 10]);
const LENGTH: u64 = 256 * (64 << 10);

/// Answers with the client's name, with a phrase and a body where asked.
async fn answer(peer: Peer, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = match request.uri().path() {
        "/peer" => Response::new(Body::from(peer_name(&peer))),
        "/panic" => panic!("on purpose"),
        "/endless" => Response::new(Body::stream(u64::MAX, repeat(()).map(|()| Ok(PIECE)))),
        "/long" => Response::new(Body::stream(
            LENGTH,
            repeat(()).map(|()| Ok(PIECE)).take(256),
        )),
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

fn defaults() -> ConnectionLimits {
    ConnectionLimits::default()
}

async fn serve(tasks: &Tasks, limits: ConnectionLimits, tls: Option<&TlsFiles>) -> SocketAddr {
    let bound = BoundListener::bind("test", LOOPBACK.parse().unwrap())
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
    let address = serve(&tasks, defaults(), None).await;
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
    let address = serve(&tasks, defaults(), None).await;
    let answer = ask(address, "GET", "/short").await;
    assert!(answer.contains("content-length: 9\r\n"));
    assert!(answer.ends_with("short"));
}

#[tokio::test]
async fn survives_a_panic_in_a_request() {
    let tasks = Tasks::new();
    let address = serve(&tasks, defaults(), None).await;
    assert_eq!(ask(address, "GET", "/panic").await, "");
    assert!(ask(address, "GET", "/").await.ends_with("abcde"));
}

#[tokio::test]
async fn closes_a_connection_whose_head_never_comes() {
    let tasks = Tasks::new();
    for (first_request, idle, before) in [(SHORT, LONG, ""), (LONG, SHORT, REQUEST)] {
        let limits = ConnectionLimits {
            first_request,
            idle,
            ..defaults()
        };
        let address = serve(&tasks, limits, None).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let unfinished = format!("{before}GET / HTTP/1.1\r\nHost:");
        let answer = talk(&mut stream, &unfinished).await.unwrap();
        let answers = answer.matches(" 200 ").count();
        assert_eq!(answers, before.matches("GET").count(), "{answer}");
    }
}

#[tokio::test]
async fn makes_connections_above_the_limit_wait() {
    let tasks = Tasks::new();
    let limits = ConnectionLimits {
        connections: 1,
        ..defaults()
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

/// Connects from another address of this machine.
async fn connect_from(source: &str, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("{source}:0").parse().unwrap())?;
    socket.connect(address).await
}

async fn ask_from(source: &str, address: SocketAddr) -> io::Result<String> {
    let mut stream = connect_from(source, address).await?;
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    talk(&mut stream, request).await
}

/// Whether the server has closed the connection, maybe before it was known to be open.
async fn is_closed(stream: &mut io::Result<TcpStream>) -> bool {
    let Ok(stream) = stream else {
        return true;
    };
    let read = tokio::time::timeout(SOON, stream.read(&mut [0])).await;
    matches!(read.expect("an end"), Ok(0) | Err(_))
}

fn narrow(per_address: usize, half_open: usize) -> ConnectionLimits {
    ConnectionLimits {
        connections: 8,
        connections_per_address: per_address,
        half_open_per_address: half_open,
        handshake: LONG,
        first_request: LONG,
        ..defaults()
    }
}

#[tokio::test]
async fn half_open_connections_of_one_client_stop_no_other() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    for tls in [None, Some(authority.files(false))] {
        let address = serve(&tasks, narrow(4, 2), tls.as_ref()).await;
        let mut opened = Vec::new();
        for _ in 0..20 {
            opened.push(connect_from("127.0.0.1", address).await);
        }
        for stream in &mut opened[2..] {
            assert!(is_closed(stream).await);
        }
        let mut other = connect_from("127.0.0.2", address).await.unwrap();
        match tls {
            None => {
                let answer = ask_from("127.0.0.3", address).await.unwrap();
                assert!(answer.ends_with("abcde"));
            }
            Some(_) => {
                let name = ServerName::try_from("localhost").unwrap();
                let client = authority.client(None);
                client.connect(name, &mut other).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn closes_connections_above_the_share_of_an_address_and_recovers() {
    let tasks = Tasks::new();
    let address = serve(&tasks, narrow(2, 2), None).await;
    let mut first = Vec::new();
    for _ in 0..2 {
        let mut stream = connect_from("127.0.0.1", address).await.unwrap();
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        first.push(stream);
    }
    let mut third = connect_from("127.0.0.1", address).await;
    assert!(is_closed(&mut third).await);
    assert!(
        ask_from("127.0.0.2", address)
            .await
            .unwrap()
            .ends_with("abcde")
    );
    drop(first);
    let served = async {
        loop {
            match ask_from("127.0.0.1", address).await {
                Ok(answer) if answer.ends_with("abcde") => return,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(SOON, served).await.expect("a place");
}

#[tokio::test]
async fn answers_400_to_two_hosts_and_to_none() {
    let tasks = Tasks::new();
    let address = serve(&tasks, defaults(), None).await;
    for (version, hosts, status) in [
        ("1.1", "Host: a\r\n", "200"),
        ("1.1", "", "400"),
        ("1.1", "Host: a\r\nHost: a\r\n", "400"),
        ("1.1", "Host: a\r\nHost: b\r\n", "400"),
        ("1.1", "Host: a b\r\n", "400"),
        ("1.1", "Host: user@a\r\n", "400"),
        ("1.0", "Host: a\r\nHost: b\r\n", "400"),
        ("1.0", "", "200"),
    ] {
        for target in ["/", "http://a/"] {
            let request =
                format!("GET {target} HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
            let mut stream = TcpStream::connect(address).await.unwrap();
            let answer = talk(&mut stream, &request).await.unwrap();
            assert_eq!(
                answer.split(' ').nth(1),
                Some(status),
                "{request:?}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn finishes_answers_under_way_and_refuses_new_clients() {
    let tasks = Tasks::new();
    let bound = BoundListener::bind("test", LOOPBACK.parse().unwrap())
        .await
        .unwrap();
    let address = bound.local_addr();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let notes = (begun.clone(), go_on.clone());
    bound.serve(&tasks, defaults(), None, move |_| {
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
    let address = serve(&tasks, defaults(), Some(&authority.files(true))).await;
    let answer = ask_tls(address, authority.client(Some("node-7"))).await;
    assert!(answer.unwrap().ends_with("127.0.0.1 node-7"));
}

#[tokio::test]
async fn refuses_clients_without_the_required_certificate() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    let address = serve(&tasks, defaults(), Some(&authority.files(true))).await;
    assert!(ask_tls(address, authority.client(None)).await.is_err());
}

#[tokio::test]
async fn offers_http_1_1_alone() {
    let (tasks, authority) = (Tasks::new(), Authority::new());
    let address = serve(&tasks, defaults(), Some(&authority.files(false))).await;
    let answer = ask_tls(address, authority.client(None)).await;
    assert!(answer.unwrap().ends_with("127.0.0.1 nobody"));
}

#[tokio::test]
async fn the_last_answers_tell_clients_to_go_elsewhere() {
    let tasks = Tasks::new();
    let address = serve(&tasks, defaults(), None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut first = vec![0; 4096];
    let mut read = 0;
    while !first[..read].ends_with(b"abcde") {
        read += stream.read(&mut first[read..]).await.unwrap();
    }
    let first = String::from_utf8_lossy(&first[..read]).into_owned();
    assert!(!first.contains("connection: close"), "{first}");
    tasks.leave();
    let last = talk(&mut stream, REQUEST).await.unwrap();
    assert!(last.contains("connection: close\r\n"), "{last}");
    assert!(last.ends_with("abcde"), "{last}");
    let mut new = TcpStream::connect(address).await.unwrap();
    let told = talk(&mut new, REQUEST).await.unwrap();
    assert!(told.contains("connection: close\r\n"), "{told}");
    tasks.drain(SOON).await;
}

#[tokio::test]
async fn answers_who_connected_before_the_listener_closed() {
    let tasks = Tasks::new();
    let bound = BoundListener::bind("test", LOOPBACK.parse().unwrap());
    let bound = bound.await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(bound.local_addr()).await.unwrap();
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    bound.serve(&tasks, defaults(), None, |peer| {
        service_fn(move |request| answer(peer.clone(), request))
    });
    tasks.drain(LONG).await;
    for mut stream in waiting {
        let answer = talk(&mut stream, "").await.unwrap();
        assert!(answer.ends_with("abcde"), "{answer}");
    }
}
