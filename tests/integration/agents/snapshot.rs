//! What agents are told.

use std::time::Duration;

use jiff::SignedDuration;
use sekisho::ledger::NewBreakGlass;
use sekisho::node_snapshot::{AgentMode, OnRevoked, SignedSnapshot, canary};
use sekisho::oci::Digest;
use serde_json::json;

use super::stage::{
    STAGING, agent, denied, follow, gateway, gateway_with, pulled, reinstate, revoke, rules,
};
use crate::kit::lab::{LISTENERS, Lab, NAME, eventually, named, trivy};

#[tokio::test]
async fn a_revoked_image_must_not_start_by_any_of_its_digests() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    for digest in [&image.manifest, &image.config] {
        assert_eq!(denied(&lab, &token, digest).await, None);
    }
    revoke(&lab, &lab.token, &image.named).await;
    for digest in [&image.manifest, &image.config] {
        assert_eq!(
            denied(&lab, &token, digest).await.as_deref(),
            Some("revoked")
        );
    }
    reinstate(&lab, &image.named).await;
    for digest in [&image.manifest, &image.config] {
        assert_eq!(denied(&lab, &token, digest).await, None);
    }
    lab.stop().await;
}

#[tokio::test]
async fn what_is_said_of_another_environment_reaches_no_agent() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    let within = |environment| json!({"image": image.named, "environment": environment, "reason": "backdoor"});
    let revoked = lab.api("POST", "/api/v1/revocations");
    revoked.json(&within("production")).send().await.expect(200);
    assert_eq!(denied(&lab, &token, &image.manifest).await, None);
    let revoked = lab.api("POST", "/api/v1/revocations");
    revoked.json(&within("staging")).send().await.expect(200);
    let grant = json!({"image": image.named, "environment": "production", "ticket": "INC-1",
        "hours": 1, "reason": "no other image yet", "revoked": true});
    let granted = lab.api("POST", "/api/v1/break-glass");
    granted.json(&grant).send().await.expect(200);
    let is_told = async |lab: &Lab| {
        for digest in [&image.manifest, &image.config] {
            let told = denied(lab, &token, digest).await;
            assert_eq!(told.as_deref(), Some("revoked"));
        }
    };
    is_told(&lab).await;
    let lab = lab.restarted().await;
    is_told(&lab).await;
    lab.stop().await;
}

/// A runtime may know an image by either digest of its bytes.
#[tokio::test]
async fn what_is_revoked_by_one_digest_must_not_start_by_the_other() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    let (mut again, _) = lab.put(NAME, "1");
    again.manifest.digest = Digest::sha512(&again.manifest.bytes);
    let other = again.manifest.digest.clone();
    lab.upstream.put_manifest(NAME, &again.manifest);
    revoke(&lab, &lab.token, &named(NAME, &other)).await;
    // Now both are known to be of the same bytes.
    let got = lab.pull(STAGING, NAME, &other.to_string()).await;
    assert_eq!(got.status, 403, "{}", got.text());
    for digest in [&other, &image.manifest, &image.config] {
        assert_eq!(
            denied(&lab, &token, digest).await.as_deref(),
            Some("revoked"),
            "{digest}"
        );
    }
    lab.stop().await;
}

#[tokio::test]
async fn an_agent_is_told_what_the_configuration_says() {
    let keys = "mode = \"strict\"\non_revoked = \"evict\"\nmax_silence = \"10m\"";
    let lab = gateway(keys).await;
    let token = agent(&lab, "staging").await;
    let told = follow(&lab, &token, None, 0).await;
    let terms = told.snapshot().terms();
    assert_eq!(terms.environment, "staging");
    assert_eq!(
        (terms.mode, terms.on_revoked),
        (AgentMode::Strict, OnRevoked::Evict)
    );
    assert_eq!(terms.max_silence_seconds, 600);
    assert_eq!(told.snapshot().denied(canary()), Some("canary"));
    // And anew, when that changes.
    let listeners = format!("advisories_dir = \"advisories\"\n{LISTENERS}");
    lab.rewrite(&listeners, &rules("mode = \"enforce\"", ""));
    let next = follow(&lab, &token, Some(&told), 20).await;
    assert_eq!(next.snapshot().terms().mode, AgentMode::Enforce);
    lab.stop().await;
}

#[tokio::test]
async fn who_waits_hears_of_a_revocation_and_of_nothing_else() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    let held = follow(&lab, &token, None, 0).await;
    // What is new to the ledger and no news to agents.
    let (other, other_named) = lab.put("team/other", "1");
    lab.submit(&lab.token, &other_named, &trivy(&other, &[]))
        .await
        .expect(200);
    let same = follow(&lab, &token, Some(&held), 0).await;
    assert_eq!(
        same.snapshot().denied_count(),
        held.snapshot().denied_count()
    );
    let revoked = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        revoke(&lab, &lab.token, &image.named).await;
    };
    let (told, ()) = tokio::join!(follow(&lab, &token, Some(&same), 30), revoked);
    assert_eq!(told.snapshot().denied(&image.manifest), Some("revoked"));
    assert!(told.snapshot().terms().sequence > held.snapshot().terms().sequence);
    lab.stop().await;
}

/// The ledger has no number for it: what is said changes under the same one.
#[tokio::test]
async fn who_waits_hears_of_the_end_of_break_glass() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    revoke(&lab, &lab.token, &image.named).await;
    // Behind these the grant and time alone change what agents are told.
    lab.looked("acts").await;
    lab.looked("facts").await;
    let now = lab.parts().gate.now();
    let lasts = SignedDuration::from_secs(2);
    let grant = NewBreakGlass {
        environment: "staging".parse().unwrap(),
        digest: image.manifest.clone(),
        image: None,
        ticket: "INC-1".to_owned(),
        reason: "no other image yet".to_owned(),
        granted_by: "admin".to_owned(),
        granted_at: now,
        until: now + lasts,
        lifts_revocation: true,
    };
    let granted = lab.parts().ledger.grant_break_glass(grant).await;
    granted.unwrap();
    let mut held = follow(&lab, &token, None, 0).await;
    while held.snapshot().denied(&image.manifest).is_some() {
        held = follow(&lab, &token, Some(&held), 20).await;
    }
    let ended = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lab.advance(lasts);
    };
    let (told, ()) = tokio::join!(follow(&lab, &token, Some(&held), 20), ended);
    assert_eq!(told.snapshot().denied(&image.manifest), Some("revoked"));
    let number = |of: &SignedSnapshot| of.snapshot().terms().sequence;
    assert_eq!(number(&told), number(&held));
    // Nobody who holds this takes the other one back.
    let now = lab.parts().gate.now();
    assert!(held.may_follow(Some(&told), "staging", now).is_err());
    lab.stop().await;
}

#[tokio::test]
async fn an_agent_that_holds_something_unknown_is_told_everything() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    revoke(&lab, &lab.token, &image.named).await;
    let answer = super::stage::ask(&lab, &token, "environment=staging&since=0").await;
    let kind = answer.header("content-type").unwrap_or_default();
    assert_eq!(kind, sekisho::api::SNAPSHOT_MEDIA_TYPE);
    let ahead = format!("environment=staging&since={}", u64::MAX);
    assert_eq!(super::stage::ask(&lab, &token, &ahead).await.status, 304);
    for since in ["", "-1", "7-0", "18446744073709551616", &"9".repeat(10_000)] {
        let query = format!("environment=staging&since={since}");
        let answer = super::stage::ask(&lab, &token, &query).await;
        assert!(
            [400, 431].contains(&answer.status),
            "{since:.30}: {}",
            answer.status
        );
    }
    lab.stop().await;
}

#[tokio::test]
async fn what_harms_must_not_start_and_what_lacks_evidence_may() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    let advisory = format!(
        "[[advisory]]\nid = \"SEC-1\"\ndigests = [\"{}\"]\neffect = \"block\"\n\
         reason = \"exploited\"\nlink = \"https://x.example/1\"\n",
        image.manifest
    );
    lab.put_file("advisories/one.toml", &advisory);
    for digest in [&image.manifest, &image.config] {
        eventually("an advisory reaches agents", || async {
            denied(&lab, &token, digest).await.as_deref() == Some("blocked-by-advisory")
        })
        .await;
    }
    lab.remove_file("advisories/one.toml");
    eventually("it is lifted", || async {
        denied(&lab, &token, &image.manifest).await.is_none()
    })
    .await;
    lab.advance_long(jiff::SignedDuration::from_hours(31 * 24))
        .await;
    lab.looked("rejudge").await;
    assert_eq!(denied(&lab, &token, &image.manifest).await, None);
    lab.stop().await;
}

#[tokio::test]
async fn what_is_too_severe_must_not_start_where_the_operator_says_so() {
    for (keys, expected) in [("", None), ("too_severe = true", Some("too-severe"))] {
        let lab = gateway(&format!("mode = \"enforce\"\n{keys}")).await;
        let token = agent(&lab, "staging").await;
        let image = pulled(&lab, NAME).await;
        let (again, _) = lab.put(NAME, "1");
        lab.submit(&lab.token, &image.named, &trivy(&again, &["CRITICAL"]))
            .await
            .expect(200);
        eventually("it is judged again", || async {
            let found = lab.parts().ledger.denied_in_use(0, None).await.unwrap();
            !found.is_empty()
        })
        .await;
        eventually("agents are told", || async {
            denied(&lab, &token, &image.manifest).await.as_deref() == expected
        })
        .await;
        lab.stop().await;
    }
}

#[tokio::test]
async fn strict_agents_know_what_was_let_in() {
    let lab = gateway("mode = \"strict\"").await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    let (_, never_pulled) = lab.put("team/other", "1");
    let digest = never_pulled.rsplit_once('@').unwrap().1;
    eventually("what was pulled is permitted", || async {
        let told = follow(&lab, &token, None, 0).await;
        let snapshot = told.snapshot();
        snapshot.permits(&image.manifest) && snapshot.permits(&image.config)
    })
    .await;
    let told = follow(&lab, &token, None, 0).await;
    assert!(!told.snapshot().permits(&Digest::parse(digest).unwrap()));
    revoke(&lab, &lab.token, &image.named).await;
    let told = follow(&lab, &token, None, 0).await;
    assert!(!told.snapshot().permits(&image.manifest));
    assert!(!told.snapshot().permits(&image.config));
    lab.stop().await;
}

#[tokio::test]
async fn platform_images_are_never_refused() {
    let image = crate::kit::lab::sample("team/app:1", "amd64");
    let table = format!(
        "[[environments.staging.platform_images]]\ndigest = \"{}\"\nreason = \"cni\"\n",
        image.manifest.digest
    );
    let lab = gateway_with("mode = \"enforce\"", &table).await;
    let token = agent(&lab, "staging").await;
    let image = pulled(&lab, NAME).await;
    revoke(&lab, &lab.token, &image.named).await;
    let told = follow(&lab, &token, None, 0).await;
    for digest in [&image.manifest, &image.config] {
        assert_eq!(told.snapshot().denied(digest), None);
        assert!(told.snapshot().permits(digest));
    }
    lab.stop().await;
}

#[tokio::test]
async fn a_narrow_revocation_stops_no_other_teams_image_on_a_node() {
    let lab = gateway("mode = \"enforce\"").await;
    let token = agent(&lab, "staging").await;
    let one = pulled(&lab, "team-a/app").await;
    let narrow = json!({"name": "a", "role": "on-call",
        "repositories": ["registry.example/team-a/**"]});
    let narrow = lab.token(narrow).await;
    revoke(&lab, &narrow, &one.named).await;
    assert_eq!(
        denied(&lab, &token, &one.manifest).await.as_deref(),
        Some("revoked")
    );
    // The same bytes elsewhere.
    let image = crate::kit::lab::sample("team-a/app:1", "amd64");
    lab.upstream.put_image("team-b/app", &image);
    let there = named("team-b/app", &image.manifest.digest);
    lab.submit(&lab.token, &there, &trivy(&image, &[]))
        .await
        .expect(200);
    let got = lab
        .pull(STAGING, "team-b/app", &one.manifest.to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    // A pull that lifts a denial is told with the snapshot of the next minute.
    lab.parts().gate.write_facts_once().await;
    lab.advance(SignedDuration::from_mins(1));
    eventually("agents are told", || async {
        denied(&lab, &token, &one.manifest).await.is_none()
    })
    .await;
    lab.stop().await;
}

/// A snapshot of the same period says it, so nobody waited for the next one.
#[tokio::test]
async fn who_waits_in_strict_mode_hears_of_a_first_pull() {
    let lab = gateway("mode = \"strict\"").await;
    let token = agent(&lab, "staging").await;
    let mut periods = Vec::new();
    // Where a period ends meanwhile, nothing is seen.
    for name in ["team/one", "team/two", "team/three"] {
        let held = follow(&lab, &token, None, 0).await;
        let begun = held.snapshot().terms().issued_at;
        let (told, image) = tokio::join!(grows(&lab, &token, held), pulled(&lab, name));
        assert!(told.snapshot().permits(&image.manifest));
        assert!(told.snapshot().permits(&image.config));
        periods.push((begun, told.snapshot().terms().issued_at));
        if periods.iter().any(|(begun, told)| begun == told) {
            lab.stop().await;
            return;
        }
    }
    panic!("{periods:?}");
}

/// What an agent holds once more may start than by now.
async fn grows(lab: &Lab, token: &str, held: SignedSnapshot) -> SignedSnapshot {
    let before = held.snapshot().permitted_count();
    let mut told = held;
    while told.snapshot().permitted_count() <= before {
        told = follow(lab, token, Some(&told), 20).await;
    }
    told
}
