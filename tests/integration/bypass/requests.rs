//! Bypasses 31 and 32: what a client adds to a request that is denied without it.

use sekisho::demo::SampleImage;

use crate::kit::{Reply, World, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

/// An image that was served until it was revoked, so that all of it is at hand.
async fn revoked() -> (World, SampleImage) {
    let world = World::start().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.tag("team/app", "1", &app.manifest.digest);
    world.admit(NAME, &app).await;
    for path in paths(&app) {
        assert_eq!(world.get(&path).await.status, 200, "{path}");
    }
    world.revoke(&app.manifest.digest).await;
    (world, app)
}

fn paths(app: &SampleImage) -> [String; 4] {
    [
        manifests(NAME, "1"),
        manifests(NAME, &app.manifest.digest),
        blobs(NAME, &app.config.digest),
        blobs(NAME, &app.layers[0].digest),
    ]
}

async fn ask(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    world.send(0, method, path, headers).await.reply().await
}

/// Bypass 31: 304 and 206 are answers as well, and so is 416 with a size.
#[tokio::test]
async fn neither_a_range_nor_a_condition_gets_more_than_a_plain_request() {
    let (world, app) = revoked().await;
    for path in paths(&app) {
        for digest in [
            &app.manifest.digest,
            &app.config.digest,
            &app.layers[0].digest,
        ] {
            let (tag, bare) = (format!("\"{digest}\""), digest.to_string());
            for headers in [
                vec![("If-None-Match", tag.as_str())],
                vec![("If-None-Match", bare.as_str())],
                vec![("If-None-Match", "*")],
                vec![("If-Match", "\"another\"")],
                vec![("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")],
                vec![("Range", "bytes=0-0")],
                vec![("Range", "bytes=99999999-")],
                vec![("Range", "bytes=0-0"), ("If-Range", tag.as_str())],
            ] {
                for method in ["HEAD", "GET"] {
                    let reply = ask(&world, method, &path, &headers).await;
                    reply.assert_denied("revoked");
                    assert_eq!(reply.header("content-range"), None, "{headers:?}");
                }
            }
        }
    }
}

/// Bypass 32: no type, language, coding or address that a client wishes for chooses other
/// bytes, or whether they are judged.
#[tokio::test]
async fn nothing_that_a_client_wishes_for_chooses_what_is_judged_or_served() {
    let (world, app) = revoked().await;
    let other = image("other");
    world.hub.put_image("team/app", &other);
    world.admit(NAME, &other).await;
    let good = manifests(NAME, &other.manifest.digest);
    for header in [
        ("Accept", "application/vnd.oci.image.index.v1+json"),
        (
            "Accept",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
        ),
        ("Accept", "text/html"),
        ("Accept", "*/*;q=0"),
        ("Accept-Encoding", "gzip"),
        ("TE", "trailers"),
        ("X-Original-URL", "/v2/"),
        ("X-Rewrite-URL", good.as_str()),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("X-Forwarded-Host", "127.0.0.1"),
        ("X-Forwarded-Prefix", "/api"),
        ("Forwarded", "for=127.0.0.1;host=localhost"),
        ("Docker-Content-Digest", "sha256:0"),
        ("OCI-Namespace", "registry.corp:5000"),
    ] {
        for path in paths(&app) {
            ask(&world, "GET", &path, &[header])
                .await
                .assert_denied("revoked");
        }
        let reply = ask(&world, "GET", &good, &[header]).await;
        reply.assert_served(&other.manifest.bytes);
        let served = reply.header("docker-content-digest");
        assert_eq!(served, Some(other.manifest.digest.to_string().as_str()));
    }
}
