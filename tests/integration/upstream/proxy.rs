//! An upstream behind an egress proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::Method;
use sekisho::demo::{Fault, RequestKind};
use sekisho::metrics::UpstreamCause;
use sekisho::upstream::{EgressProxy, HostRefusal, UpstreamError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::setting::{Setting, given, hosts, name, tag};
use super::tls::over_tls;

/// A proxy that leads every name to one place, and notes what it was asked for.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `wanted`: what it must be shown.
    async fn start(setting: &Setting, to: SocketAddr, wanted: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
        };
        let heads = proxy.heads.clone();
        setting.tasks.spawn_isolated("proxy", async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(lead(client, to, wanted, heads.clone()));
            }
        });
        proxy
    }

    fn to(&self) -> EgressProxy {
        EgressProxy {
            url: format!("http://{}", self.address).parse().unwrap(),
            credentials: None,
            except: String::new(),
        }
    }

    /// The request lines.
    fn asked(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads
            .iter()
            .map(|head| head.lines().next().unwrap().to_owned())
            .collect()
    }
}

async fn lead(
    mut client: TcpStream,
    to: SocketAddr,
    wanted: Option<&str>,
    heads: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let text = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(text.clone());
    let lines = text.to_ascii_lowercase();
    if wanted.is_some_and(|it| {
        !lines.contains(&format!("proxy-authorization: {it}").to_ascii_lowercase())
    }) {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        let _ = client.write_all(refusal.as_bytes()).await;
        return;
    }
    let mut server = TcpStream::connect(to).await.unwrap();
    let greeting = match text.starts_with("CONNECT ") {
        true => client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await,
        false => server.write_all(at_origin(&text).as_bytes()).await,
    };
    if greeting.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// The request as a server wants it: without scheme and host in its first line, and the
/// only one of its connection, since those that follow would not be rewritten.
fn at_origin(head: &str) -> String {
    let (method, rest) = head.split_once(" http://").unwrap();
    let (_, path) = rest.split_once('/').unwrap();
    let head = format!("{method} /{path}");
    head.replacen("\r\n", "\r\nConnection: close\r\n", 1)
}

#[tokio::test]
async fn a_name_that_only_the_proxy_knows_is_reached_through_it() {
    let mut setting = Setting::open().await;
    let proxy = Proxy::start(&setting, setting.registry.address(), None).await;
    setting.config.url = "http://registry.nowhere.test".parse().unwrap();
    setting.config.proxy = Some(proxy.to());
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    assert_eq!(fetched.unwrap().digest, setting.image.manifest.digest);
    let asked = proxy.asked();
    let line = "GET http://registry.nowhere.test/v2/library/app/manifests/1.0 HTTP/1.1";
    assert_eq!(asked, [line]);
}

#[tokio::test]
async fn tls_goes_through_the_proxy_to_the_registry_itself() {
    let mut setting = Setting::open().await;
    over_tls(&mut setting).await;
    let port = setting.config.url.port().unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let proxy = Proxy::start(&setting, to, None).await;
    setting.config.proxy = Some(proxy.to());
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    assert_eq!(fetched.unwrap().digest, setting.image.manifest.digest);
    assert_eq!(
        proxy.asked(),
        [format!("CONNECT localhost:{port} HTTP/1.1")]
    );
    // Whoever stands between is no registry.
    setting.config.ca = None;
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    assert_eq!(fetched.unwrap_err().cause(), Some(UpstreamCause::Tls));
}

#[tokio::test]
async fn the_proxy_gets_its_credentials_and_nobody_sees_them() {
    for tls in [false, true] {
        let mut setting = Setting::open().await;
        let mut to = setting.registry.address();
        if tls {
            over_tls(&mut setting).await;
            to.set_port(setting.config.url.port().unwrap());
        }
        // robot:hunter2
        let basic = "Basic cm9ib3Q6aHVudGVyMg==";
        let proxy = Proxy::start(&setting, to, Some(basic)).await;
        let mut way = proxy.to();
        way.credentials = Some(given("hunter2"));
        setting.config.proxy = Some(way.clone());
        let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
        assert!(fetched.is_ok(), "{fetched:?}");
        let seen = setting.registry.seen();
        assert!(seen.iter().all(|it| it.authorization.is_none()), "{seen:?}");
        for credentials in [None, Some(given("wrong"))] {
            way.credentials = credentials;
            setting.config.proxy = Some(way.clone());
            let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
            let error = fetched.unwrap_err();
            assert_eq!(error.cause(), Some(UpstreamCause::Proxy), "{error}");
            assert!(!error.heals());
            assert!(!format!("{error} {error:?} {way:?}").contains("wrong"));
        }
    }
}

#[tokio::test]
async fn excepted_hosts_are_reached_directly() {
    let mut setting = Setting::open().await;
    let proxy = Proxy::start(&setting, setting.registry.address(), None).await;
    let mut way = proxy.to();
    way.except = "other.test,127.0.0.0/8".to_owned();
    setting.config.proxy = Some(way);
    assert!(
        setting
            .upstream()
            .get_manifest(&name(), &tag("1.0"))
            .await
            .is_ok()
    );
    assert_eq!(proxy.asked(), [""; 0]);
}

#[tokio::test]
async fn a_proxy_leads_no_redirect_to_a_private_address() {
    let mut setting = Setting::open().await;
    let proxy = Proxy::start(&setting, setting.registry.address(), None).await;
    setting.config.redirect_hosts = hosts(&["*.localhost:80", "*.nowhere.test:80"]);
    setting.config.proxy = Some(proxy.to());
    let upstream = setting.upstream();
    let away = Fault::Redirect("http://cdn.localhost".to_owned());
    setting.registry.inject("/blobs/", 1, away);
    let body = upstream
        .get_blob(&name(), &setting.layer(), setting.size(), 0)
        .await;
    let Err(UpstreamError::RefusedHost { host, why }) = body.map(drop) else {
        panic!("it was followed");
    };
    assert_eq!(
        (&*host, why),
        ("cdn.localhost", HostRefusal::PrivateAddress)
    );
    let asked = setting.registry.count(&Method::GET, RequestKind::Blob);
    assert_eq!(asked, 1);
    // What cannot be resolved here is the proxy's to judge.
    let away = Fault::Redirect("http://cdn.nowhere.test".to_owned());
    setting.registry.inject("/blobs/", 1, away);
    assert!(
        upstream
            .get_blob(&name(), &setting.layer(), setting.size(), 0)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let mut setting = Setting::open().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    setting.config.proxy = Some(EgressProxy {
        url: format!("http://{gone}").parse().unwrap(),
        credentials: None,
        except: String::new(),
    });
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    let error = fetched.unwrap_err();
    assert_eq!(error.cause(), Some(UpstreamCause::Unreachable));
    assert!(error.to_string().contains("its proxy"), "{error}");
}
