//! `sekisho explain`.

use clap::Args;

use super::arguments::{OutputArgs, SharedArgs, exposure, image};
use super::client::{ApiClient, RemoteArgs};
use super::failure::{Exit, Failure};
use super::output::Palette;
use super::verdict;
use crate::api::{DECISIONS, DecisionRecord, VERDICTS, VerdictQuery, VerdictView};
use crate::oci::printable;
use crate::trust::{DecisionId, EnvironmentName, Exposure, Outcome};

/// Tell whether an image may be pulled, and the evidence behind it; exit 3 if not
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho explain nginx:1.27
  sekisho explain registry.corp/team/app@sha256:… --environment staging --exposure internal
  sekisho explain 4f0c0a7d1f6f4d0e9d6c2b1a39e87755        a decision, by the id in a denial")]
pub struct Explain {
    /// An image, or the id of a decision
    #[arg(value_name = "REF|DECISION-ID", value_parser = image)]
    subject: String,
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

impl Explain {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        match DecisionId::parse(&self.subject) {
            Some(id) => self.decision(&client, &id).await,
            None => self.image(&client).await,
        }
    }

    async fn image(self, client: &ApiClient) -> Result<Exit, Failure> {
        let query = VerdictQuery {
            image: self.subject,
            environment: self.environment,
            exposure: self.exposure,
            findings: true,
        };
        let answer = client.get::<VerdictView>(VERDICTS, &query).await?;
        self.screen.output.show(&answer.raw, |palette| {
            verdict::render(&answer.body, palette)
        })?;
        Ok(match answer.body.allowed {
            true => Exit::Done,
            false => Exit::Denied,
        })
    }

    async fn decision(self, client: &ApiClient, id: &DecisionId) -> Result<Exit, Failure> {
        let answer = client
            .get_one::<DecisionRecord>(DECISIONS, id.as_str())
            .await?;
        self.screen
            .output
            .show(&answer.raw, |palette| decision(&answer.body, palette))?;
        Ok(match answer.body.verdict {
            Outcome::Allowed | Outcome::WouldDeny | Outcome::BreakGlass => Exit::Done,
            Outcome::Denied => Exit::Denied,
        })
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
            format!("{}, {} time(s)", record.time, record.count),
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
    let codes: Vec<&str> = record.reasons.iter().map(|reason| reason.code()).collect();
    codes.join(", ")
}
