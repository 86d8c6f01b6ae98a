//! Bypass 10: open when records are closed, silent, gone or broken; and what is
//! recorded of pulls.

use jiff::{SignedDuration, Timestamp};
use sekisho::app::App;
use sekisho::app::config::Config;

use crate::kit::{Found, Setup, World, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

#[tokio::test]
async fn without_its_ledger_an_image_is_undecidable_and_never_a_pass() {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    world.parts().ledger.close().await;
    for path in [
        manifests(NAME, &app.manifest.digest),
        blobs(NAME, &app.layers[0].digest),
    ] {
        let reply = world.both(&path).await;
        assert_eq!((reply.status, reply.reason()), (503, "undecidable"));
        assert!(reply.header("retry-after").is_some());
        assert_eq!(reply.message(), reply.phrase);
    }
}

#[tokio::test]
async fn what_memory_is_sure_of_is_served_until_the_ledger_is_silent_for_too_long() {
    let setup = Setup::default().more("[ledger]\nmax_silence = \"1s\"");
    let world = World::of(setup).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let path = manifests(NAME, &app.manifest.digest);
    let layer = blobs(NAME, &app.layers[0].digest);
    for path in [&path, &layer] {
        assert_eq!(world.both(path).await.status, 200);
    }
    world.parts().ledger.close().await;
    assert_eq!(world.both(&path).await.status, 200);
    // Who asks is told what a pull gets.
    let asked = format!(
        "/api/v1/verdicts?environment=production&image={NAME}@{}",
        app.manifest.digest
    );
    let told = world.admin("GET", &asked, None).await;
    assert_eq!(told.json()["allowed"], true, "{told:?}");
    world.advance(SignedDuration::from_millis(2100));
    for path in [&path, &layer] {
        let reply = world.both(path).await;
        assert_eq!((reply.status, reply.reason()), (503, "undecidable"));
    }
    // Ready no more, so that others are asked.
    let ready = world.admin("GET", "/readyz", None).await;
    assert_eq!(ready.status, 503);
}

#[tokio::test]
async fn a_lost_ledger_admits_nothing_though_the_cache_is_full() {
    let mut world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let paths = [
        manifests(NAME, &app.manifest.digest),
        blobs(NAME, &app.layers[0].digest),
    ];
    for path in &paths {
        assert_eq!(world.both(path).await.status, 200);
    }
    world.stop().await;
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = std::fs::remove_file(world.data().join(file));
    }
    assert!(world.try_serve().await.is_err());
    world.accept_loss = true;
    world.serve().await;
    for path in &paths {
        assert_eq!(world.both(path).await.status, 403);
    }
}

#[tokio::test]
async fn a_broken_ledger_is_not_served_from() {
    let mut world = World::start().await;
    world.stop().await;
    for file in ["ledger.db-wal", "ledger.db-shm"] {
        let _ = std::fs::remove_file(world.data().join(file));
    }
    std::fs::write(world.data().join("ledger.db"), [0x5a; 8192]).unwrap();
    let config = Config::load(Some(&world.file()), |_| None, Timestamp::now());
    assert!(App::start(config.unwrap()).await.is_err());
}

#[tokio::test]
async fn identical_denials_within_a_minute_are_one_decision_with_a_count() {
    let world = World::start().await;
    let (app, other) = (image("app"), image("other"));
    let path = manifests(NAME, &app.manifest.digest);
    for image in [&app, &other] {
        world.hub.put_image("team/app", image);
    }
    for _ in 0..3 {
        world.both(&path).await.assert_denied("not-scanned");
    }
    let reply = world.both(&manifests(NAME, &other.manifest.digest)).await;
    reply.assert_denied("not-scanned");
    let later = Timestamp::now() + SignedDuration::from_secs(61);
    world.parts().gate.recorder().close_once(later).await;
    let counts = |decisions: &[serde_json::Value]| {
        let mut counts: Vec<u64> = decisions
            .iter()
            .map(|decision| decision["count"].as_u64().unwrap())
            .collect();
        counts.sort_unstable();
        counts
    };
    for _ in 0..500 {
        let decisions = world.decisions("denied", 2).await;
        if counts(&decisions) == [3, 9] {
            assert_eq!(decisions[0]["environment"], "production");
            assert_eq!(decisions[0]["reasons"][0], "not-scanned");
            assert_eq!(decisions[0]["principal"], "anonymous");
            return;
        }
    }
    panic!("the counts were not written");
}

#[tokio::test]
async fn a_first_pass_is_recorded_once() {
    let world = World::start().await;
    let (app, last) = (image("app"), image("last"));
    for image in [&app, &last] {
        world.hub.put_image("team/app", image);
        world.admit(NAME, image).await;
    }
    for _ in 0..3 {
        world.both(&manifests(NAME, &app.manifest.digest)).await;
        world.both(&blobs(NAME, &app.layers[0].digest)).await;
    }
    // Decisions are written in their order, so nothing of the first waits.
    world.both(&manifests(NAME, &last.manifest.digest)).await;
    let decisions = world.decisions("allowed", 2).await;
    assert_eq!(decisions.len(), 2);
    let digest = app.manifest.digest.to_string();
    assert_eq!(decisions[1]["digest"], digest);
    assert_eq!(decisions[1]["evidence"].as_array().unwrap().len(), 2);
}

/// A pass of one repository is no record of another's.
#[tokio::test]
async fn a_first_pass_is_recorded_for_each_repository() {
    let world = World::start().await;
    let app = image("app");
    for name in ["team/app", "team/copy"] {
        world.hub.put_image(name, &app);
        world.admit(&format!("docker.io/{name}"), &app).await;
    }
    for name in ["docker.io/team/app", "docker.io/team/copy"] {
        let reply = world.both(&manifests(name, &app.manifest.digest)).await;
        assert_eq!(reply.status, 200);
    }
    let decisions = world.decisions("allowed", 2).await;
    assert_eq!(decisions.len(), 2);
}

/// What was clean when it was first pulled, and is not any more.
#[tokio::test]
async fn an_audit_records_what_it_would_deny_from_now_on() {
    let world = World::of(Setup::default().production("mode = \"audit\"")).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let path = manifests(NAME, &app.manifest.digest);
    assert_eq!(world.both(&path).await.status, 200);
    world.decisions("allowed", 1).await;
    let found = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    world.scan(NAME, &app, &[found]).await;
    assert_eq!(world.both(&path).await.status, 200);
    let decisions = world.decisions("would-deny", 1).await;
    assert_eq!(decisions[0]["reasons"][0], "too-severe");
    assert_eq!(decisions.len(), 1);
}

/// A file that is cut off says less, and a mount that failed says nothing.
#[tokio::test]
async fn a_policy_that_was_cut_off_or_not_mounted_lifts_no_block() {
    let app = image("app");
    let advisory = format!(
        "[[advisory]]\nid = \"SEC-1\"\ndigests = [\"{}\"]\neffect = \"block\"\n\
         reason = \"implant\"\nlink = \"https://gitlab.example/14\"\n",
        app.manifest.digest
    );
    let setup = Setup::default()
        .top("advisories_dir = \"advisories\"")
        .file("advisories/1.toml", &advisory);
    let world = World::of(setup).await;
    world.hub.put_image("team/app", &app);
    world.scan(NAME, &app, &[]).await;
    let path = manifests(NAME, &app.manifest.digest);
    world.both(&path).await.assert_denied("blocked-by-advisory");
    let whole = std::fs::read_to_string(world.file()).unwrap();
    for cut in ["", whole.lines().next().unwrap()] {
        std::fs::write(world.file(), cut).unwrap();
        world.looked("policy").await;
        world.both(&path).await.assert_denied("blocked-by-advisory");
    }
    std::fs::write(world.file(), &whole).unwrap();
    let folder = world.folder.path().join("advisories");
    std::fs::rename(&folder, world.folder.path().join("elsewhere")).unwrap();
    world.looked("policy").await;
    world.both(&path).await.assert_denied("blocked-by-advisory");
    let at_a_start = Config::load(Some(&world.file()), |_| None, Timestamp::now());
    assert!(at_a_start.is_err(), "it is not taken for an empty one");
}
