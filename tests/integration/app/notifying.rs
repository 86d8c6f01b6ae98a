//! People are told without asking: once, in time, and never at the cost of a decision.

use jiff::{SignedDuration, Timestamp};
use sekisho::app::config::Config;
use sekisho::ledger::{DeniedInUse, NoticeBatch};
use sekisho::oci::Digest;
use sekisho::trust::{
    Decision, DecisionId, Denial, DenialReason, Door, EnvironmentName, Exposure, ExposureSource,
    Mode, Outcome, Subject,
};
use serde_json::{Value, json};

use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME, eventually, trivy};
use crate::kit::receiver::{Received, Receiver};

/// A part of the address that nobody is to see.
const PATH: &str = "hunter2-path";

pub fn target(name: &str, receiver: &Receiver, keys: &str) -> String {
    let origin = &receiver.origin;
    format!("[[notify]]\nname = \"{name}\"\nurl = \"{origin}/{PATH}\"\n{keys}\n")
}

pub async fn lab(targets: &[String]) -> Lab {
    lab_of(ENVIRONMENTS, targets).await
}

async fn lab_of(environments: &str, targets: &[String]) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "hunter2-secret\n").unwrap();
    let rest = format!("{environments}\n{}", targets.concat());
    let lab = Lab::inside(folder, LISTENERS, &rest).await;
    // It knows where to begin.
    lab.looked("notify").await;
    lab
}

/// Denies a new image; its digest.
pub async fn denied(lab: &Lab, listener: usize, tag: &str) -> String {
    let (image, _) = lab.put(NAME, tag);
    let digest = image.manifest.digest.to_string();
    lab.pull(listener, NAME, &digest).await.expect(403);
    digest
}

/// Lets the time pass in which a message waits for others.
async fn gathered(lab: &Lab) {
    eventually("something waits", || async {
        let notices = lab.parts().ledger.notices().await.unwrap();
        notices.iter().any(|it| it.count > 0)
    })
    .await;
    lab.advance(SignedDuration::from_secs(11));
}

pub async fn received(receiver: &Receiver, count: usize) -> Vec<Received> {
    eventually("it is told", || async {
        receiver.received().len() >= count
    })
    .await;
    receiver.received()
}

#[tokio::test]
async fn the_first_denial_of_an_image_is_told_once_signed_and_with_its_link() {
    let receiver = Receiver::start().await;
    let lab = lab(&[target("all", &receiver, "secret_file = \"secret\"")]).await;
    let digest = denied(&lab, 0, "1").await;
    gathered(&lab).await;
    let told = received(&receiver, 1).await.remove(0);
    let event = told.json();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "sekisho.first-denial.v1");
    assert_eq!(told.headers["content-type"], "application/cloudevents+json");
    let thing = &event["data"]["things"][0];
    assert_eq!(thing["digest"], *digest);
    assert_eq!(thing["reason"], "not-scanned");
    assert!(!thing["next_step"].as_str().unwrap().is_empty(), "{event}");
    let link = thing["link"].as_str().unwrap();
    let path = link.strip_prefix(&lab.server()).unwrap();
    assert_eq!(lab.nobody("GET", path).send().await.status, 200, "{link}");
    let time = told.headers["x-sekisho-timestamp"].to_str().unwrap();
    let signature = told.headers["x-sekisho-signature"].to_str().unwrap();
    assert!(
        signature.starts_with("sha256=") && signature.len() == 71,
        "{signature}"
    );
    assert!(time.parse::<i64>().is_ok(), "{time}");
    // The same image again, after its minute, is no news; nor is it after a restart.
    lab.advance(SignedDuration::from_mins(2));
    lab.pull(0, NAME, &digest).await.expect(403);
    let lab = lab.restarted().await;
    lab.looked("notify").await;
    let other = denied(&lab, 0, "2").await;
    gathered(&lab).await;
    lab.advance(SignedDuration::from_mins(6));
    let told = received(&receiver, 2).await.remove(1).json();
    assert_eq!(told["data"]["count"], 1, "{told}");
    assert_eq!(told["data"]["things"][0]["digest"], *other);
    lab.stop().await;
}

pub fn decision(number: u32, time: Timestamp) -> Decision {
    Decision {
        id: DecisionId::from_random(u128::from(number) + 1),
        time,
        count: 1,
        door: Door::Registry,
        location: None,
        environment: EnvironmentName::parse("production").unwrap(),
        principal: "anonymous".to_owned(),
        unauthenticated: false,
        client: None,
        image: format!("registry.example/team/app:{number}"),
        upstream: Some("registry.example".parse().unwrap()),
        digest: Some(Digest::sha256(&number.to_be_bytes())),
        verdict: Outcome::Denied,
        reasons: vec![DenialReason::NotScanned],
        denials: Vec::new(),
        checks: Vec::new(),
        message: "denied".to_owned(),
        mode: Mode::Enforce,
        exposure: Exposure::External,
        exposure_source: ExposureSource::Listener,
        policy_revision: String::new(),
        evidence: Vec::new(),
        evidence_age_s: None,
        ledger_age_s: None,
        duration_us: 1,
    }
}

#[tokio::test]
async fn ten_thousand_denials_are_few_messages_of_bounded_size() {
    let receiver = Receiver::start().await;
    let lab = lab(&[target("all", &receiver, "")]).await;
    let now = lab.parts().gate.now();
    let flood: Vec<Decision> = (0..10_000).map(|number| decision(number, now)).collect();
    for batch in flood.chunks(500) {
        lab.parts().ledger.record_decisions(batch).await.unwrap();
    }
    let told = async || {
        let bodies = receiver.received().into_iter().map(|it| it.json());
        let count = |body: Value| body["data"]["count"].as_u64().unwrap();
        bodies.map(count).sum::<u64>()
    };
    eventually("all are told of", || async {
        lab.advance(SignedDuration::from_secs(11));
        lab.advance(SignedDuration::from_mins(5));
        lab.looked("notify").await;
        told().await == 10_000
    })
    .await;
    let messages = receiver.received();
    assert!(messages.len() <= 10, "{} messages", messages.len());
    for message in messages {
        assert!(
            message.body.len() < 16 << 10,
            "{} bytes",
            message.body.len()
        );
    }
    lab.stop().await;
}

#[tokio::test]
async fn what_did_not_get_through_is_tried_again_over_a_restart() {
    let receiver = Receiver::start().await;
    receiver.answer(503);
    let lab = lab(&[target("all", &receiver, "")]).await;
    let digest = denied(&lab, 0, "1").await;
    gathered(&lab).await;
    received(&receiver, 1).await;
    let failed = "sekisho_notifications_total{target=\"all\",result=\"failed\"} 1";
    eventually("the failure is counted", || async {
        lab.parts().metrics.encode().contains(failed)
    })
    .await;
    let lab = lab.restarted().await;
    receiver.answer(204);
    lab.looked("notify").await;
    lab.advance(SignedDuration::from_mins(1));
    let told = received(&receiver, 2).await.remove(1).json();
    assert_eq!(told["data"]["things"][0]["digest"], *digest);
    let sent = "sekisho_notifications_total{target=\"all\",result=\"sent\"} 1";
    eventually("the message is counted", || async {
        lab.parts().metrics.encode().contains(sent)
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn a_receiver_that_never_takes_a_message_loses_it_after_a_day() {
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let lab = lab(&[target("dead", &receiver, "")]).await;
    denied(&lab, 0, "1").await;
    gathered(&lab).await;
    received(&receiver, 1).await;
    lab.advance_long(SignedDuration::from_hours(25)).await;
    let dropped = "sekisho_notifications_total{target=\"dead\",result=\"dropped\"} 1";
    eventually("it is given up", || async {
        lab.parts().metrics.encode().contains(dropped)
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_neither_decisions_nor_other_receivers() {
    let (stuck, quick) = (Receiver::start().await, Receiver::start().await);
    stuck.hang();
    let lab = lab(&[target("stuck", &stuck, ""), target("quick", &quick, "")]).await;
    denied(&lab, 0, "1").await;
    gathered(&lab).await;
    received(&stuck, 1).await;
    // While it hangs.
    let digest = denied(&lab, 0, "2").await;
    assert!(digest.starts_with("sha256:"));
    received(&quick, 1).await;
    lab.stop().await;
}

#[tokio::test]
async fn overrides_are_told_where_they_are_wanted_and_in_the_form_that_is_wanted() {
    let (slack, teams) = (Receiver::start().await, Receiver::start().await);
    let targets = [
        target(
            "slack",
            &slack,
            "format = \"slack\"\nevents = [\"override\"]",
        ),
        target(
            "teams",
            &teams,
            "format = \"teams\"\nenvironments = [\"staging\"]",
        ),
    ];
    let lab = lab(&targets).await;
    denied(&lab, 0, "1").await;
    let mode = json!({"environment": "staging", "mode": "audit", "hours": 1, "ticket": "OPS-7",
                      "reason": "the scanner is down"});
    let set = lab.api("POST", "/api/v1/modes").json(&mode).send().await;
    assert_eq!(set.status, 200, "{}", set.text());
    gathered(&lab).await;
    let told = received(&slack, 1).await.remove(0).json();
    let text = told["text"].as_str().unwrap();
    assert!(
        text.contains("override in staging") && text.contains("OPS-7"),
        "{text}"
    );
    let told = received(&teams, 1).await.remove(0).json();
    let card = &told["attachments"][0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    assert!(card.to_string().contains("OPS-7"), "{card}");
    lab.advance(SignedDuration::from_mins(10));
    lab.looked("notify").await;
    assert_eq!((slack.received().len(), teams.received().len()), (1, 1));
    lab.stop().await;
}

#[tokio::test]
async fn a_running_image_that_turned_bad_is_told_and_one_that_was_revoked_by_name() {
    let receiver = Receiver::start().await;
    let lab = lab(&[target("all", &receiver, "")]).await;
    let running = |number: u32, reason: DenialReason| DeniedInUse {
        subject: Subject {
            environment: EnvironmentName::parse("production").unwrap(),
            repository: "registry.example/team/app".parse().unwrap(),
            digest: Digest::sha256(&number.to_be_bytes()),
        },
        denial: Denial::new(reason, "it turned bad", "look at it"),
        is_running: true,
        since: lab.parts().gate.now(),
    };
    let found = [
        running(1, DenialReason::Revoked),
        running(2, DenialReason::ScanStale),
    ];
    // The program's own rounds know of no Pod and take it back at once: it is said again and
    // again, until a round of the notifier finds it.
    eventually("both wait", || async {
        lab.parts().ledger.note_in_use(&found, &[]).await.unwrap();
        lab.parts().ledger.notices().await.unwrap().len() == 2
    })
    .await;
    lab.advance(SignedDuration::from_secs(11));
    let told = received(&receiver, 2).await;
    let mut types: Vec<String> = told
        .iter()
        .map(|it| it.json()["type"].as_str().unwrap().to_owned())
        .collect();
    types.sort();
    assert_eq!(
        types,
        ["sekisho.revoked-running.v1", "sekisho.turned-bad.v1"]
    );
    lab.stop().await;
}

#[tokio::test]
async fn what_will_be_denied_tomorrow_is_told_once_a_day() {
    let receiver = Receiver::start().await;
    let short = "max_report_age = \"2d\"\ngrace_for_admitted = \"0s\"\n";
    let environments = format!("{ENVIRONMENTS}{short}");
    let targets = [target("all", &receiver, "events = [\"forecast\"]")];
    let lab = lab_of(&environments, &targets).await;
    let (image, named) = lab.put(NAME, "1");
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let digest = image.manifest.digest.to_string();
    assert_eq!(lab.pull(1, NAME, &digest).await.status, 200);
    lab.looked("facts").await;
    // Its scan counts for two days.
    lab.advance_long(SignedDuration::from_hours(36)).await;
    gathered(&lab).await;
    let told = received(&receiver, 1).await.remove(0).json();
    assert_eq!(told["type"], "sekisho.forecast.v1", "{told}");
    assert_eq!(told["data"]["environment"], "staging");
    assert_eq!(told["data"]["things"][0]["digest"], *digest);
    lab.stop().await;
}

#[tokio::test]
async fn a_sample_says_what_was_answered_and_nothing_shows_a_secret() {
    let receiver = Receiver::start().await;
    let secret = "secret_file = \"secret\"";
    let nowhere = "[[notify]]\nname = \"nowhere\"\nurl = \"http://127.0.0.1:1/hunter2\"\n";
    let guarded = "[[notify]]\nname = \"guarded\"\nurl = \"http://169.254.169.254/hunter2\"\n";
    let targets = [
        target("good", &receiver, secret),
        nowhere.to_owned(),
        guarded.to_owned(),
    ];
    let lab = lab(&targets).await;
    let ask = async |body: Value| {
        let ask = lab.api("POST", "/api/v1/notifications/test").json(&body);
        ask.send().await
    };
    let answer = ask(json!({})).await;
    let told = answer.expect(200);
    let of = |name: &str| {
        let targets = told["targets"].as_array().unwrap().clone();
        targets.into_iter().find(|it| it["name"] == name).unwrap()
    };
    assert_eq!(of("good")["status"], 200);
    assert!(
        of("nowhere")["error"]
            .as_str()
            .unwrap()
            .contains("connected")
    );
    assert!(
        of("guarded")["error"]
            .as_str()
            .unwrap()
            .contains("addresses")
    );
    assert!(!answer.text().contains("hunter2"), "{}", answer.text());
    let config = Config::load(Some(&lab.file()), |_| None, Timestamp::now()).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let sample = receiver.received().remove(0);
    assert_eq!(
        (sample.path.as_str(), sample.json()["type"].as_str()),
        (format!("/{PATH}").as_str(), Some("sekisho.test.v1"),)
    );
    // It is not led elsewhere.
    receiver.answer(302);
    let told = ask(json!({"name": "good"})).await.expect(200);
    assert!(
        told["targets"][0]["error"]
            .as_str()
            .unwrap()
            .contains("redirects"),
        "{told}"
    );
    assert!(receiver.received().iter().all(|it| it.path != "/elsewhere"));
    let (code, _) = ask(json!({"name": "nobody"})).await.refusal(404);
    assert_eq!(code, "not-found");
    let viewer = lab.token(json!({"name": "viewer", "role": "viewer"})).await;
    let ask = lab
        .nobody("POST", "/api/v1/notifications/test")
        .token(&viewer);
    ask.json(&json!({})).send().await.refusal(403);
    lab.stop().await;
}

/// So replicas tell it once.
#[tokio::test]
async fn of_two_who_read_the_same_one_alone_tells_it() {
    let receiver = Receiver::start().await;
    let lab = lab(&[target("all", &receiver, "events = [\"forecast\"]")]).await;
    let ledger = &lab.parts().ledger;
    let moved = async |before, after| {
        let batch = NoticeBatch {
            cursor: Some(("another", before, after)),
            ..NoticeBatch::default()
        };
        ledger.keep_notices(&batch).await.unwrap()
    };
    assert!(moved(None, 5).await);
    assert!(!moved(None, 5).await, "both read from the beginning");
    assert!(moved(Some(5), 6).await);
    assert!(!moved(Some(5), 6).await, "both read behind the fifth");
    assert_eq!(ledger.notice_cursor("another").await.unwrap(), Some(6));
    lab.stop().await;
}

#[tokio::test]
async fn a_target_goes_on_with_what_its_files_hold_now_and_the_status_shows_it() {
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("url"),
        format!("{}/{PATH}\n", old.origin),
    )
    .unwrap();
    std::fs::write(folder.path().join("secret"), "hunter2-secret\n").unwrap();
    let keys = "[[notify]]\nname = \"all\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n";
    let lab = Lab::inside(folder, LISTENERS, &format!("{ENVIRONMENTS}\n{keys}")).await;
    let test = || async {
        lab.api("POST", "/api/v1/notifications/test")
            .json(&json!({}))
            .send()
            .await
    };
    let shown = || async {
        let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
        status["notifications"][0].clone()
    };
    assert_eq!(shown().await, json!({"name": "all", "waiting": 0}));
    test().await.expect(200);
    assert_eq!(shown().await["status"], 200);
    // What holds no address, or no secret, changes nothing.
    for (file, text) in [("url", "nowhere"), ("secret", "\n")] {
        lab.put_file(file, text);
        lab.looked("notify files").await;
    }
    test().await.expect(200);
    assert_eq!((old.received().len(), new.received().len()), (2, 0));
    lab.put_file("url", &format!("{}/{PATH}", new.origin));
    lab.put_file("secret", "hunter3-secret");
    lab.looked("notify files").await;
    new.answer(503);
    test().await.expect(200);
    assert_eq!((old.received().len(), new.received().len()), (2, 1));
    let signed = |it: &Received| it.headers["x-sekisho-signature"].clone();
    assert_ne!(signed(&old.received()[1]), signed(&new.received()[0]));
    let after = shown().await;
    assert_eq!(after["error"], "it answered 503", "{after}");
    assert!(!after.to_string().contains(PATH), "{after}");
    lab.stop().await;
}
