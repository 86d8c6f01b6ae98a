//! Upstreams that vouch (rule 9).

use http::Method;
use jiff::SignedDuration;
use sekisho::demo::{Fault, RequestKind, SampleImage};
use serde_json::json;

use crate::kit::{Found, Setup, Wire, World, blobs, eventually, image, manifests, report};

const NAME: &str = "corp/team/app";
/// Longer than the upstream's word counts.
const PAST: SignedDuration = SignedDuration::from_millis(1100);

fn vouching() -> Setup {
    Setup::default().corp(
        "tag_ttl = \"1s\"\n\
         vouches = { environments = [\"production\"], for = [\"scan\", \"promotion\"], until = 2099-12-31 }",
    )
}

/// How often the ledger was asked for the evidence on an image.
fn evidence_read(world: &World) -> u64 {
    let page = world.parts().metrics.encode();
    let sample = "sekisho_ledger_seconds_count{verb=\"evidence\"} ";
    let count = page.lines().find_map(|line| line.strip_prefix(sample));
    count.map_or(0, |count| count.parse().unwrap())
}

/// Asks until the answer is this one: after its failures the upstream is left alone for a
/// while by the real clock, for longer the more of them a busy machine let through.
async fn asked_until(world: &World, path: &str, status: u16) {
    let answered = || async {
        world.advance(PAST);
        world.both(path).await.status == status
    };
    eventually("the upstream is asked again", answered).await;
}

#[tokio::test]
async fn an_upstream_vouches_for_what_it_holds_until_it_does_not() {
    let world = World::of(vouching()).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    world.hub.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    let layer = blobs(NAME, &app.layers[0].digest);
    for path in [&path, &layer] {
        assert_eq!(world.both(path).await.status, 200);
    }
    // Only that upstream does.
    let elsewhere = manifests("docker.io/team/app", &app.manifest.digest);
    world.both(&elsewhere).await.assert_denied("not-scanned");
    // An outage ends nothing.
    world.corp.inject("/v2/", usize::MAX, Fault::Status(500));
    world.advance(PAST);
    for path in [&path, &layer] {
        assert_eq!(world.both(path).await.status, 200, "{path}");
    }
    world.corp.heal();
    world
        .corp
        .delete("team/app", &app.manifest.digest.to_string());
    asked_until(&world, &path, 403).await;
    assert_eq!(world.both(&layer).await.status, 403);
}

#[tokio::test]
async fn a_herd_asks_the_voucher_once_when_its_word_runs_out() {
    let world = World::of(vouching()).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    let digest = app.manifest.digest.to_string();
    let path = manifests(NAME, &digest);
    assert_eq!(world.get(&path).await.status, 200);
    world.advance(PAST);
    world.corp.forget();
    let judged = evidence_read(&world);
    let hold = world.corp.hold(&digest);
    let mut pulls = Vec::new();
    for _ in 0..50 {
        pulls.push(world.send(0, "GET", &path, &[]).await);
    }
    hold.arrived().await;
    // What is read before the voucher is asked.
    let all_wait = || async { evidence_read(&world) >= judged + 50 };
    eventually("all of them wait", all_wait).await;
    hold.release();
    for pull in pulls {
        assert_eq!(pull.reply().await.status, 200);
    }
    let asked = world
        .corp
        .count_of(&Method::HEAD, RequestKind::Manifest, "team/app", &digest);
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_report_and_a_revocation_decide_against_the_upstreams_word() {
    let world = World::of(vouching()).await;
    let (app, revoked) = (image("app"), image("revoked"));
    for image in [&app, &revoked] {
        world.corp.put_image("team/app", image);
        let reply = world.both(&manifests(NAME, &image.manifest.digest)).await;
        assert_eq!(reply.status, 200);
    }
    let found = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    world
        .scan("registry.corp:5000/team/app", &app, &[found])
        .await;
    let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
    reply.assert_denied("too-severe");
    world.revoke(&revoked.manifest.digest).await;
    let reply = world.both(&manifests(NAME, &revoked.manifest.digest)).await;
    reply.assert_denied("revoked");
}

/// A world where an upstream vouches for an image that was pulled, with its path.
async fn vouched() -> (World, SampleImage, String) {
    let world = World::of(vouching()).await;
    let app = image("app");
    world.corp.put_image("team/app", &app);
    let path = manifests(NAME, &app.manifest.digest);
    assert_eq!(world.both(&path).await.status, 200);
    (world, app, path)
}

#[tokio::test]
async fn an_answer_that_is_no_outage_ends_vouching_until_the_next_that_vouches() {
    let other = image("other").manifest.digest.to_string();
    for fault in [
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(400),
        Fault::With("docker-content-digest", other),
    ] {
        let (world, _, path) = vouched().await;
        world.corp.inject("/manifests/", usize::MAX, fault.clone());
        world.advance(PAST);
        world.both(&path).await.assert_denied("not-scanned");
        world.corp.heal();
        world.advance(PAST);
        assert_eq!(world.both(&path).await.status, 200, "{fault:?}");
    }
}

#[tokio::test]
async fn a_digest_that_was_gone_for_a_moment_is_vouched_for_again() {
    let (world, app, path) = vouched().await;
    world
        .corp
        .delete("team/app", &app.manifest.digest.to_string());
    world.advance(PAST);
    world.both(&path).await.assert_denied("not-scanned");
    world.corp.put_image("team/app", &app);
    world.advance(PAST);
    assert_eq!(world.both(&path).await.status, 200);
}

#[tokio::test]
async fn an_outage_prolongs_vouching_for_three_days_and_no_longer() {
    let (world, _, path) = vouched().await;
    world.corp.inject("/v2/", usize::MAX, Fault::Status(500));
    for hours in [1, 70] {
        world.advance_long(SignedDuration::from_hours(hours)).await;
        assert_eq!(world.both(&path).await.status, 200, "{hours}");
    }
    world.advance_long(SignedDuration::from_hours(1)).await;
    world.both(&path).await.assert_denied("not-scanned");
    world.corp.heal();
    asked_until(&world, &path, 200).await;
}

/// A pull of what is admitted does not wait for a silent upstream, and what that says in
/// the end counts.
#[tokio::test]
async fn silence_prolongs_vouching_until_there_is_an_answer() {
    let (world, app, path) = vouched().await;
    world.advance(PAST);
    let hold = world.corp.hold("/v2/");
    let begun = std::time::Instant::now();
    for _ in 0..2 {
        world.get(&path).await.assert_served(&app.manifest.bytes);
    }
    // A call to the upstream would have taken ten seconds and more.
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
    world
        .corp
        .delete("team/app", &app.manifest.digest.to_string());
    hold.release();
    world.advance(PAST);
    world.both(&path).await.assert_denied("not-scanned");
}

#[tokio::test]
async fn an_outage_after_a_restart_prolongs_vouching_for_what_was_pulled_lately() {
    for (days, served) in [(2, true), (4, false)] {
        let (mut world, _, path) = vouched().await;
        world.stop().await;
        world.corp.inject("/v2/", usize::MAX, Fault::Status(500));
        world.serve().await;
        world
            .advance_long(SignedDuration::from_hours(24 * days))
            .await;
        let reply = world.both(&path).await;
        assert_eq!(reply.status == 200, served, "{days} days: {reply:?}");
    }
}

/// Bypass 33: the clock is set back.
#[tokio::test]
async fn an_upstream_does_not_vouch_before_it_was_asked() {
    let (world, app, path) = vouched().await;
    world
        .corp
        .delete("team/app", &app.manifest.digest.to_string());
    world.advance_long(-SignedDuration::from_hours(1)).await;
    world.both(&path).await.assert_denied("not-scanned");
}

/// A restart, and another gateway on the same ledger, know what this one saw.
#[tokio::test]
async fn what_its_upstream_gave_up_is_denied_after_a_restart_without_it() {
    let (mut world, app, path) = vouched().await;
    world
        .corp
        .delete("team/app", &app.manifest.digest.to_string());
    world.advance(PAST);
    world.both(&path).await.assert_denied("not-scanned");
    world.corp.inject("/v2/", usize::MAX, Fault::Status(503));
    world.advance(PAST);
    world.both(&path).await.assert_denied("not-scanned");
    world.stop().await;
    world.serve().await;
    world.both(&path).await.assert_denied("not-scanned");
    world.corp.heal();
    world.corp.put_image("team/app", &app);
    asked_until(&world, &path, 200).await;
}

/// A scan of the same bytes by somebody who speaks for another repository.
#[tokio::test]
async fn a_scan_that_counts_elsewhere_takes_no_vouching_away() {
    let setup = Setup::default().corp(
        "tag_ttl = \"1s\"\n\
         vouches = { environments = [\"production\"], for = [\"scan\"], until = 2099-12-31 }",
    );
    let world = World::of(setup).await;
    let app = image("app");
    for name in ["team/va", "team/vb"] {
        world.corp.put_image(name, &app);
    }
    let digest = &app.manifest.digest;
    world
        .promote(&format!("registry.corp:5000/team/va@{digest}"))
        .await;
    let path = manifests("corp/team/va", digest);
    assert_eq!(world.both(&path).await.status, 200);
    let token = json!({
        "name": "vb", "role": "scanner", "repositories": ["registry.corp:5000/team/vb"],
    });
    let made = world.admin("POST", "/api/v1/tokens", Some(&token)).await;
    let bearer = format!("Bearer {}", made.json()["secret"].as_str().unwrap());
    let scan = json!({
        "image": format!("registry.corp:5000/team/vb@{digest}"), "report": report(&app, &[]),
    });
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let (admin, body) = (world.app().admin(), scan.to_string());
    let sent = Wire::send(admin, "POST", "/api/v1/scans", &headers, body.as_bytes());
    let taken = sent.await.reply().await;
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(world.both(&path).await.status, 200);
    // One of a submitter that speaks for both decides.
    let bad = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    world.scan("registry.corp:5000/team/va", &app, &[bad]).await;
    world.both(&path).await.assert_denied("too-severe");
}
