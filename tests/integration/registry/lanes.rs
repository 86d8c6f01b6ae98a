//! The fast lane and the layered one give the same answers, and the fast one is
//! as short as it is meant to be.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::Either;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::ext::ReasonPhrase;
use hyper::service::Service as _;
use sekisho::gate::Listener;
use sekisho::http::{Body, Peer, StackLimits};
use sekisho::registry::{ClientAuth, Registry, RegistryService};
use sekisho::trust::{EnvironmentName, Exposure};

use crate::kit::{Found, Setup, World, image, manifests};

const NAME: &str = "docker.io/team/app";

/// A header of a request.
pub type Header = (&'static str, &'static str);

/// The registry door without a socket.
pub struct Door(RegistryService);

/// An answer, and the lane that it took.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub is_fast: bool,
    pub content: Content,
}

#[derive(Debug, PartialEq)]
pub struct Content {
    pub status: u16,
    phrase: Option<Vec<u8>>,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Door {
    /// A new one, which has answered nothing yet.
    pub fn open(world: &World) -> Self {
        Self::within(world, StackLimits::REGISTRY)
    }

    pub fn within(world: &World, limits: StackLimits) -> Self {
        Self::of(world, ClientAuth::None, limits)
    }

    /// One that asks for tokens.
    pub fn behind_tokens(world: &World) -> Self {
        Self::of(world, ClientAuth::Token, StackLimits::REGISTRY)
    }

    fn of(world: &World, auth: ClientAuth, limits: StackLimits) -> Self {
        let listener = Listener {
            name: Arc::from("in process"),
            environment: EnvironmentName::parse("production").unwrap(),
            exposure: Exposure::External,
            repositories: Vec::new(),
            mirror_of: None,
        };
        let parts = world.parts();
        let (gate, metrics) = (parts.gate.clone(), parts.metrics.clone());
        let registry = Arc::new(Registry::new(gate, listener, auth, metrics, limits));
        let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        Self(registry.connection(Peer::new(client, None)))
    }

    /// A request that is under way until what is returned is dropped.
    pub fn begin(&self, method: &str, path: &str) -> impl Future<Output = u16> + use<> {
        let asked = self.0.call(request(method, path));
        async { asked.await.unwrap().status().as_u16() }
    }

    /// Asks often enough for the fast lane to answer, and counts what the next answer
    /// allocates.
    pub async fn assert_costs_little(&self, path: &str, allocations: u64) {
        for method in ["GET", "HEAD"] {
            for _ in 0..3 {
                self.ask(method, path).await;
            }
            let request = request(method, path);
            let mut answered = None;
            let counted = allocation_counter::measure(|| answered = Some(self.0.call(request)));
            assert!(matches!(answered, Some(Either::Left(_))), "{method} {path}");
            let (count, bytes) = (counted.count_total, counted.bytes_total);
            assert!(count <= allocations, "{method} {path}: {counted:?}");
            assert!(bytes < 4096, "{method} {path}: {counted:?}");
        }
    }

    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        self.ask_with(method, path, &[]).await
    }

    pub async fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = request(method, path);
        for (name, value) in headers {
            let name = http::HeaderName::try_from(*name).unwrap();
            let value = http::HeaderValue::try_from(*value).unwrap();
            request.headers_mut().insert(name, value);
        }
        let asked = self.0.call(request);
        let is_fast = matches!(asked, Either::Left(_));
        let content = content(asked.await.unwrap()).await;
        Answer { is_fast, content }
    }
}

pub fn request(method: &str, path: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(path);
    request.header("host", "gateway.example").body(()).unwrap()
}

async fn content(response: Response<Body>) -> Content {
    let (mut parts, body) = response.into_parts();
    // No two answers share it, and the fast lane gives none.
    parts.headers.remove("x-request-id");
    let phrase = parts.extensions.get::<ReasonPhrase>();
    Content {
        status: parts.status.as_u16(),
        phrase: phrase.map(|phrase| phrase.as_bytes().to_vec()),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

/// Asks twice at a new door: first the layered lane answers, then the fast one.
async fn assert_lanes_agree(world: &World, path: &str, status: u16) {
    let door = Door::open(world);
    for method in ["GET", "HEAD"] {
        let first = Door::open(world).ask(method, path).await;
        assert!(!first.is_fast, "{method} {path}");
        assert_eq!(first.content.status, status);
        door.ask(method, path).await;
        let second = door.ask(method, path).await;
        assert!(second.is_fast, "{method} {path} {}", first.content.status);
        assert_eq!(first.content, second.content, "{method} {path}");
    }
}

#[tokio::test]
async fn both_lanes_give_the_same_answers_in_every_state() {
    let world = World::start().await;
    let app = image("app");
    for registry in [&world.hub, &world.corp] {
        registry.put_image("team/app", &app);
        registry.tag("team/app", "1", &app.manifest.digest);
    }
    let paths = [
        manifests(NAME, "1"),
        manifests(NAME, &app.manifest.digest),
        format!("{}?ns=docker.io", manifests("team/app", "1")),
    ];
    for path in &paths {
        assert_lanes_agree(&world, path, 403).await;
    }
    world.scan(NAME, &app, &[]).await;
    for path in &paths {
        assert_lanes_agree(&world, path, 403).await;
    }
    world
        .promote(&format!("{NAME}@{}", app.manifest.digest))
        .await;
    for path in &paths {
        assert_lanes_agree(&world, path, 200).await;
    }
    world.revoke(&app.manifest.digest).await;
    for path in &paths {
        assert_lanes_agree(&world, path, 403).await;
    }
    world.reinstate(&app.manifest.digest).await;
    let found = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    world.scan(NAME, &app, &[found]).await;
    for path in &paths {
        assert_lanes_agree(&world, path, 403).await;
    }
}

#[tokio::test]
async fn the_fast_lane_serves_what_audit_lets_pass_like_the_layered_one() {
    for mode in ["audit", "warn"] {
        let setup = Setup::default().production(&format!("mode = \"{mode}\""));
        let world = World::of(setup).await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        let path = manifests(NAME, &app.manifest.digest);
        let door = Door::open(&world);
        let first = door.ask("GET", &path).await;
        for _ in 0..2 {
            let again = door.ask("GET", &path).await;
            assert_eq!(first.content, again.content, "{mode}");
        }
        assert_eq!(first.content.status, 200);
        assert_eq!(
            first.content.headers.contains_key("warning"),
            mode == "warn"
        );
    }
}

/// The answers of a hot manifest: from memory, without a file or the ledger.
#[tokio::test]
async fn a_hot_manifest_touches_no_file_and_no_sql() {
    let world = World::start().await;
    let (app, denied) = (image("app"), image("denied"));
    for (tag, image) in [("1", &app), ("2", &denied)] {
        world.hub.put_image("team/app", image);
        world.hub.tag("team/app", tag, &image.manifest.digest);
    }
    world.admit(NAME, &app).await;
    world.scan(NAME, &denied, &[]).await;
    let door = Door::open(&world);
    let mut before = Vec::new();
    for tag in ["1", "2"] {
        for _ in 0..2 {
            door.ask("GET", &manifests(NAME, tag)).await;
        }
        before.push(door.ask("GET", &manifests(NAME, tag)).await);
    }
    world.parts().ledger.close().await;
    std::fs::remove_dir_all(world.data().join("cache")).unwrap();
    world.hub.forget();
    for (tag, before) in ["1", "2"].iter().zip(&before) {
        let after = door.ask("GET", &manifests(NAME, tag)).await;
        assert!(after.is_fast);
        assert_eq!(&after, before);
    }
    assert_eq!(world.asked(), 0);
}

/// What one answer of the fast lane may allocate: the parts of a response that
/// hyper and `http` give no other way to make.
pub const ALLOCATIONS: u64 = 8;

#[tokio::test]
async fn a_hot_manifest_costs_few_allocations() {
    let world = World::start().await;
    let (app, denied) = (image("app"), image("denied"));
    for (tag, image) in [("1", &app), ("2", &denied)] {
        world.hub.put_image("team/app", image);
        world.hub.tag("team/app", tag, &image.manifest.digest);
    }
    world.admit(NAME, &app).await;
    world.scan(NAME, &denied, &[]).await;
    let door = Door::open(&world);
    for reference in [
        "1".to_owned(),
        app.manifest.digest.to_string(),
        "2".to_owned(),
    ] {
        let path = manifests(NAME, reference);
        door.assert_costs_little(&path, ALLOCATIONS).await;
    }
}
