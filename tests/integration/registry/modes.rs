//! What `audit` and `warn` let pass, and what they say and record of it.

use sekisho::demo::SampleIndex;

use crate::kit::{Found, Setup, World, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

async fn world(mode: &str) -> World {
    let setup = Setup::default().production(&format!("mode = \"{mode}\""));
    World::of(setup).await
}

#[tokio::test]
async fn an_audit_serves_and_records_what_would_be_denied() {
    let world = world("audit").await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    for _ in 0..2 {
        let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
        reply.assert_served(&app.manifest.bytes);
        assert_eq!(reply.header("warning"), None);
        let reply = world.both(&blobs(NAME, &app.layers[0].digest)).await;
        reply.assert_served(&app.layers[0].bytes);
    }
    let decisions = world.decisions("would-deny", 1).await;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0]["mode"], "audit");
    let reasons: Vec<_> = decisions[0]["reasons"].as_array().unwrap().to_vec();
    assert!(reasons.contains(&"not-scanned".into()), "{reasons:?}");
    assert!(reasons.contains(&"not-promoted".into()), "{reasons:?}");
}

#[tokio::test]
async fn warn_says_what_enforce_would_deny() {
    let world = world("warn").await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    for _ in 0..2 {
        let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
        reply.assert_served(&app.manifest.bytes);
        let warnings: Vec<&str> = reply
            .headers
            .iter()
            .filter(|(name, _)| name == "warning")
            .map(|(_, value)| value.as_str())
            .collect();
        assert!(
            warnings
                .iter()
                .all(|line| line.starts_with("299 - \"sekisho: "))
        );
        for reason in ["not-scanned", "not-promoted"] {
            assert!(
                warnings.iter().any(|line| line.contains(reason)),
                "{warnings:?}"
            );
        }
    }
    world.admit(NAME, &app).await;
    let reply = world.both(&manifests(NAME, &app.manifest.digest)).await;
    assert_eq!(reply.header("warning"), None);
}

/// Audit is no open relay: a blob still needs an image that holds it.
#[tokio::test]
async fn an_audit_serves_no_blob_that_no_image_holds() {
    let world = world("audit").await;
    let (app, stray) = (image("app"), image("stray"));
    world.hub.put_image("team/app", &app);
    world.hub.put_blob("team/app", &stray.layers[0]);
    world.both(&manifests(NAME, &app.manifest.digest)).await;
    let reply = world.both(&blobs(NAME, &stray.layers[0].digest)).await;
    reply.assert_denied("not-in-admitted-image");
}

/// An audit breaks no pull, not even when nothing can be decided or recorded.
#[tokio::test]
async fn an_audit_serves_whole_images_without_its_ledger() {
    let world = world("audit").await;
    let index = SampleIndex::new(vec![image("app")]);
    world.hub.put_index("team/app", &index);
    world.hub.put_image("team/app", &image("stray"));
    world.parts().ledger.close().await;
    let app = &index.images[0];
    for digest in [&index.manifest.digest, &app.manifest.digest] {
        assert_eq!(world.both(&manifests(NAME, digest)).await.status, 200);
    }
    for piece in app.blobs() {
        let reply = world.both(&blobs(NAME, &piece.digest)).await;
        reply.assert_served(&piece.bytes);
    }
    let stray = &image("stray").layers[0].digest;
    let reply = world.both(&blobs(NAME, stray)).await;
    reply.assert_denied("not-in-admitted-image");
}

/// What is counted of the decisions on three images, each pulled twice: without
/// evidence, too severe, and admitted.
async fn counted(mode: &str) -> Vec<(String, u64)> {
    let world = world(mode).await;
    let bad = Found {
        id: "CVE-2026-0001",
        severity: "CRITICAL",
        package: "zlib",
    };
    let images = ["bare", "bad", "good"].map(image);
    for image in &images {
        world.hub.put_image("team/app", image);
    }
    world.scan(NAME, &images[1], &[bad]).await;
    world.admit(NAME, &images[2]).await;
    for image in &images {
        for _ in 0..2 {
            world.get(&manifests(NAME, &image.manifest.digest)).await;
        }
    }
    let metrics = world.admin("GET", "/metrics", None).await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let mut counts: Vec<(String, u64)> = metrics
        .lines()
        .filter(|line| line.starts_with("sekisho_decisions_total{"))
        .map(|line| {
            let (labels, count) = line.rsplit_once(' ').unwrap();
            // What `enforce` denies, the others would.
            let labels = labels.replace("verdict=\"would-deny\"", "verdict=\"denied\"");
            (labels, count.parse().unwrap())
        })
        .collect();
    counts.sort();
    counts
}

#[tokio::test]
async fn audit_and_warn_count_what_enforce_would_deny() {
    let enforced = counted("enforce").await;
    let denied: Vec<&str> = enforced
        .iter()
        .filter(|(labels, count)| labels.contains("verdict=\"denied\"") && *count == 2)
        .map(|(labels, _)| labels.as_str())
        .collect();
    assert_eq!(denied.len(), 2, "{enforced:?}");
    assert_eq!(counted("audit").await, enforced);
    assert_eq!(counted("warn").await, enforced);
}
