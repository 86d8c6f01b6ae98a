//! One gateway that several clusters ask, over TLS by its own authority.

use serde_json::{Value, json};

use crate::admission::door::{pod, review};
use crate::kit::{Running, Setup, World, image};

const CLUSTERS: &str = "[environments.staging]
mode = \"audit\"
[webhook]
address = \"127.0.0.1:0\"
[[clusters]]
name = \"shop\"
environment = \"production\"
gateway = \"gateway.shop:5080\"
nodes = \"mirror\"
[[clusters]]
name = \"try\"
environment = \"staging\"
gateway = \"gateway.try:5080\"
exempt_namespaces = [\"kube-system\", \"shop-system\"]
nodes = \"mirror\"
pin_digests = false
";

/// An API server's client, which trusts the bundle that the program publishes.
pub struct ApiServer<'a> {
    world: &'a Running,
    client: reqwest::Client,
}

impl<'a> ApiServer<'a> {
    pub fn of(world: &'a Running) -> Self {
        Self::showing(world, None)
    }

    /// With a certificate and its key, in PEM.
    fn showing(world: &'a Running, identity: Option<&str>) -> Self {
        let keeper = world.parts().authority.as_ref().unwrap();
        let bundle = keeper.bundle().borrow().to_string();
        let trusted = reqwest::Certificate::from_pem_bundle(bundle.as_bytes()).unwrap();
        // Another test may have been first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut client = reqwest::Client::builder().tls_certs_only(trusted);
        if let Some(pem) = identity {
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        Self {
            world,
            client: client.build().unwrap(),
        }
    }

    pub async fn ask(&self, path: &str, review: &Value) -> (u16, Value) {
        let address = self.world.app().webhook().unwrap();
        let url = format!("https://{address}/clusters/{path}?timeout=10s");
        let answer = self.client.post(url).body(review.to_string()).send();
        let answer = answer.await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or_default())
    }
}

/// A CA, and a client's certificate by it with its key, in PEM.
fn client_identity() -> (String, String) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let name = rcgen::DnType::CommonName;
    params.distinguished_name.push(name, "kube-apiserver");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (
        ca.pem(),
        format!("{}{}", certificate.pem(), key.serialize_pem()),
    )
}

#[tokio::test]
async fn a_client_ca_tells_the_api_server_from_others() {
    let (ca, identity) = client_identity();
    let clusters = CLUSTERS.replace("[webhook]", "[webhook]\nclient_ca = \"api.crt\"");
    let setup = Setup::default().listener("environment = \"production\"");
    let world = World::of(setup.more(&clusters).file("api.crt", &ca)).await;
    let asked = review(json!({"object": pod(&["quay.io/x"])}));
    assert_eq!(
        ApiServer::of(&world).ask("shop/validate", &asked).await.0,
        403
    );
    let own = ApiServer::showing(&world, Some(&identity));
    let (status, answer) = own.ask("shop/validate", &asked).await;
    assert_eq!(
        (status, &answer["response"]["allowed"]),
        (200, &json!(false))
    );
    let denied = world.decisions("denied", 1).await;
    assert_eq!(denied[0].get("unauthenticated"), None);
    // Another CA's certificate is none.
    let (_, foreign) = client_identity();
    let client = ApiServer::showing(&world, Some(&foreign));
    let address = world.app().webhook().unwrap();
    let url = format!("https://{address}/clusters/shop/validate");
    assert!(
        client
            .client
            .post(url)
            .body(asked.to_string())
            .send()
            .await
            .is_err()
    );
    // It is replaced while the program runs.
    let (ca, identity) = client_identity();
    world.put_file("api.crt", &ca);
    crate::kit::lab::eventually("the new CA is asked for", || async {
        let client = ApiServer::showing(&world, Some(&identity));
        let url = format!("https://{address}/clusters/shop/validate");
        client
            .client
            .post(url)
            .body(asked.to_string())
            .send()
            .await
            .is_ok()
    })
    .await;
}

fn world() -> Setup {
    Setup::default()
        .listener("environment = \"production\"")
        .more(CLUSTERS)
}

#[tokio::test]
async fn each_cluster_is_answered_by_its_own_rules() {
    let world = World::of(world()).await;
    let server = ApiServer::of(&world);
    let app = image("unscanned");
    world.corp.put_image("team/app", &app);
    let name = format!("registry.corp:5000/team/app@{}", app.manifest.digest);
    let asked = review(json!({"object": pod(&[&name])}));
    let (status, answer) = server.ask("shop/validate", &asked).await;
    assert_eq!(
        (status, &answer["response"]["allowed"]),
        (200, &json!(false))
    );
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("not-scanned"), "{message}");
    let (_, answer) = server.ask("try/validate", &asked).await;
    assert_eq!(answer["response"]["allowed"], true);
    let would = world.decisions("would-deny", 1).await;
    assert_eq!(
        (&would[0]["cluster"], &would[0]["environment"]),
        (&json!("try"), &json!("staging"))
    );
    let outside = review(json!({"object": pod(&["quay.io/x"]), "namespace": "shop-system"}));
    assert_eq!(
        server.ask("try/validate", &outside).await.1["response"]["allowed"],
        true
    );
    assert_eq!(
        server.ask("shop/validate", &outside).await.1["response"]["allowed"],
        false
    );
    assert_eq!(server.ask("other/validate", &asked).await.0, 404);
}

/// Where it does not run, anybody may make a namespace by its name.
#[tokio::test]
async fn a_namespace_by_sekishos_name_is_exempt_only_where_it_is_said_to_run() {
    let clusters = CLUSTERS.replace("name = \"try\"", "name = \"try\"\nnamespace = \"sekisho\"");
    let setup = Setup::default().listener("environment = \"production\"");
    let world = World::of(setup.more(&clusters)).await;
    let server = ApiServer::of(&world);
    let own = review(json!({"object": pod(&["quay.io/x"]), "namespace": "sekisho"}));
    for (path, is_allowed) in [("shop/validate", false), ("try/validate", true)] {
        let (_, answer) = server.ask(path, &own).await;
        assert_eq!(answer["response"]["allowed"], is_allowed, "{path}");
    }
}

#[tokio::test]
async fn status_lists_the_clusters_that_ask() {
    let world = World::of(world()).await;
    let status = world.admin("GET", "/api/v1/status", None).await.json();
    let clusters = status["clusters"].as_array().unwrap();
    let told = |at: usize| {
        (
            &clusters[at]["name"],
            &clusters[at]["environment"],
            &clusters[at]["ways"],
        )
    };
    assert_eq!(
        told(0),
        (&json!("shop"), &json!("production"), &json!("not-asked"))
    );
    assert_eq!(
        told(1),
        (&json!("try"), &json!("staging"), &json!("not-asked"))
    );
}

/// A Pod that no listener of its environment serves would be let in, and denied at
/// its pull.
#[tokio::test]
async fn a_cluster_keeps_to_what_the_listeners_of_its_environment_serve() {
    let setup = Setup::default()
        .production("require = []")
        .listener("environment = \"production\"\nrepositories = [\"registry.corp:5000/team/**\"]")
        .more(CLUSTERS);
    let world = World::of(setup).await;
    let server = ApiServer::of(&world);
    let app = image("app");
    for (name, allowed) in [("team/app", true), ("other/app", false)] {
        world.corp.put_image(name, &app);
        let named = format!("registry.corp:5000/{name}@{}", app.manifest.digest);
        let asked = review(json!({"object": pod(&[&named])}));
        let (_, answer) = server.ask("shop/validate", &asked).await;
        assert_eq!(answer["response"]["allowed"], allowed, "{answer}");
    }
}
