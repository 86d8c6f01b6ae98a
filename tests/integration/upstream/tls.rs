//! Upstreams over TLS: whom we believe, and that https stays https.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use sekisho::demo::{Bearer, DemoAuth, DemoRegistry, Fault, Login};
use sekisho::upstream::{ConfigError, HostRefusal, Network, Upstream, UpstreamError};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::setting::{Setting, credentials, hosts, name, tag};

/// A server's configuration for `localhost`, and the CA that vouches for it.
fn certified() -> (ServerConfig, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = names.signed_by(&key, &ca).unwrap();
    (server(&leaf, &key), ca.pem())
}

/// As `openssl req -x509` makes it: shown by the registry, and trusted as it is.
fn self_signed(params: &CertificateParams) -> (ServerConfig, String) {
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap();
    (server(&own, &key), own.pem())
}

/// An authority's certificate, with these names and this common name.
fn authority(names: &[&str], common: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

fn server(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

/// Serves `setting`'s registry over TLS too, and points its upstream there.
pub async fn over_tls(setting: &mut Setting) {
    showing(setting, certified()).await;
}

/// The same with a server's configuration and the `ca` of the upstream.
async fn showing(setting: &mut Setting, (server, ca): (ServerConfig, String)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let running = accept(listener, server, setting.registry.clone());
    setting.tasks.spawn_isolated("tls", running);
    setting.config.url = format!("https://localhost:{port}").parse().unwrap();
    setting.config.ca = Some(ca.into_bytes());
}

async fn accept(listener: TcpListener, server: ServerConfig, registry: DemoRegistry) {
    let acceptor = TlsAcceptor::from(Arc::new(server));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, registry) = (acceptor.clone(), registry.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                registry.serve(stream).await;
            }
        });
    }
}

#[tokio::test]
async fn trusts_the_private_ca_it_was_given() {
    let mut setting = Setting::open().await;
    over_tls(&mut setting).await;
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    assert_eq!(fetched.unwrap().digest, setting.image.manifest.digest);
}

#[tokio::test]
async fn a_registry_without_tls_is_told_from_one_that_is_not_trusted() {
    let mut setting = Setting::open().await;
    let plain = setting.config.url.clone();
    setting.config.url = plain
        .as_str()
        .replace("http://", "https://")
        .parse()
        .unwrap();
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    let Err(error @ UpstreamError::Tls(_)) = fetched else {
        panic!("{fetched:?}");
    };
    assert!(
        error.summary().ends_with("answers in plain text"),
        "{error}"
    );
    assert!(error.next_step().contains("write http://"), "{error}");
}

#[tokio::test]
async fn trusts_no_other_certificate() {
    let mut setting = Setting::open().await;
    over_tls(&mut setting).await;
    for ca in [None, Some(certified().1.into_bytes())] {
        setting.config.ca = ca;
        let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
        let Err(UpstreamError::Tls(fault)) = fetched else {
            panic!("{fetched:?}");
        };
        assert!(fault.to_string().starts_with("TLS fails"), "{fault}");
    }
    assert_eq!(setting.registry.total(), 0);
}

#[tokio::test]
async fn trusts_the_very_certificate_that_it_was_given() {
    let mut leaf = authority(&["localhost"], "registry");
    leaf.is_ca = IsCa::NoCa;
    for params in [
        authority(&["localhost"], "registry"),
        authority(&[], "localhost"),
        authority(&[], "LocalHost"),
        leaf,
    ] {
        let mut setting = Setting::open().await;
        showing(&mut setting, self_signed(&params)).await;
        let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
        assert!(fetched.is_ok(), "{fetched:?}");
    }
}

#[tokio::test]
async fn the_very_certificate_must_hold_now_and_for_the_name() {
    let mut over = authority(&["localhost"], "registry");
    over.not_before = date_time_ymd(2020, 1, 1);
    over.not_after = date_time_ymd(2021, 1, 1);
    let mut early = authority(&["localhost"], "registry");
    early.not_before = date_time_ymd(4000, 1, 1);
    for (params, said) in [
        (authority(&["other.test"], "localhost"), "another name"),
        (authority(&[], "other.test"), "another name"),
        (authority(&[], ""), "another name"),
        (over, "expired"),
        (early, "does not hold yet"),
    ] {
        let mut setting = Setting::open().await;
        showing(&mut setting, self_signed(&params)).await;
        let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
        let Err(UpstreamError::Tls(fault)) = fetched else {
            panic!("{fetched:?}");
        };
        assert!(fault.to_string().contains(said), "{said}: {fault}");
    }
}

/// Another certificate of the same name and issuer, with another key.
#[tokio::test]
async fn the_likeness_of_the_certificate_is_not_trusted() {
    let params = authority(&["localhost"], "registry");
    let mut setting = Setting::open().await;
    showing(&mut setting, self_signed(&params)).await;
    setting.config.ca = Some(self_signed(&params).1.into_bytes());
    let fetched = setting.upstream().get_manifest(&name(), &tag("1.0")).await;
    assert!(fetched.is_err(), "{fetched:?}");
    assert_eq!(setting.registry.total(), 0);
}

#[tokio::test]
async fn refuses_a_ca_that_holds_no_certificate() {
    let mut setting = Setting::open().await;
    let network = Network::from_system().unwrap();
    for pem in [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
    ] {
        setting.config.ca = Some(pem.as_bytes().to_vec());
        let made = Upstream::new(setting.config.clone(), &network, setting.metrics.clone());
        assert!(matches!(made, Err(ConfigError::Ca(_))), "{pem:?}");
    }
}

#[tokio::test]
async fn never_takes_credentials_from_https_to_http() {
    let realm = Setting::open().await.registry;
    let mut setting = Setting::with(DemoAuth::Bearer(Bearer {
        login: Some(Login::new("robot", "secret")),
        realm: Some(format!("{}/token", realm.origin())),
        expires_in: None,
    }))
    .await;
    over_tls(&mut setting).await;
    setting.config.credentials = credentials();
    setting.config.token_hosts = hosts(&[&realm.address().to_string()]);
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_downgrade(head);
    assert_eq!(realm.total(), 0);
}

#[tokio::test]
async fn never_follows_a_redirect_from_https_to_http() {
    let mut setting = Setting::open().await;
    over_tls(&mut setting).await;
    let elsewhere = setting.elsewhere().await;
    let to = elsewhere.address().to_string();
    setting.config.redirect_hosts = hosts(&[&to]);
    let redirect = Fault::Redirect(elsewhere.origin());
    setting.registry.inject("/blobs/", 1, redirect);
    let found = setting
        .upstream()
        .has_blob(&name(), &setting.layer(), setting.size())
        .await;
    assert_downgrade(found);
    assert_eq!(elsewhere.total(), 0);
}

fn assert_downgrade<T: std::fmt::Debug>(outcome: Result<T, UpstreamError>) {
    let Err(UpstreamError::RefusedHost { why, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(why, HostRefusal::Downgrade);
}
