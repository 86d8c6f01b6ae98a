//! Whom commands trust: authorities, and the very certificate that was named.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::program::{Program, Run};
use crate::kit::lab::Lab;

async fn status(lab: &Lab, host: &str, more: &[&str]) -> Run {
    let port = lab.app().admin().port();
    let server = format!("https://{host}:{port}");
    let words = [&["status", "--server", &server], more].concat();
    let program = Program::new(&words).env("SEKISHO_TOKEN", &lab.token);
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

/// As `openssl req -x509` makes it: an authority's, and shown by the server itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_a_server_shows_itself_is_trusted_where_ca_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    let (crt, pem) = (folder.path().join("a.crt"), folder.path().join("a.key"));
    fs::write(&crt, own.pem()).unwrap();
    fs::write(&pem, key.serialize_pem()).unwrap();
    let lab = Lab::of_admin(&format!(
        "address = \"127.0.0.1:0\"\npublic_url = \"https://localhost\"\n\
         tls = {{ certificate = {crt:?}, key = {pem:?} }}"
    ))
    .await;
    let crt = crt.to_str().unwrap();

    let stranger = status(&lab, "127.0.0.1", &[]).await;
    assert_eq!(stranger.code, 1, "{stranger:?}");
    for part in ["cannot trust https://127.0.0.1", "--ca or SEKISHO_CA"] {
        assert!(stranger.stderr.contains(part), "{part}: {stranger:?}");
    }
    let trusting = status(&lab, "127.0.0.1", &["--ca", crt]).await;
    assert_eq!(trusting.code, 0, "{trusting:?}");
    let other = status(&lab, "localhost", &["--ca", crt]).await;
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.stderr.contains("is for another name"), "{other:?}");
    lab.stop().await;
}
