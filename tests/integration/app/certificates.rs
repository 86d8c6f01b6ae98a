//! TLS of a live listener: what it offers, how it follows its files, who is who.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::kit::lab::{Answer, Lab, NAME, eventually};

pub type Issuer = CertifiedIssuer<'static, KeyPair>;

pub fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key, PEM.
fn leaf(issuer: &Issuer, name: &str) -> (String, String) {
    leaf_until(issuer, name, 2090)
}

fn leaf_until(issuer: &Issuer, name: &str, year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn write(folder: &Path, (certificate, key): &(String, String)) {
    std::fs::write(folder.join("tls.crt"), certificate).unwrap();
    std::fs::write(folder.join("tls.key"), key).unwrap();
}

fn listener(more: &str, auth: &str) -> String {
    format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n{auth}\
         tls = {{ certificate = \"tls.crt\", key = \"tls.key\"{more} }}\n"
    )
}

pub type Stream = TlsStream<TcpStream>;

async fn connect(
    lab: &Lab,
    roots: &Issuer,
    own: Option<&(String, String)>,
) -> std::io::Result<Stream> {
    connect_to(lab.app().registries()[0], &roots.pem(), own).await
}

/// As a client that trusts `roots`, PEM, and shows its own certificate.
pub async fn connect_to(
    address: SocketAddr,
    roots: &str,
    own: Option<&(String, String)>,
) -> std::io::Result<Stream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut trusted = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        trusted.add(root.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// One request; the connection stays.
pub async fn ask(stream: &mut Stream, path: &str) -> std::io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: gateway\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut received = Vec::new();
    loop {
        if let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
            let answer = Answer::read(&received);
            let length: usize = answer.header("content-length").unwrap().parse().unwrap();
            if received.len() >= end + 4 + length {
                return Ok(answer);
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => received.extend_from_slice(&buffer[..count]),
        }
    }
}

fn shown(stream: &Stream) -> Vec<u8> {
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].to_vec()
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

#[tokio::test]
async fn a_live_listener_follows_its_files_and_keeps_the_last_good_pair() {
    let issuer = authority();
    let (first, second) = (leaf(&issuer, "first"), leaf(&issuer, "second"));
    let folder = TempDir::new().unwrap();
    write(folder.path(), &first);
    let rest = "[environments.production]\n";
    let lab = Lab::inside(folder, &listener("", ""), rest).await;
    let mut old = connect(&lab, &issuer, None).await.unwrap();
    assert_eq!(old.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(shown(&old), der(&first.0));
    assert_eq!(ask(&mut old, "/v2/").await.unwrap().status, 200);
    let status = lab.nobody("GET", "/api/v1/status").send().await.expect(200);
    assert!(
        status["listeners"][0]["certificate_expires_in_s"]
            .as_i64()
            .unwrap()
            > 0
    );

    let metrics = lab.nobody("GET", "/metrics").send().await.text();
    assert!(
        metrics.contains("sekisho_certificate_expiry_seconds{listener="),
        "{metrics}"
    );

    write(lab.folder.path(), &second);
    let is_new = || async {
        let new = connect(&lab, &issuer, None).await.unwrap();
        shown(&new) == der(&second.0)
    };
    eventually("new connections see the new certificate", is_new).await;
    assert_eq!(
        ask(&mut old, "/v2/").await.unwrap().status,
        200,
        "old ones go on"
    );

    std::fs::write(lab.folder.path().join("tls.key"), &first.1).unwrap();
    lab.looked("certificates").await;
    let mut new = connect(&lab, &issuer, None).await.unwrap();
    assert_eq!(
        shown(&new),
        der(&second.0),
        "a pair that does not fit changes nothing"
    );
    assert_eq!(ask(&mut new, "/v2/").await.unwrap().status, 200);
    lab.stop().await;
}

#[tokio::test]
async fn a_client_is_who_its_certificate_says_and_nobody_without() {
    let (issuer, clients, strangers) = (authority(), authority(), authority());
    let folder = TempDir::new().unwrap();
    write(folder.path(), &leaf(&issuer, "gateway"));
    std::fs::write(folder.path().join("nodes.crt"), clients.pem()).unwrap();
    let listener = listener(", client_ca = \"nodes.crt\"", "auth = \"mtls\"\n");
    let lab = Lab::inside(folder, &listener, "[environments.production]\n").await;
    let (image, _) = lab.put(NAME, "1");
    let path = format!(
        "/v2/registry.example/{NAME}/manifests/{}",
        image.manifest.digest
    );

    let node = leaf(&clients, "node-7");
    let mut stream = connect(&lab, &issuer, Some(&node)).await.unwrap();
    assert_eq!(ask(&mut stream, &path).await.unwrap().status, 403);
    let wrong = leaf(&strangers, "node-7");
    for own in [None, Some(&wrong)] {
        // TLS 1.3 tells a client only when it reads.
        let answered = match connect(&lab, &issuer, own).await {
            Ok(mut stream) => ask(&mut stream, &path).await.is_ok(),
            Err(_) => false,
        };
        assert!(!answered, "{own:?}");
    }
    let listed = async || {
        let list = lab.api("GET", "/api/v1/decisions").send().await.expect(200);
        list["decisions"].as_array().unwrap().clone()
    };
    eventually("the denial is written", || async {
        listed().await.len() == 1
    })
    .await;
    assert_eq!(listed().await[0]["principal"], "node-7");
    lab.stop().await;
}

/// As Kubernetes replaces a mounted Secret: the files are links through `..data`,
/// which is renamed over.
#[tokio::test]
async fn a_mounted_secret_is_followed_when_its_link_is_swapped() {
    let issuer = authority();
    let (first, second) = (leaf(&issuer, "first"), leaf(&issuer, "second"));
    let folder = TempDir::new().unwrap();
    let mount = folder.path().to_owned();
    let put = |version: &str, pair: &(String, String)| {
        std::fs::create_dir(mount.join(version)).unwrap();
        write(&mount.join(version), pair);
        symlink(version, mount.join("..data_tmp")).unwrap();
        std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    put("..1", &first);
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), mount.join(name)).unwrap();
    }
    let lab = Lab::inside(folder, &listener("", ""), "[environments.production]\n").await;
    let shows = async || shown(&connect(&lab, &issuer, None).await.unwrap());
    assert_eq!(shows().await, der(&first.0));
    put("..2", &second);
    std::fs::remove_dir_all(mount.join("..1")).unwrap();
    eventually("the new files are shown", async || {
        shows().await == der(&second.0)
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn an_expired_certificate_is_not_ready_and_still_alive() {
    let issuer = authority();
    let folder = TempDir::new().unwrap();
    write(folder.path(), &leaf_until(&issuer, "old", 2020));
    let lab = Lab::inside(folder, &listener("", ""), "[environments.production]\n").await;
    let ready = async || lab.nobody("GET", "/readyz").send().await;
    let answer = ready().await;
    assert_eq!(answer.status, 503);
    let body = answer.text();
    assert!(
        body.contains("certificates") && body.contains("has expired"),
        "{body}"
    );
    assert_eq!(lab.nobody("GET", "/livez").send().await.status, 200);
    std::fs::write(lab.folder.path().join("tls.key"), "half").unwrap();
    write(lab.folder.path(), &leaf(&issuer, "new"));
    eventually("it is ready", async || ready().await.status == 200).await;
    std::fs::write(lab.folder.path().join("tls.key"), "half").unwrap();
    let is_told = async || ready().await.text().contains("no usable PEM private key");
    eventually("the broken file is told", is_told).await;
    assert_eq!(ready().await.status, 200, "the last good one holds");
    lab.stop().await;
}
