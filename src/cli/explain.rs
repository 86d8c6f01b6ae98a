//! `sekisho explain`.

use clap::Args;
use serde_json::{Map, Value};

use super::arguments::{OutputArgs, SharedArgs, exposure, image};
use super::aside::say_aside;
use super::client::{ApiClient, RemoteArgs};
use super::failure::{Exit, Failure};
use super::named_decision::{NamedDecision, without_ellipsis};
use super::output::{Output, Palette};
use super::verdict;
use crate::api::{DECISIONS, DecisionRecord, VERDICTS, VerdictQuery, VerdictView};
use crate::oci::{counted, printable};
use crate::trust::{DecisionId, EnvironmentName, Exposure, Outcome};

/// Tell whether an image may be pulled, and the evidence behind it; exit 3 if not
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho explain nginx:1.27
  sekisho explain registry.corp/team/app@sha256:… --environment staging --exposure internal
  sekisho explain gateway.corp:5080/docker.io/library/nginx:1.27      as a client names it
  sekisho explain 4f0c0a7d1f6f4d0e9d6c2b1a39e87755        a decision, by the id in a denial
  sekisho explain 4f0c0a7d                                or by its beginning
  sekisho explain https://sekisho.corp/d/4f0c0a7d1f6f4d0e9d6c2b1a39e87755")]
pub struct Explain {
    /// An image, or a decision: its id, the beginning of it, or its address
    #[arg(value_name = "REF|DECISION-ID|URL", value_parser = subject)]
    subject: ExplainedSubject,
    /// For which environment; by default the only one
    #[arg(long, value_name = "ENV")]
    environment: Option<EnvironmentName>,
    /// As if what runs it were external or internal
    #[arg(long, value_parser = exposure())]
    exposure: Option<Exposure>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ExplainedSubject {
    Decision(NamedDecision),
    Image(String),
}

fn subject(text: &str) -> Result<ExplainedSubject, String> {
    match NamedDecision::read(text)? {
        Some(named) => Ok(ExplainedSubject::Decision(named)),
        None => image(without_ellipsis(text)).map(ExplainedSubject::Image),
    }
}

impl Explain {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        match &self.subject {
            ExplainedSubject::Image(name) => self.image(&client, name).await,
            ExplainedSubject::Decision(named) => match (named.find(&client).await?, named) {
                (Some(id), _) => self.decision(&client, &id).await,
                (None, NamedDecision::Id(id)) => self.decision(&client, id).await,
                (None, NamedDecision::Beginning(name)) => {
                    say_aside(&format!(
                        "no decision's id begins with {name}; it is read as an image"
                    ));
                    self.image(&client, name).await
                }
            },
        }
    }

    async fn image(&self, client: &ApiClient, name: &str) -> Result<Exit, Failure> {
        let query = VerdictQuery {
            image: name.to_owned(),
            environment: self.environment.clone(),
            exposure: self.exposure,
            findings: true,
            any_gateway: true,
        };
        let answer = client.get::<VerdictView>(VERDICTS, &query).await;
        let answer = answer.map_err(|it| it.denied_as_pulls_are().asked_wrongly())?;
        self.screen.output.show(&answer.raw, |palette| {
            verdict::render_all(&answer.body, palette)
        })?;
        Ok(Exit::of(&answer.body))
    }

    async fn decision(&self, client: &ApiClient, id: &DecisionId) -> Result<Exit, Failure> {
        let answer = client
            .get_one::<DecisionRecord>(DECISIONS, id.as_str())
            .await?;
        let now = judged_now(client, &answer.body).await;
        let raw = match self.screen.output {
            Output::Text => String::new(),
            Output::Json => with_now(&answer.raw, &now)?,
        };
        self.screen.output.show(&raw, |palette| {
            decision(&answer.body, palette) + &as_it_is_now(&now, palette)
        })?;
        Ok(match answer.body.verdict {
            Outcome::Allowed | Outcome::WouldDeny | Outcome::BreakGlass => Exit::Done,
            Outcome::Denied => Exit::Denied,
        })
    }
}

/// The verdict on the same digest now, with every finding: a decision keeps the reasons,
/// and of the findings the worst.
async fn judged_now(client: &ApiClient, record: &DecisionRecord) -> Result<VerdictView, Failure> {
    let query = record
        .asked_again()
        .ok_or_else(|| Failure::new("it was about no digest of an upstream"))?;
    let answer = client.get::<VerdictView>(VERDICTS, &query).await?;
    Ok(answer.body)
}

/// The record with the verdict that the same digest gets `now`; `null` where that is not
/// known, and `now_unknown` says why.
fn with_now(raw: &str, now: &Result<VerdictView, Failure>) -> Result<String, Failure> {
    let unread = |error| Failure::new(format!("cannot read the answer: {error}"));
    let mut record: Map<String, Value> = serde_json::from_str(raw).map_err(unread)?;
    match now {
        Ok(now) => {
            let now = serde_json::to_value(now).map_err(unread)?;
            record.insert("now".to_owned(), now);
        }
        Err(failure) => {
            record.insert("now".to_owned(), Value::Null);
            let why = Value::from(failure.message());
            record.insert("now_unknown".to_owned(), why);
        }
    }
    Ok(Value::Object(record).to_string())
}

fn as_it_is_now(now: &Result<VerdictView, Failure>, palette: Palette) -> String {
    match now {
        Ok(now) => format!("\nnow: {}", verdict::render_all(now, palette)),
        Err(failure) => format!("\nnow: not known: {}\n", printable(failure.message(), 400)),
    }
}

/// A decision, as it was decided then.
fn decision(record: &DecisionRecord, palette: Palette) -> String {
    let word = match record.verdict {
        Outcome::Allowed => palette.good("ALLOWED"),
        Outcome::WouldDeny => palette.doubtful("ALLOWED, WOULD BE DENIED"),
        Outcome::BreakGlass => palette.doubtful("ALLOWED BY BREAK-GLASS"),
        Outcome::Denied => palette.bad("DENIED"),
    };
    let digest = record.digest.as_ref();
    // Told one by one below, where the record has more than their codes.
    let reasons = match record.denials.is_empty() {
        true => reasons_line(record),
        false => String::new(),
    };
    let fields = [
        (
            "decided",
            format!("{}, {}", record.time, counted(record.count, "time")),
        ),
        (
            "for",
            format!(
                "{}, mode {}, {}",
                record.environment,
                record.mode,
                verdict::exposure(&record.exposure)
            ),
        ),
        ("to run", record.place().unwrap_or_default()),
        (
            "asked by",
            format!(
                "{}{} at {}",
                record.principal,
                record.doubt(),
                record.client.as_deref().unwrap_or("-")
            ),
        ),
        (
            "digest",
            digest.map_or_else(|| "-".to_owned(), ToString::to_string),
        ),
        ("reasons", reasons),
        ("told", record.message.clone()),
        ("evidence", record.evidence.join(", ")),
        ("policy", record.policy_revision.clone()),
    ];
    let mut text = format!("{word}  {}\n", printable(&record.image, 600));
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {name}: {}\n", printable(value, 1000)));
    }
    for denial in &record.denials {
        text.push_str(&verdict::reason(denial, palette));
    }
    text + &verdict::checks(&record.checks, palette)
}

/// The reasons of a decision, in one line.
pub fn reasons_line(record: &DecisionRecord) -> String {
    record.reason_codes().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_decision_by_id_beginning_and_address_and_else_an_image() {
        let id = "4f0c0a7d1f6f4d0e9d6c2b1a39e87755";
        let decision = NamedDecision::Id(DecisionId::parse(id).unwrap());
        let decision = ExplainedSubject::Decision(decision);
        for text in [
            id.to_owned(),
            format!("https://sekisho.corp/d/{id}"),
            format!("http://127.0.0.1:5081/sekisho/d/{id}/"),
            format!("https://sekisho.corp/d/{id}."),
            format!("https://sekisho.corp/api/v1/decisions/{id}"),
        ] {
            assert_eq!(subject(&text), Ok(decision.clone()), "{text}");
        }
        for text in ["4f0c0a7d", "4f0c0a7d…", "4f0c0a7d..."] {
            let beginning = NamedDecision::Beginning("4f0c0a7d".to_owned());
            let beginning = ExplainedSubject::Decision(beginning);
            assert_eq!(subject(text), Ok(beginning), "{text}");
        }
        for text in [
            "nginx",
            "nginx:1.27",
            "cafe",
            "gateway:5080/docker.io/library/nginx:1",
        ] {
            assert_eq!(subject(text), Ok(ExplainedSubject::Image(text.to_owned())));
        }
        for bad in [
            "https://docker.io/nginx",
            "https://sekisho.corp/d/4f0c",
            "a b",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert!(subject(bad).is_err(), "{bad}");
        }
    }
}
