//! Bypass 8: `subject`, `artifactType` or a `.sig` tag exempts nothing.

use jiff::SignedDuration;
use sekisho::demo::{Fault, SampleContent, SampleImage};
use sekisho::oci::Digest;
use serde_json::json;

use crate::kit::{Setup, World, blobs, eventually, image, manifest_of, manifests, piece};

const NAME: &str = "docker.io/team/app";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const SBOM: &str = "application/spdx+json";
const SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

fn lists_sboms() -> Setup {
    Setup::default().production(&format!("referrer_types = [\"{SBOM}\"]"))
}

#[tokio::test]
async fn a_runnable_image_with_a_subject_or_a_type_needs_evidence() {
    let world = World::of(lists_sboms()).await;
    let (app, evil) = (image("app"), image("evil"));
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &evil);
    world.admit(NAME, &app).await;
    let attached = bent(&evil, &app, None);
    let typed = bent(&evil, &app, Some(SBOM));
    for manifest in [&attached, &typed] {
        world.hub.put_manifest("team/app", manifest);
        let tag = format!("sha256-{}.sig", app.manifest.digest.hex());
        world.hub.tag("team/app", &tag, &manifest.digest);
        for reference in [tag, manifest.digest.to_string()] {
            let reply = world.both(&manifests(NAME, reference)).await;
            assert_eq!(reply.status, 403, "{reply:?}");
        }
        let layer = blobs(NAME, &evil.layers[0].digest);
        assert_eq!(world.both(&layer).await.status, 403);
    }
}

fn bent(image: &SampleImage, subject: &SampleImage, artifact_type: Option<&str>) -> SampleContent {
    let mut manifest = manifest_of(image);
    manifest["subject"] = subject.manifest.descriptor();
    if let Some(artifact_type) = artifact_type {
        manifest["artifactType"] = json!(artifact_type);
    }
    piece(OCI, manifest.to_string())
}

#[tokio::test]
async fn a_referrer_is_served_with_its_subject_and_no_longer() {
    let world = World::of(lists_sboms()).await;
    let app = image("app");
    let sbom = app.referrer(SBOM, "{}");
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &sbom);
    let path = manifests(NAME, &sbom.manifest.digest);
    let content = blobs(NAME, &sbom.layers[0].digest);
    assert_eq!(world.both(&path).await.status, 403);
    world.admit(NAME, &app).await;
    world.both(&path).await.assert_served(&sbom.manifest.bytes);
    let reply = world.both(&content).await;
    reply.assert_served(&sbom.layers[0].bytes);
    world.revoke(&app.manifest.digest).await;
    // A referrer rests on its subject's verdict for half a second.
    world.advance(SignedDuration::from_millis(600));
    assert_eq!(world.both(&path).await.status, 403);
    assert_eq!(world.both(&content).await.status, 403);
}

#[tokio::test]
async fn a_referrer_of_a_type_that_is_not_listed_is_refused() {
    let world = World::of(lists_sboms()).await;
    let app = image("app");
    let signature = app.referrer(SIGNATURE, "{}");
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &signature);
    world.admit(NAME, &app).await;
    let tag = format!("sha256-{}.sig", app.manifest.digest.hex());
    world.hub.tag("team/app", &tag, &signature.manifest.digest);
    for reference in [tag, signature.manifest.digest.to_string()] {
        let reply = world.both(&manifests(NAME, reference)).await;
        reply.assert_denied("manifest-refused");
    }
}

#[tokio::test]
async fn referrers_are_listed_for_permitted_subjects_and_by_type() {
    let world = World::of(lists_sboms()).await;
    let app = image("app");
    let (sbom, signature) = (app.referrer(SBOM, "{}"), app.referrer(SIGNATURE, "{}"));
    for image in [&app, &sbom, &signature] {
        world.hub.put_image("team/app", image);
    }
    let path = format!("/v2/{NAME}/referrers/{}", app.manifest.digest);
    world.both(&path).await.assert_denied("not-scanned");
    world.admit(NAME, &app).await;
    let reply = world.both(&path).await;
    let listed = reply.json()["manifests"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["digest"], sbom.manifest.digest.to_string());
    assert_eq!(reply.header("oci-filters-applied"), None);
    let signatures = format!("{path}?artifactType={}", SIGNATURE.replace('+', "%2B"));
    let reply = world.both(&signatures).await;
    assert_eq!(reply.json()["manifests"], json!([]));
    assert_eq!(reply.header("oci-filters-applied"), Some("artifactType"));
}

/// An admitted image whose one referrer is listed: where, and that referrer.
async fn one_listed(setup: Setup) -> (World, String, SampleImage) {
    let world = World::of(setup).await;
    let app = image("app");
    let sbom = app.referrer(SBOM, "{}");
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &sbom);
    world.admit(NAME, &app).await;
    let path = format!("/v2/{NAME}/referrers/{}", app.manifest.digest);
    let listed = world.both(&path).await.json();
    let digest = sbom.manifest.digest.to_string();
    assert_eq!(listed["manifests"][0]["digest"], digest);
    (world, path, sbom)
}

/// Bypass 36: the upstream's own entries, with more in them than the list needs.
#[tokio::test]
async fn a_revoked_referrer_is_not_listed() {
    let (world, path, sbom) = one_listed(lists_sboms()).await;
    world.revoke(&sbom.manifest.digest).await;
    let listed = world.both(&path).await.json();
    assert_eq!(listed["manifests"], json!([]));
}

#[tokio::test]
async fn a_referrer_with_a_revoked_layer_is_not_listed_once_it_was_read() {
    let (world, path, sbom) = one_listed(lists_sboms()).await;
    let pull = manifests(NAME, &sbom.manifest.digest);
    world.both(&pull).await.assert_served(&sbom.manifest.bytes);
    world.revoke(&sbom.layers[0].digest).await;
    let listed = world.both(&path).await.json();
    assert_eq!(listed["manifests"], json!([]));
    assert_eq!(world.both(&pull).await.status, 403);
}

/// Waits until the one referrer, once pulled, is blocked by an advisory on `digest`.
async fn until_blocked(digest: impl Fn(&SampleImage) -> Digest) {
    let top = "advisories_dir = \"advisories\"";
    let setup = lists_sboms().top(top).file("advisories/1.toml", "");
    let (world, path, sbom) = one_listed(setup).await;
    let pull = manifests(NAME, &sbom.manifest.digest);
    let advisory = format!(
        "[[advisory]]\nid = \"SEC-1\"\ndigests = [\"{}\"]\neffect = \"block\"\n\
         reason = \"r\"\nlink = \"https://security.example/1\"\n",
        digest(&sbom)
    );
    world.put_file("advisories/1.toml", &advisory);
    eventually("it is refused", || async {
        world.get(&pull).await.status == 403
    })
    .await;
    let listed = world.both(&path).await.json();
    assert_eq!(listed["manifests"], json!([]));
}

#[tokio::test]
async fn a_referrer_that_an_advisory_blocks_is_not_listed() {
    until_blocked(|sbom| sbom.manifest.digest.clone()).await;
}

#[tokio::test]
async fn a_referrer_that_an_advisory_blocks_by_its_other_digest_is_not_listed() {
    until_blocked(|sbom| Digest::sha512(&sbom.manifest.bytes)).await;
}

#[tokio::test]
async fn a_list_of_referrers_hands_on_nothing_that_nobody_judged() {
    let world = World::of(lists_sboms()).await;
    let app = image("app");
    let sbom = app.referrer(SBOM, "{}");
    for image in [&app, &sbom] {
        world.hub.put_image("team/app", image);
    }
    world.admit(NAME, &app).await;
    let mut entry = sbom.manifest.descriptor();
    entry["artifactType"] = json!(SBOM);
    let mut more = entry.clone();
    more["unknown"] = json!({"run": "this"});
    let mut elsewhere = entry.clone();
    elsewhere["urls"] = json!(["https://elsewhere.example/sbom"]);
    let mut inline = entry.clone();
    inline["data"] = json!("e30=");
    let list = json!({
        "schemaVersion": 2,
        "manifests": [more, elsewhere, inline],
        "annotations": {"more": "text"},
    });
    let path = format!("/v2/{NAME}/referrers/{}", app.manifest.digest);
    for (body, expected) in [
        (list.to_string(), Some(json!([entry]))),
        ("{}".into(), None),
    ] {
        world.hub.heal();
        world
            .hub
            .inject("/referrers/", usize::MAX, Fault::Body(body));
        // Lists are remembered as long as a tag.
        world.advance(SignedDuration::from_secs(61));
        let reply = world.both(&path).await;
        match expected {
            Some(entries) => {
                let media_type = "application/vnd.oci.image.index.v1+json";
                let index = json!({
                    "schemaVersion": 2, "mediaType": media_type, "manifests": entries,
                });
                assert_eq!(reply.json(), index);
            }
            None => assert!(
                reply.status >= 500,
                "an unreadable list is not an empty one"
            ),
        }
    }
}

const COSIGN: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const SPDX: &str = "text/spdx+json";

fn lists_what_cosign_attaches() -> Setup {
    let keys = format!("referrer_types = [\"{COSIGN}\", \"{DSSE}\", \"{SPDX}\"]");
    Setup::default().production(&keys)
}

/// As cosign writes it: an image's config that says nothing, and no subject.
fn attachment(world: &World, media_type: &str, content: &str) -> (SampleContent, SampleContent) {
    let layer = piece(media_type, content);
    let config = json!({
        "architecture": "", "created": "0001-01-01T00:00:00Z", "history": [{}], "os": "",
        "rootfs": { "type": "layers", "diff_ids": [layer.digest.to_string()] }, "config": {},
    });
    let config = piece(
        "application/vnd.oci.image.config.v1+json",
        config.to_string(),
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI,
        "config": config.descriptor(), "layers": [layer.descriptor()],
    });
    let manifest = piece(OCI, manifest.to_string());
    for blob in [&config, &layer] {
        world.hub.put_blob("team/app", blob);
    }
    world.hub.put_manifest("team/app", &manifest);
    (manifest, layer)
}

fn attached_tag(image: &SampleImage, kind: &str) -> String {
    format!("sha256-{}.{kind}", image.manifest.digest.hex())
}

#[tokio::test]
async fn what_cosign_attaches_is_served_with_its_image_and_no_longer() {
    for (kind, media_type) in [("sig", COSIGN), ("att", DSSE), ("sbom", SPDX)] {
        let world = World::of(lists_what_cosign_attaches()).await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        let (manifest, layer) = attachment(&world, media_type, kind);
        let tag = attached_tag(&app, kind);
        world.hub.tag("team/app", &tag, &manifest.digest);
        let by_digest = manifests(NAME, &manifest.digest);
        let by_tag = manifests(NAME, &tag);
        // Nobody asked for the tag yet, so nobody knows what it is attached to.
        world
            .both(&by_digest)
            .await
            .assert_denied("manifest-refused");
        let reply = world.both(&by_tag).await;
        reply.assert_denied("not-in-admitted-image");
        world.admit(NAME, &app).await;
        world.advance(SignedDuration::from_millis(600));
        for path in [&by_tag, &by_digest] {
            world.both(path).await.assert_served(&manifest.bytes);
        }
        let content = blobs(NAME, &layer.digest);
        world.both(&content).await.assert_served(&layer.bytes);
        world.revoke(&app.manifest.digest).await;
        world.advance(SignedDuration::from_millis(600));
        for path in [&by_tag, &by_digest, &content] {
            assert_eq!(world.both(path).await.status, 403, "{path}");
        }
        world.reinstate(&app.manifest.digest).await;
        world.advance(SignedDuration::from_millis(600));
        world.both(&by_tag).await.assert_served(&manifest.bytes);
    }
}

#[tokio::test]
async fn an_attachment_is_known_after_a_restart() {
    let mut world = World::of(lists_what_cosign_attaches()).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let (manifest, layer) = attachment(&world, COSIGN, "signature");
    let tag = attached_tag(&app, "sig");
    world.hub.tag("team/app", &tag, &manifest.digest);
    world.admit(NAME, &app).await;
    let reply = world.both(&manifests(NAME, &tag)).await;
    reply.assert_served(&manifest.bytes);
    world.stop().await;
    world.serve().await;
    let reply = world.both(&blobs(NAME, &layer.digest)).await;
    reply.assert_served(&layer.bytes);
    let reply = world.both(&manifests(NAME, &manifest.digest)).await;
    reply.assert_served(&manifest.bytes);
}

/// The same bill of materials, attached to two images: one permitted image is enough.
#[tokio::test]
async fn one_attachment_of_two_images_is_served_with_either() {
    let world = World::of(lists_what_cosign_attaches()).await;
    let (app, other) = (image("app"), image("other"));
    let (manifest, _) = attachment(&world, SPDX, "the same");
    for image in [&app, &other] {
        world.hub.put_image("team/app", image);
        let tag = attached_tag(image, "sbom");
        world.hub.tag("team/app", &tag, &manifest.digest);
        world.admit(NAME, image).await;
        let reply = world.both(&manifests(NAME, &tag)).await;
        reply.assert_served(&manifest.bytes);
    }
    world.revoke(&app.manifest.digest).await;
    world.advance(SignedDuration::from_millis(600));
    let reply = world.both(&manifests(NAME, &manifest.digest)).await;
    reply.assert_served(&manifest.bytes);
    world.revoke(&other.manifest.digest).await;
    world.advance(SignedDuration::from_millis(600));
    let reply = world.both(&manifests(NAME, &manifest.digest)).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn a_tag_attaches_no_type_that_is_not_listed_and_nothing_elsewhere() {
    let world = World::of(lists_what_cosign_attaches()).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.admit(NAME, &app).await;
    let (other_type, _) = attachment(&world, "application/vnd.example", "x");
    let tag = attached_tag(&app, "sig");
    world.hub.tag("team/app", &tag, &other_type.digest);
    let reply = world.both(&manifests(NAME, &tag)).await;
    reply.assert_denied("manifest-refused");
    let (signature, _) = attachment(&world, COSIGN, "x");
    for tag in ["latest".to_owned(), attached_tag(&app, "other")] {
        world.hub.tag("team/app", &tag, &signature.digest);
        let reply = world.both(&manifests(NAME, &tag)).await;
        reply.assert_denied("manifest-refused");
    }
    let nobodys = attached_tag(&image("unknown"), "sig");
    world.hub.tag("team/app", &nobodys, &signature.digest);
    let reply = world.both(&manifests(NAME, &nobodys)).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn an_attachment_needs_no_promotion_where_tags_are_promoted() {
    let keys = format!("promoted_tags = true\nreferrer_types = [\"{COSIGN}\"]");
    let world = World::of(Setup::default().production(&keys)).await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let (manifest, _) = attachment(&world, COSIGN, "signature");
    let tag = attached_tag(&app, "sig");
    world.hub.tag("team/app", &tag, &manifest.digest);
    world.admit(NAME, &app).await;
    let reply = world.both(&manifests(NAME, &tag)).await;
    reply.assert_served(&manifest.bytes);
}

/// Whoever asks first, and in whatever order: a signature of a bill of materials is served
/// with the image that both lead to.
#[tokio::test]
async fn a_referrer_of_a_referrer_is_served_with_the_image_and_poisons_nothing() {
    let keys = format!("referrer_types = [\"{SBOM}\", \"{SIGNATURE}\"]");
    let world = World::of(Setup::default().production(&keys)).await;
    let app = image("app");
    let sbom = app.referrer(SBOM, "{}");
    let signature = sbom.referrer(SIGNATURE, "{}");
    let further = signature.referrer(SIGNATURE, "{\"more\": 1}");
    for image in [&app, &sbom, &signature, &further] {
        world.hub.put_image("team/app", image);
    }
    world.admit(NAME, &app).await;
    let served = [&app, &sbom, &signature];
    for images in [&[&further][..], &served[..], &[&further], &served] {
        for image in images {
            let path = manifests(NAME, &image.manifest.digest);
            let reply = world.both(&path).await;
            match image.manifest.digest == further.manifest.digest {
                // Deeper than a chain of referrers is followed.
                true => reply.assert_denied("not-in-admitted-image"),
                false => reply.assert_served(&image.manifest.bytes),
            }
        }
        world.advance(SignedDuration::from_millis(600));
    }
}

#[tokio::test]
async fn a_failure_to_read_the_subject_denies_no_referrer() {
    let keys = format!("require = []\nreferrer_types = [\"{SBOM}\"]");
    let world = World::of(Setup::default().production(&keys)).await;
    let app = image("app");
    let sbom = app.referrer(SBOM, "{}");
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &sbom);
    let subject = app.manifest.digest.to_string();
    world.hub.inject(&subject, usize::MAX, Fault::Status(500));
    let path = manifests(NAME, &sbom.manifest.digest);
    let reply = world.get(&path).await;
    assert!(reply.status >= 500, "{reply:?}");
    world.hub.heal();
    let served = || async {
        world.advance(SignedDuration::from_secs(2));
        let reply = world.get(&path).await;
        assert_ne!(reply.status, 403, "{reply:?}");
        reply.status == 200
    };
    eventually("the upstream is asked again", served).await;
}

/// Too new is what time alone ends.
#[tokio::test]
async fn a_referrer_is_served_once_its_subject_is_old_enough() {
    let keys = format!("require = []\nmin_age = \"1h\"\nreferrer_types = [\"{SBOM}\"]");
    let world = World::of(Setup::default().production(&keys)).await;
    let app = image("app");
    let sbom = app.referrer(SBOM, "{}");
    world.hub.put_image("team/app", &app);
    world.hub.put_image("team/app", &sbom);
    let paths = [&app, &sbom].map(|it| manifests(NAME, &it.manifest.digest));
    for path in &paths {
        assert_eq!(world.both(path).await.status, 403, "{path}");
    }
    world.advance_long(SignedDuration::from_mins(61)).await;
    for path in paths.iter().rev() {
        assert_eq!(world.both(path).await.status, 200, "{path}");
    }
}
