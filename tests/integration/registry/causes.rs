//! What a client, the status and metrics are told of an upstream that fails: the cause,
//! and whether it passes by itself.

use sekisho::demo::Fault;

use crate::kit::{Setup, World, blobs, image, manifests};

const NAME: &str = "docker.io/team/app";

/// A fault of an upstream's manifests, and what is said of it.
struct Case {
    fault: Fault,
    cause: &'static str,
    said: &'static str,
    heals: bool,
    status: u16,
}

fn cases() -> Vec<Case> {
    let case = |fault, cause, said, heals| Case {
        fault,
        cause,
        said,
        heals,
        status: 503,
    };
    let refused = |status, cause, said| Case {
        status: 403,
        ..case(Fault::Status(status), cause, said, false)
    };
    vec![
        refused(401, "refused-credentials", "refuses our credentials"),
        refused(403, "forbidden", "forbids it to our credentials"),
        case(Fault::WrongBytes, "wrong-bytes", "other bytes", false),
        case(
            Fault::With("content-encoding", "x-unknown".to_owned()),
            "unreadable-answer",
            "cannot be used",
            false,
        ),
        case(
            Fault::Status(400),
            "unreadable-answer",
            "it answers 400",
            false,
        ),
        case(Fault::Status(503), "server-error", "it answers 503", true),
        case(
            Fault::RateLimited(7200),
            "rate-limited",
            "limits our rate for 600 s",
            true,
        ),
        case(Fault::CutAfter(3), "broken-off", "the body broke off", true),
    ]
}

async fn world() -> World {
    World::of(Setup::default().production("mode = \"audit\"")).await
}

#[tokio::test]
async fn says_what_the_upstream_did_and_promises_no_more_than_will_come() {
    for Case {
        fault,
        cause,
        said,
        heals,
        status,
    } in cases()
    {
        let world = world().await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        world.hub.inject("/manifests/", usize::MAX, fault);
        let path = manifests(NAME, &app.manifest.digest);
        let reply = world.get(&path).await;
        let message = reply.message();
        assert_eq!(reply.phrase, message, "{cause}");
        assert!(
            message.starts_with("sekisho: not a policy denial: "),
            "{message}"
        );
        assert!(message.contains(said), "{cause}: {message}");
        assert_eq!(
            message.contains("retried automatically"),
            heals,
            "{message}"
        );
        assert_eq!(reply.status, status, "{message}");
        if status == 403 {
            assert_eq!(&*reply.code(), "DENIED", "{message}");
        }
        assert_eq!(reply.header("retry-after").is_some(), heals, "{message}");
        assert_told(&world, cause, said).await;
    }
}

/// The status and the metrics.
async fn assert_told(world: &World, cause: &str, said: &str) {
    let status = world.admin("GET", "/api/v1/status", None).await.json();
    let upstreams = status["upstreams"].as_array().unwrap();
    let hub = upstreams.iter().find(|one| one["name"] == "docker.io");
    let hub = hub.unwrap();
    assert_eq!(hub["cause"], cause, "{hub}");
    let detail = hub["detail"].as_str().unwrap();
    let known = said == "other bytes" || detail.contains(said);
    assert!(known, "{detail}");
    let page = world.parts().metrics.encode();
    let counted =
        format!("sekisho_upstream_failures_total{{upstream=\"docker.io\",cause=\"{cause}\"}} ");
    assert!(page.contains(&counted), "{cause}: {page}");
}

/// As Docker Hub answers for a repository that does not exist. Clients ask again at once
/// after a 503, and take a 404 for a tag that is gone.
#[tokio::test]
async fn what_the_upstream_refuses_to_us_is_refused_once_and_is_no_absence() {
    for status in [401, 403] {
        let world = world().await;
        let app = image("app");
        world.hub.put_image("team/app", &app);
        let path = manifests(NAME, &app.manifest.digest);
        let layer = blobs(NAME, &app.layers[0].digest);
        world.get(&path).await.assert_served(&app.manifest.bytes);
        world.get(&layer).await.assert_served(&app.layers[0].bytes);
        world.hub.inject("/v2/", usize::MAX, Fault::Status(status));
        for path in [manifests(NAME, "1"), manifests("docker.io/team/none", "1")] {
            let reply = world.both(&path).await;
            assert_eq!((reply.status, &*reply.code()), (403, "DENIED"), "{path}");
            assert_eq!(reply.header("retry-after"), None);
        }
        // What is here and permitted is served all the same.
        world.both(&path).await.assert_served(&app.manifest.bytes);
        world.both(&layer).await.assert_served(&app.layers[0].bytes);
    }
}

#[tokio::test]
async fn names_a_host_that_is_not_listed() {
    let world = world().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    let elsewhere = world.corp.origin().replace("127.0.0.1", "localhost");
    let away = Fault::Redirect(elsewhere);
    world.hub.inject("/blobs/", usize::MAX, away);
    let reply = world.get(&manifests(NAME, &app.manifest.digest)).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, None));
    let message = reply.message();
    assert!(message.contains("leads to localhost"), "{message}");
    assert!(message.contains("redirect_hosts"), "{message}");
    assert_eq!(world.corp.total(), 0);
    assert_told(&world, "refused-host", "leads to localhost").await;
}

#[tokio::test]
async fn asks_no_client_to_wait_longer_than_the_upstream_is_left_alone() {
    for after in [601, 86_400, u64::MAX] {
        let world = world().await;
        let limited = Fault::RateLimited(after);
        world.hub.inject("/manifests/", usize::MAX, limited);
        let reply = world.get(&manifests(NAME, "1")).await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("retry-after"), Some("600"));
    }
}

#[tokio::test]
async fn an_upstream_that_answers_again_is_up() {
    let world = world().await;
    let app = image("app");
    world.hub.put_image("team/app", &app);
    world.hub.inject("/manifests/", 1, Fault::Status(403));
    let path = manifests(NAME, &app.manifest.digest);
    assert_eq!(world.get(&path).await.status, 403);
    // A failure is remembered for two seconds.
    world.advance(jiff::SignedDuration::from_secs(3));
    assert_eq!(world.get(&path).await.status, 200);
    let status = world.admin("GET", "/api/v1/status", None).await.json();
    let upstreams = status["upstreams"].as_array().unwrap();
    let hub = upstreams.iter().find(|one| one["name"] == "docker.io");
    let hub = hub.unwrap();
    assert_eq!(hub["state"], "up", "{hub}");
    assert_eq!(hub.get("cause"), None, "{hub}");
}
