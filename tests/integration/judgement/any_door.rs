//! Generated names and states at every door: one verdict.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sekisho::gate::{ExposureInput, Replay};
use sekisho::oci::{RegistryHost, Repository};
use sekisho::trust::{Exposure, Mode, Outcome, Rulebook, Rules, Settings};
use serde_json::{Value, json};

use super::any_case::{AnyCase, any_case, setup};
use crate::admission::door::{Tried, pod, review};
use crate::app::webhook::ApiServer;
use crate::kit::{Reply, World, eventually, manifests};

const CASES: usize = 96;

/// A door's word on a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// The image, by the digest that the name means.
    Allowed(String),
    /// The gravest reason.
    Denied(String),
    /// Nothing lies under that name.
    Absent,
}

/// A verdict of the API: its answer, the digest that it is on, and all that speaks
/// against the image.
#[derive(Debug)]
struct Explained {
    answer: Answer,
    digest: Option<String>,
    reasons: Vec<String>,
}

/// The doors of a gateway, in front of one case.
struct Doors<'a> {
    world: &'a World,
    cluster: &'a ApiServer<'a>,
    case: &'a AnyCase,
}

fn reasons_of(verdict: &Value) -> Vec<String> {
    let reasons = verdict["reasons"].as_array().unwrap();
    let code = |it: &Value| it["reason"].as_str().unwrap().to_owned();
    reasons.iter().map(code).collect()
}

/// Where nothing was judged, the reason stands in front of the text.
fn reason_of(refusal: &Value) -> String {
    let text = refusal["error"]["message"].as_str().unwrap();
    text.split(": ").next().unwrap().to_owned()
}

fn pulled(reply: &Reply) -> Answer {
    match reply.status {
        200 => Answer::Allowed(reply.header("docker-content-digest").unwrap().to_owned()),
        403 => Answer::Denied(reply.reason().to_owned()),
        404 => Answer::Absent,
        _ => panic!("{reply:?}"),
    }
}

impl Doors<'_> {
    /// HEAD and GET, at the gateway's path and as a mirror of the upstream.
    async fn pull(&self, reference: &str) -> Answer {
        let case = self.case;
        let by_path = manifests(&case.path(), reference);
        let as_mirror = manifests(&case.name(), reference) + "?ns=" + case.place.host();
        let answer = pulled(&self.world.both(&by_path).await);
        let mirrored = pulled(&self.world.both(&as_mirror).await);
        assert_eq!(answer, mirrored, "{case:?}");
        answer
    }

    async fn explain(&self) -> Explained {
        let written = self.case.written();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("image", &written)
            .append_pair("environment", "production")
            .finish();
        let target = format!("/api/v1/verdicts?{query}");
        let reply = self.world.admin("GET", &target, None).await;
        let body = reply.json();
        let mut explained = Explained {
            answer: Answer::Absent,
            digest: None,
            reasons: Vec::new(),
        };
        match reply.status {
            200 => {
                let digest = body["digest"].as_str().unwrap().to_owned();
                explained.reasons = reasons_of(&body);
                explained.answer = match body["allowed"].as_bool().unwrap() {
                    true => Answer::Allowed(digest.clone()),
                    false => Answer::Denied(explained.reasons[0].clone()),
                };
                explained.digest = Some(digest);
            }
            422 => explained.answer = Answer::Denied(reason_of(&body)),
            404 => {}
            _ => panic!("{reply:?}"),
        }
        explained
    }

    async fn review(&self, hook: &str, object: &Value) -> Tried {
        let path = format!("shop/{hook}");
        let review = review(json!({ "object": object }));
        let (status, answer) = self.cluster.ask(&path, &review).await;
        let response = answer["response"].clone();
        Tried { status, response }
    }

    async fn validate(&self, image: &str) -> Answer {
        let tried = self.review("validate", &pod(&[image])).await;
        // A pull of a tag that means nothing is a 404; the reason of a webhook says why.
        let absent = ["is not at its upstream", "no digest was promoted as"];
        if absent.iter().any(|it| tried.message().contains(it)) {
            return Answer::Absent;
        }
        let told = tried.response["auditAnnotations"]["image-0"].as_str();
        let mut told = told.unwrap_or_else(|| panic!("{tried:?}")).split(' ');
        let verdict = told.nth(1).unwrap();
        match tried.allowed() {
            true => Answer::Allowed(told.next().unwrap().to_owned()),
            false => Answer::Denied(verdict.to_owned()),
        }
    }

    /// The name as the Pod goes on with it.
    async fn mutate(&self) -> String {
        let object = pod(&[&self.case.written()]);
        let tried = self.review("mutate", &object).await;
        let mutated = tried.applied_to(&object);
        let image = &mutated["spec"]["containers"][0]["image"];
        image.as_str().unwrap().to_owned()
    }

    /// What promoting the digest would come to: everything against it but that it is
    /// not promoted.
    async fn promote(&self, digest: &str) -> Vec<String> {
        let image = format!("{}@{digest}", self.case.repository());
        let body = json!({"image": image, "environment": "production"});
        let path = "/api/v1/promotions";
        let reply = self.world.admin("POST", path, Some(&body)).await;
        match reply.status {
            200 => Vec::new(),
            422 => match &reply.json() {
                refusal if refusal["verdict"].is_null() => vec![reason_of(refusal)],
                denial => reasons_of(&denial["verdict"]),
            },
            _ => panic!("{reply:?}"),
        }
    }

    /// What was recorded of the case's one image, judged again: under a policy that
    /// denies everything the outcome changes where it is a pass now, and in `audit`
    /// where the mode lifts what denies it.
    async fn replay(&self, answer: &Answer) {
        let case = self.case;
        let repository: Repository = case.repository().parse().unwrap();
        let rulebook = self.world.parts().gate.rulebook();
        for (other, is_strict) in [(strict(&rulebook), true), (audit(&rulebook), false)] {
            let replay = Replay {
                other: &other,
                since: jiff::Timestamp::MIN,
                exposure: &|_| ExposureInput::Listener(Exposure::External),
                is_visible: &|_, it| *it == repository,
                now: self.world.parts().gate.now(),
            };
            let gate = &self.world.parts().gate;
            eventually("a decision is recorded", || async {
                gate.replay(&replay).await.unwrap().judged > 0
            })
            .await;
            let replayed = gate.replay(&replay).await.unwrap();
            assert_eq!((replayed.judged, replayed.unknown), (1, 0), "{case:?}");
            let change = replayed.changes.first();
            let is_allowed = matches!(answer, Answer::Allowed(_));
            if is_strict {
                assert_eq!(change.is_some(), is_allowed, "{case:?}: {replayed:?}");
            }
            let Some(change) = change else { continue };
            let told = match change.before.outcome {
                Outcome::Allowed => Answer::Allowed(change.digest.to_string()),
                _ => Answer::Denied(change.before.reasons[0].code().to_owned()),
            };
            assert_eq!(told, *answer, "{case:?}: {replayed:?}");
        }
    }

    /// Asks every door, another one first each time.
    async fn one_verdict(&self) -> Answer {
        let case = self.case;
        let written = case.written();
        let mut answers = Vec::new();
        let mut explained = None;
        for turn in 0..3 {
            match (case.first + turn) % 3 {
                0 if case.is_readable() => answers.push(self.pull(&case.reference()).await),
                0 => {}
                1 => answers.push(self.validate(&written).await),
                _ => {
                    let told = self.explain().await;
                    answers.push(told.answer.clone());
                    explained = Some(told);
                }
            }
        }
        let mutated = self.mutate().await;
        answers.push(self.validate(&mutated).await);
        let first = answers[0].clone();
        let agree = answers.iter().all(|answer| *answer == first);
        assert!(agree, "{written}: {answers:?} of {case:?}");
        if let Answer::Allowed(digest) = &first {
            assert!(mutated.ends_with(&format!("@{digest}")), "{mutated}");
        }
        if !case.is_readable() {
            assert!(matches!(first, Answer::Denied(_)), "{written}: {first:?}");
            assert_eq!(mutated, written);
        }
        self.by_digest(&explained.unwrap()).await;
        first
    }

    /// What holds for the digest that the name means.
    async fn by_digest(&self, explained: &Explained) {
        let Some(digest) = &explained.digest else {
            return;
        };
        let case = self.case;
        assert_eq!(self.pull(digest).await, explained.answer, "{case:?}");
        if !explained
            .reasons
            .contains(&"registry-not-permitted".to_owned())
        {
            self.replay(&explained.answer).await;
        }
        let mut against = explained.reasons.clone();
        against.retain(|reason| reason != "not-promoted");
        assert_eq!(self.promote(digest).await, against, "{case:?}");
        if against.is_empty() {
            let promoted = Answer::Allowed(digest.clone());
            assert_eq!(self.pull(digest).await, promoted, "{case:?}");
        }
    }
}

/// The policy, with every environment's settings changed.
fn changed(current: &Rulebook, change: impl Fn(&mut Settings)) -> Rulebook {
    let mut environments: Vec<_> = current.environments().cloned().collect();
    for environment in &mut environments {
        change(&mut environment.settings);
        for (_, settings) in &mut environment.rules {
            change(settings);
        }
    }
    let rules = Rules {
        environments,
        advisories: current.advisories().to_vec(),
        ..Rules::default()
    };
    Rulebook::new(current.revision().wrapping_add(1), rules)
}

fn strict(current: &Rulebook) -> Rulebook {
    let nowhere = RegistryHost::parse("nowhere.example").unwrap();
    changed(current, |settings| {
        settings.upstreams = vec![nowhere.clone()]
    })
}

fn audit(current: &Rulebook) -> Rulebook {
    changed(current, |settings| settings.mode = Mode::Audit)
}

/// The same cases in every run.
fn cases() -> Vec<AnyCase> {
    let mut runner = TestRunner::deterministic();
    let mut case = |number| any_case(number).new_tree(&mut runner).unwrap().current();
    (0..CASES).map(&mut case).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_gives_one_verdict() {
    let cases = cases();
    let world = World::of(setup(&cases)).await;
    let cluster = ApiServer::of(&world);
    let mut seen = BTreeSet::new();
    for case in &cases {
        case.stage(&world).await;
        let doors = Doors {
            world: &world,
            cluster: &cluster,
            case,
        };
        seen.insert(match doors.one_verdict().await {
            Answer::Allowed(_) => "allowed".to_owned(),
            Answer::Denied(reason) => reason,
            Answer::Absent => "absent".to_owned(),
        });
    }
    // Every kind of answer was among them.
    let expected = [
        "absent",
        "allowed",
        "ambiguous-reference",
        "blocked-by-advisory",
        "not-promoted",
        "not-scanned",
        "registry-not-permitted",
        "revoked",
        "too-severe",
        "unknown-upstream",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into());
}
