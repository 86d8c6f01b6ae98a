//! Every case at every door.

use jiff::SignedDuration;
use sekisho::gate::{ExposureInput, Replay};
use sekisho::trust::Outcome;
use serde_json::{Value, json};

use super::golden::{Case, cases};
use super::stage::{Stage, bytes_of, can_be_staged, lenient};
use crate::admission::door::{self, Door};
use crate::cli::program::{Program, Run};
use crate::kit::manifests;

/// The verdict of the table, as every door has to give it.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    allowed: bool,
    /// Everything against it, gravest first.
    reasons: Vec<String>,
}

impl Answer {
    fn of_case(case: &Case) -> Self {
        let verdict = case.verdict();
        let codes = verdict
            .denials()
            .iter()
            .map(|it| it.reason.code().to_owned());
        Self {
            allowed: verdict.is_allowed(),
            reasons: codes.collect(),
        }
    }

    fn of_json(verdict: &Value) -> Self {
        let reasons = verdict["reasons"].as_array().unwrap();
        let code = |reason: &Value| reason["reason"].as_str().unwrap().to_owned();
        Self {
            allowed: verdict["allowed"].as_bool().unwrap(),
            reasons: reasons.iter().map(code).collect(),
        }
    }
}

impl Stage {
    fn image(&self) -> String {
        let subject = &self.case.subject;
        format!("{}@{}", subject.repository, subject.digest)
    }

    /// HEAD and GET: the bytes, or the gravest reason that is not lifted.
    async fn pull(&self) {
        let subject = &self.case.subject;
        let path = manifests("table/team/app", &subject.digest);
        let reply = self.world.both(&path).await;
        let verdict = self.case.verdict();
        match verdict.denial() {
            None => reply.assert_served(bytes_of(&subject.digest).unwrap().as_bytes()),
            Some(denial) => reply.assert_denied(denial.reason.code()),
        }
    }

    async fn verdict(&self) -> Answer {
        let target = format!(
            "/api/v1/verdicts?environment=production&image={}",
            self.image()
        );
        let reply = self.world.admin("GET", &target, None).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        Answer::of_json(&reply.json())
    }

    /// Exit code and JSON of `explain`.
    async fn explain(&self) -> (i32, Answer) {
        let image = self.image();
        let arguments = [
            "explain",
            &image,
            "--environment",
            "production",
            "--output",
            "json",
        ];
        let run = self.run(Program::new(&arguments)).await;
        let verdict = serde_json::from_str(&run.stdout);
        let verdict = verdict.unwrap_or_else(|error| panic!("{error}: {run:?}"));
        (run.code, Answer::of_json(&verdict))
    }

    /// Exit code of `verify` on a Pod that names the image.
    async fn verify(&self) -> i32 {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: app}}\nspec:\n  containers:\n  \
             - name: app\n    image: {}\n",
            self.image()
        );
        let program = Program::new(&["verify", "-", "--environment", "production"]);
        self.run(program.input(&pod)).await.code
    }

    async fn run(&self, program: Program) -> Run {
        let server = format!("http://{}", self.world.app().admin());
        let program = program
            .env("SEKISHO_SERVER", &server)
            .env("SEKISHO_TOKEN", &self.world.admin_token());
        tokio::task::spawn_blocking(|| program.run()).await.unwrap()
    }

    /// A Pod that names the image: let in, or told the gravest reason that is not
    /// lifted.
    async fn admission(&self) {
        let mut cluster = door::cluster(self.case.exposure);
        let table = self.case.subject.repository.host().clone();
        cluster.names.upstreams.push((table, "table".to_owned()));
        let pod = door::pod(&[&self.image()]);
        let review = door::review(json!({ "object": pod }));
        let tried = Door::of(&self.world, cluster).validate(&review).await;
        match self.case.verdict().denial() {
            None => tried.assert_allowed(),
            Some(denial) => tried.assert_denied(denial.reason.code()),
        }
    }

    /// What the case's policy would make of what was pulled under a lenient one.
    async fn replay(&self) {
        let lenient = lenient(&self.case);
        let before = outcome(&lenient);
        self.decree(lenient.rulebook_of(2));
        let path = manifests("table/team/app", &self.case.subject.digest);
        self.world.get(&path).await;
        self.world.decisions(before.as_str(), 1).await;
        let exposure = self.case.exposure;
        let replay = Replay {
            other: &without_grace_for_the_pull(&self.case).rulebook(),
            since: jiff::Timestamp::MIN,
            exposure: &move |_| ExposureInput::Listener(exposure),
            is_visible: &|_, _| true,
            now: jiff::Timestamp::now(),
        };
        let replayed = self.world.parts().gate.replay(&replay).await.unwrap();
        assert_eq!((replayed.judged, replayed.unknown), (1, 0), "{replayed:?}");
        let expected = outcome(&self.case);
        match &replayed.changes[..] {
            [] => assert_eq!(expected, before, "{}", self.case.name),
            [change] => {
                assert_eq!(
                    change.after.outcome, expected,
                    "{}: {change:?}",
                    self.case.name
                );
                let codes: Vec<_> = change.after.reasons.iter().map(|it| it.code()).collect();
                assert_eq!(codes, Answer::of_case(&self.case).reasons);
            }
            more => panic!("{more:?}"),
        }
    }
}

/// The pull that is replayed was served, and what was served before has grace: what the case
/// knows nothing of must not change its answer.
fn without_grace_for_the_pull(case: &Case) -> Case {
    let mut case = case.clone();
    if case.evidence.first_served.is_none() {
        case.environment.settings.grace_for_admitted = SignedDuration::ZERO;
    }
    case
}

fn outcome(case: &Case) -> Outcome {
    let verdict = case.verdict();
    if !verdict.is_allowed() {
        Outcome::Denied
    } else if verdict.denials().is_empty() {
        Outcome::Allowed
    } else if verdict.is_by_break_glass() {
        Outcome::BreakGlass
    } else {
        Outcome::WouldDeny
    }
}

/// One table, and one answer at every door.
#[tokio::test(flavor = "multi_thread")]
async fn every_golden_case_gets_the_same_answer_at_every_door() {
    let staged: Vec<Case> = cases().into_iter().filter(can_be_staged).collect();
    assert!(staged.len() >= 100, "only {} can be staged", staged.len());
    for case in &staged {
        let stage = Stage::of(case).await;
        let expected = Answer::of_case(&stage.case);
        assert!(case.expected.holds(&stage.case.verdict()), "{}", case.name);
        assert_eq!(stage.verdict().await, expected, "verdict: {}", case.name);
        let code = if expected.allowed { 0 } else { 3 };
        assert_eq!(
            stage.explain().await,
            (code, expected),
            "explain: {}",
            case.name
        );
        assert_eq!(stage.verify().await, code, "verify: {}", case.name);
        stage.pull().await;
        stage.admission().await;
        stage.replay().await;
    }
}
