//! Upstreams that want to know who asks: the gateway has the credentials, the
//! nodes need none.

use std::fs;

use tempfile::TempDir;

use crate::lab::{Auth, Gateway, Image, Origin, Podman, Setup, TokenServer, or_skip};

#[test]
fn pulls_from_an_upstream_with_passwords() {
    let open = or_skip!(Origin::start());
    let origin = or_skip!(Origin::start_with(Auth::Basic));
    let secret = Secret::write("tegata");
    let gateway = Gateway::start(&setup(&origin, &secret, ""));
    pull(&gateway, &origin, &open.image("team/app", "1"));
}

#[test]
fn pulls_from_an_upstream_with_tokens_and_asks_for_few() {
    let open = or_skip!(Origin::start());
    let issuer = TokenServer::start();
    let origin = or_skip!(Origin::start_with(Auth::Token(&issuer)));
    let secret = Secret::write("tegata");
    let hosts = format!("token_hosts = [\"{}\"]\n", issuer.address());
    let gateway = Gateway::start(&setup(&origin, &secret, &hosts));
    pull(&gateway, &origin, &open.image("team/app", "1"));
    assert_eq!(
        issuer.asked(),
        ["repository:team/app:pull"],
        "one token per scope while it is valid"
    );
}

#[test]
fn sends_no_password_to_a_token_server_that_is_not_listed() {
    let open = or_skip!(Origin::start());
    let issuer = TokenServer::start();
    let origin = or_skip!(Origin::start_with(Auth::Token(&issuer)));
    let secret = Secret::write("tegata");
    let gateway = Gateway::start(&setup(&origin, &secret, ""));
    let image = open.image("team/app", "1");
    let answer = gateway.get(&format!(
        "/v2/guarded/{}/manifests/{}",
        image.repository, image.tag
    ));
    assert_ne!(answer.status, 200);
    assert!(issuer.asked().is_empty(), "{:?}", issuer.asked());
}

/// A wrong password is the upstream's trouble: never a 401, which would draw out the node's
/// own credentials, never a 404, which says that nothing is there, and never a 503, which
/// clients ask again.
#[test]
fn a_wrong_password_is_no_denial_and_no_absence() {
    let open = or_skip!(Origin::start());
    let origin = or_skip!(Origin::start_with(Auth::Basic));
    let gateway = Gateway::start(&setup(&origin, &Secret::write("wrong"), ""));
    let image = open.image("team/app", "1");
    let answer = gateway.get(&format!(
        "/v2/guarded/{}/manifests/{}",
        image.repository, image.tag
    ));
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("not a policy denial"));
}

struct Secret(TempDir);

impl Secret {
    fn write(password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), password).unwrap();
        Self(folder)
    }
}

fn setup(origin: &Origin, secret: &Secret, keys: &str) -> Setup {
    let password = secret.0.path().join("password");
    let credentials = format!(
        "credentials = {{ username = \"robot\", password_file = \"{}\" }}\n{keys}",
        password.display()
    );
    Setup::new().upstream_with(
        "guarded",
        origin.address(),
        &format!("http://{}", origin.address()),
        &credentials,
    )
}

fn pull(gateway: &Gateway, origin: &Origin, image: &Image) {
    gateway.admit(origin.address(), image);
    let podman = or_skip!(Podman::find());
    let name = format!("{}/guarded/{}", gateway.address(), image.by_tag());
    podman.skopeo_copy(&name).expect_ok();
}
