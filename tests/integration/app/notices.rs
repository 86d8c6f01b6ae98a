//! Exceptions and advisories follow their files; a file that is wrong changes
//! nothing, and stops no other.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sekisho::oci::Digest;
use serde_json::Value;

use crate::kit::{Found, Reply, Setup, World, eventually, image, manifests};

const FOLDERS: &str = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"";

/// Files are looked at once a second; the rest is for machines that are busy.
const AT_ONCE: Duration = Duration::from_secs(5);

const GRAVE: Found<'_> = Found {
    id: "CVE-2026-1234",
    severity: "CRITICAL",
    package: "openssl",
};
const SLIGHT: Found<'_> = Found {
    id: "CVE-2026-5678",
    severity: "LOW",
    package: "zlib1g",
};

async fn world(production: &str) -> World {
    // One file each, or there would be no folders.
    let setup = Setup::default()
        .top(FOLDERS)
        .production(production)
        .file("exceptions/other.toml", "")
        .file("advisories/other.toml", "");
    World::of(setup).await
}

fn exception(id: &str) -> String {
    let end = Timestamp::now() + SignedDuration::from_hours(24 * 30);
    format!(
        "[[exception]]\nvulnerabilities = [\"{id}\"]\nimages = [\"docker.io/team/**\"]\n\
         reason = \"not reachable\"\nlink = \"https://gitlab.example/214\"\nowner = \"web\"\n\
         expires = {end:.0}\n"
    )
}

fn block(id: &str, what: &str) -> String {
    format!(
        "[[advisory]]\nid = \"{id}\"\n{what}\neffect = \"block\"\nreason = \"in the wild\"\n\
         link = \"https://gitlab.example/14\"\n"
    )
}

/// Asks again until it is so, which it is within about a second.
async fn soon(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < AT_ONCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An image with these findings lies upstream and was scanned.
async fn scanned(world: &World, name: &str, found: &[Found<'_>]) -> Digest {
    let image = image(name);
    world.hub.put_image(&format!("team/{name}"), &image);
    world
        .scan(&format!("docker.io/team/{name}"), &image, found)
        .await;
    image.manifest.digest
}

async fn pull(world: &World, name: &str, digest: &Digest) -> Reply {
    let name = format!("docker.io/team/{name}");
    // Not HEAD beside it: the file may be taken over between the two.
    world.get(&manifests(&name, digest)).await
}

async fn readyz(world: &World) -> String {
    let reply = world.admin("GET", "/readyz", None).await;
    assert_eq!(reply.status, 200, "what is cached can be served");
    String::from_utf8(reply.body).unwrap()
}

async fn metric(world: &World, sample: &str) -> bool {
    let page = world.admin("GET", "/metrics", None).await.body;
    String::from_utf8(page).unwrap().contains(sample)
}

async fn warnings(world: &World) -> String {
    let status = world.admin("GET", "/api/v1/status", None).await.json();
    status["warnings"].to_string()
}

async fn listed(world: &World, what: &str) -> Vec<Value> {
    let list = world.admin("GET", &format!("/api/v1/{what}"), None).await;
    list.json()[what].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_image_is_served_while_an_exception_stands_in_a_file() {
    let mut world = world("require = [\"scan\"]").await;
    let digest = scanned(&world, "app", &[GRAVE]).await;
    pull(&world, "app", &digest)
        .await
        .assert_denied("too-severe");

    world.put_file("exceptions/web/app.toml", &exception(GRAVE.id));
    soon("served under an exception", async || {
        pull(&world, "app", &digest).await.status == 200
    })
    .await;
    let found = listed(&world, "exceptions").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], "web/app.toml#1");
    assert_eq!(found[0]["state"], "active");
    assert_eq!(found[0]["owner"], "web");
    assert_eq!(found[0]["used"], true);

    world.remove_file("exceptions/web/app.toml");
    soon("denied without it", async || {
        pull(&world, "app", &digest).await.status == 403
    })
    .await;
    pull(&world, "app", &digest)
        .await
        .assert_denied("too-severe");
    assert!(listed(&world, "exceptions").await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn an_advisory_denies_what_was_promoted_at_once() {
    let mut world = world("").await;
    let digest = scanned(&world, "app", &[SLIGHT]).await;
    world.promote(&format!("docker.io/team/app@{digest}")).await;
    assert_eq!(pull(&world, "app", &digest).await.status, 200);
    let cases = [
        format!("vulnerabilities = [\"{}\"]", SLIGHT.id),
        format!("digests = [\"{digest}\"]"),
        "packages = [\"zlib1g\"]".to_owned(),
    ];
    for (at, what) in cases.iter().enumerate() {
        world.put_file("advisories/sec.toml", &block(&format!("SEC-{at}"), what));
        soon(what, async || {
            pull(&world, "app", &digest).await.status == 403
        })
        .await;
        pull(&world, "app", &digest)
            .await
            .assert_denied("blocked-by-advisory");
        let found = listed(&world, "advisories").await;
        assert_eq!((&found[0]["effect"], found.len()), (&"block".into(), 1));

        world.remove_file("advisories/sec.toml");
        let served = async || pull(&world, "app", &digest).await.status == 200;
        soon("served when it is taken back", served).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn an_invalid_file_keeps_what_it_held_and_stops_no_other() {
    let mut world = world("require = [\"scan\"]").await;
    let one = scanned(&world, "one", &[GRAVE]).await;
    let two = scanned(&world, "two", &[SLIGHT]).await;
    world.put_file("exceptions/app.toml", &exception(GRAVE.id));
    let served = async || pull(&world, "one", &one).await.status == 200;
    soon("served under an exception", served).await;

    world.put_file(
        "exceptions/app.toml",
        "[[exception]]\nvulnerabilities = []\n",
    );
    let told = async || readyz(&world).await.contains("exceptions app.toml");
    soon("readyz names the file", told).await;
    let invalid = "sekisho_policy_files_invalid{kind=\"exceptions\"} 1";
    assert!(metric(&world, invalid).await);
    let shown = warnings(&world).await;
    assert!(
        shown.contains("app.toml:2:1: exception#1.vulnerabilities"),
        "{shown}"
    );
    assert_eq!(
        pull(&world, "one", &one).await.status,
        200,
        "the last good one holds"
    );

    let what = format!("vulnerabilities = [\"{}\"]", SLIGHT.id);
    world.put_file("advisories/sec.toml", &block("SEC-1", &what));
    soon("another file works", async || {
        pull(&world, "two", &two).await.status == 403
    })
    .await;
    assert_eq!(pull(&world, "one", &one).await.status, 200);
    assert!(metric(&world, invalid).await);

    world.put_file("exceptions/app.toml", &exception("CVE-2026-0001"));
    soon("the mended file works", async || {
        pull(&world, "one", &one).await.status == 403
    })
    .await;
    assert!(!readyz(&world).await.contains("policy"));
    assert!(
        metric(
            &world,
            "sekisho_policy_files_invalid{kind=\"exceptions\"} 0"
        )
        .await
    );
    assert_eq!(warnings(&world).await, "[]");
    world.stop().await;
}

#[tokio::test]
async fn an_exception_ends_by_itself_and_is_counted() {
    let mut world = world("require = [\"scan\"]").await;
    let digest = scanned(&world, "app", &[GRAVE]).await;
    let end = Timestamp::now() + SignedDuration::from_mins(10);
    let short = exception(GRAVE.id);
    let (head, _) = short.split_once("expires").unwrap();
    world.put_file("exceptions/app.toml", &format!("{head}expires = {end}\n"));
    let served = async || pull(&world, "app", &digest).await.status == 200;
    soon("served under an exception", served).await;
    assert!(
        warnings(&world)
            .await
            .contains("of the exceptions 1 will end soon")
    );
    world.advance(SignedDuration::from_mins(9));
    assert!(served().await, "not before its end");
    world.advance(SignedDuration::from_mins(2));
    assert!(!served().await, "not after its end");
    assert_eq!(listed(&world, "exceptions").await[0]["state"], "expired");
    let counted = || async { metric(&world, "sekisho_exceptions{state=\"expired\"} 1").await };
    eventually("it is counted", counted).await;
    world.stop().await;
}
