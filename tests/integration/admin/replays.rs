//! Another policy, tried on what was decided.

use std::future::poll_fn;
use std::pin::pin;

use jiff::{SignedDuration, Timestamp};
use sekisho::gate::{ExposureInput, Replay};
use sekisho::trust::Exposure;
use serde_json::{Value, json};

use crate::kit::lab::{ENVIRONMENTS, Lab, NAME, eventually, trivy};
use crate::kit::{World, image, manifests};

async fn replay(lab: &Lab, policy: &str) -> crate::kit::lab::Answer {
    let since = Timestamp::now() - SignedDuration::from_hours(1);
    let body = json!({"policy": policy, "since": since.to_string()});
    lab.api("POST", "/api/v1/replays").json(&body).send().await
}

/// A gateway with one decision on record: an image with a high finding, for
/// staging.
async fn decided(environments: &str, verdict: &str) -> (Lab, String) {
    let listeners = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"staging\"";
    let lab = Lab::with(listeners, environments).await;
    let (image, named) = lab.put(NAME, "1");
    lab.submit(&lab.token, &named, &trivy(&image, &["HIGH"]))
        .await
        .expect(200);
    lab.pull(0, NAME, "1").await;
    let path = format!("/api/v1/decisions?verdict={verdict}");
    eventually("the decision on record", || async {
        let listed = lab.api("GET", &path).send().await.expect(200);
        !listed["decisions"].as_array().unwrap().is_empty()
    })
    .await;
    (lab, named)
}

const UPSTREAM: &str = "[[upstreams]]\nname = \"registry.example\"\n";

#[tokio::test]
async fn a_laxer_policy_shows_what_it_would_let_through() {
    let (lab, _) = decided(ENVIRONMENTS, "denied").await;
    let laxer = format!(
        "{UPSTREAM}[environments.staging]\nrequire = [\"scan\"]\n\
         ceilings = {{ external = \"high\", internal = \"high\" }}"
    );
    let answer = replay(&lab, &laxer).await.expect(200);
    assert_eq!(
        (&answer["judged"], &answer["unknown"]),
        (&json!(1), &json!(0))
    );
    let change = &answer["changes"][0];
    assert_eq!(
        (&change["before"]["verdict"], &change["after"]["verdict"]),
        (&json!("denied"), &json!("allowed"))
    );
    assert_eq!(change["before"]["reasons"], json!(["too-severe"]));
    // Nothing changed: it is only tried.
    assert_eq!(lab.pull(0, NAME, "1").await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn a_stricter_policy_shows_whom_it_would_hurt() {
    let audit = "[environments.staging]\nmode = \"audit\"\nrequire = [\"scan\"]\n";
    let (lab, named) = decided(audit, "would-deny").await;
    let enforce = format!("{UPSTREAM}[environments.staging]\nrequire = [\"scan\"]\n");
    let answer = replay(&lab, &enforce).await.expect(200);
    let change = &answer["changes"][0];
    assert_eq!(
        (&change["before"]["verdict"], &change["after"]["verdict"]),
        (&json!("would-deny"), &json!("denied"))
    );
    assert!(named.ends_with(change["digest"].as_str().unwrap()));
    let same = replay(&lab, &format!("{UPSTREAM}{audit}"))
        .await
        .expect(200);
    assert_eq!(same["changes"], json!([]));
    lab.stop().await;
}

#[tokio::test]
async fn a_policy_that_does_not_hold_together_is_refused_with_every_problem() {
    let (lab, _) = decided(ENVIRONMENTS, "denied").await;
    let (code, text) = replay(&lab, "[environments.staging]\nmode = \"mild\"\nmin_age = 7")
        .await
        .refusal(400);
    assert_eq!(code, "bad-request");
    assert!(text.contains("environments.staging.mode"), "{text}");
    assert!(text.contains("environments.staging.min_age"), "{text}");
    lab.stop().await;
}

#[tokio::test]
async fn a_section_that_no_configuration_has_is_refused_by_its_place_in_the_policy() {
    let (lab, _) = decided(ENVIRONMENTS, "denied").await;
    let (code, text) = replay(&lab, "[enviroments.production]\n")
        .await
        .refusal(400);
    assert_eq!(code, "bad-request");
    assert!(
        text.starts_with("policy:1:2: enviroments: is unknown"),
        "{text}"
    );
    lab.stop().await;
}

/// The server reads no file that somebody else's policy names.
#[tokio::test]
async fn a_policy_to_try_reads_no_file() {
    let (lab, _) = decided(ENVIRONMENTS, "denied").await;
    let policy = format!(
        "{UPSTREAM}ca = \"/etc/passwd\"\ncredentials = {{ docker_config = \"/etc/shadow\" }}\n\
         [environments.staging]\nrequire = [\"scan\"]\n"
    );
    let answer: Value = replay(&lab, &policy).await.expect(200);
    assert_eq!(answer["changes"], json!([]), "{answer}");
    let missing =
        format!("{UPSTREAM}ca = \"/no/such/file\"\n[environments.staging]\nrequire = []\n");
    replay(&lab, &missing).await.expect(200);
    lab.stop().await;
}

#[tokio::test]
async fn a_policy_larger_than_a_file_of_one_may_be_is_refused_unread() {
    let (lab, _) = decided(ENVIRONMENTS, "denied").await;
    let large = format!("x = [{}1]\n", "1,".repeat(600_000));
    let since = "2026-01-01T00:00:00Z";
    for body in [
        json!({"policy": large, "since": since}),
        json!({"policy": UPSTREAM, "since": since, "advisories": [{"name": "a.toml", "text": large}]}),
    ] {
        let ask = lab.api("POST", "/api/v1/replays").json(&body);
        let (_, text) = ask.send().await.refusal(400);
        assert!(text.contains("is over 1 MiB"), "{text}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn exceptions_and_advisories_are_tried_with_their_policy() {
    let (lab, _) = decided(ENVIRONMENTS, "denied").await;
    let exception = "[[exception]]\nvulnerabilities = [\"CVE-2026-1234\"]\n\
                     images = [\"registry.example/team/**\"]\nreason = \"r\"\n\
                     link = \"https://git.example/7\"\nowner = \"team\"\n";
    let last_day = (Timestamp::now() + SignedDuration::from_hours(24 * 30)).to_string();
    let tried = |text: String| {
        json!({
            "policy": format!("{UPSTREAM}{ENVIRONMENTS}"), "since": "2026-01-01T00:00:00Z",
            "exceptions": [{"name": "team.toml", "text": text}],
        })
    };
    let body = tried(format!("{exception}expires = {}\n", &last_day[..10]));
    let ask = lab.api("POST", "/api/v1/replays").json(&body);
    let answer = ask.send().await.expect(200);
    assert_eq!(
        answer["changes"][0]["after"]["verdict"], "allowed",
        "{answer}"
    );
    // A bad one is named with its file.
    let ask = lab
        .api("POST", "/api/v1/replays")
        .json(&tried(exception.to_owned()));
    let (_, text) = ask.send().await.refusal(400);
    assert!(
        text.contains("team.toml") && text.contains("expires"),
        "{text}"
    );
    assert_eq!(lab.pull(0, NAME, "1").await.status, 403);
    lab.stop().await;
}

#[tokio::test]
async fn an_environment_that_is_gone_is_counted() {
    let (lab, _) = decided(ENVIRONMENTS, "denied").await;
    let answer = replay(&lab, &format!("{UPSTREAM}[environments.elsewhere]\n"))
        .await
        .expect(200);
    assert_eq!(
        (&answer["homeless"], &answer["judged"]),
        (&json!(1), &json!(0))
    );
    lab.stop().await;
}

#[tokio::test]
async fn a_replay_lets_others_be_answered_between_any_two_images() {
    const IMAGES: usize = 40;
    let world = World::start().await;
    for number in 0..IMAGES {
        let image = image(&number.to_string());
        world.hub.put_image("team/app", &image);
        let path = manifests("docker.io/team/app", &image.manifest.digest);
        assert_eq!(world.get(&path).await.status, 403);
    }
    world.decisions("denied", IMAGES).await;
    let gate = &world.parts().gate;
    let rulebook = gate.rulebook();
    let replay = Replay {
        other: &rulebook,
        since: Timestamp::MIN,
        exposure: &|_| ExposureInput::Listener(Exposure::External),
        is_visible: &|_, _| true,
        now: gate.now(),
    };
    let mut turns = 0;
    let mut replaying = pin!(gate.replay(&replay));
    let replayed = poll_fn(|context| {
        turns += 1;
        replaying.as_mut().poll(context)
    });
    assert_eq!(replayed.await.unwrap().judged, IMAGES as u64);
    assert!(turns > IMAGES, "{turns}");
}
