//! `sekisho exceptions draft`: prints an exception for review.

use clap::Args;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

use super::arguments::{OutputArgs, SharedArgs};
use super::aside::say_aside;
use super::client::{ApiClient, RemoteArgs};
use super::failure::{Exit, Failure};
use super::named_decision::NamedDecision;
use crate::api::{
    DECISIONS, DecisionRecord, DraftWords, ExceptionDraft, TO_BE_WRITTEN, VERDICTS, VerdictView,
};
use crate::app::config::{Period, Problems, check_exception};
use crate::oci::{ImageRef, RegistryHost, counted, readable};
use crate::trust::DenialReason;

/// Print the exception that a denial would need, to be reviewed and committed
#[derive(Debug, Args)]
#[command(
    after_help = "It names what denies the image now, no more; reason and owner are for whoever
accepts the risk to write: a file that still says TODO is refused.

Examples:
  sekisho exceptions draft 4f0c0a7d1f6f4d0e9d6c2b1a39e87755 --link https://gitlab.example/security/exceptions/-/issues/214
  sekisho exceptions draft 4f0c0a7d1f6f4d0e9d6c2b1a39e87755 --link https://… --expires 2027-03-31 >> exceptions/team.toml
  sekisho exceptions draft 4f0c0a7d1f6f4d0e9d6c2b1a39e87755 --link https://… --output json | jq -r .toml"
)]
pub struct Draft {
    /// The decision: the id in a denial, the beginning of it, or its address
    #[arg(value_name = "DECISION-ID|URL", value_parser = decision)]
    decision: NamedDecision,
    /// The issue in which it is decided
    #[arg(long, value_name = "URL")]
    link: String,
    /// Why the risk can be accepted
    #[arg(long, value_name = "TEXT", default_value = "TODO")]
    reason: String,
    /// Who answers for it
    #[arg(long, value_name = "NAME", default_value = "TODO")]
    owner: String,
    /// How long it is to hold, or the last day on which it does
    #[arg(long, value_name = "PERIOD|DATE", default_value = "90d", value_parser = draft_end)]
    expires: DraftEnd,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// When an exception is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DraftEnd {
    After(Period),
    LastDay(Date),
}

fn draft_end(text: &str) -> Result<DraftEnd, String> {
    let day = text.parse().map(DraftEnd::LastDay).ok();
    let end = day.or_else(|| text.parse().map(DraftEnd::After).ok());
    end.ok_or_else(|| "write a period, as 90d, or the last day, as 2027-03-31".to_owned())
}

/// What `--output json` prints.
#[derive(Serialize)]
struct DraftedException<'a> {
    decision: &'a str,
    /// `host/name`, which it is for.
    image: &'a str,
    /// The last day on which it would hold.
    expires: &'a str,
    /// The entry, or two, as they go into a file.
    toml: &'a str,
    /// For what the image stays denied with it.
    still_denied: &'a [DenialReason],
    /// Findings that deny the image and are not in it: it names 1000 at most.
    left_out: usize,
}

fn decision(text: &str) -> Result<NamedDecision, String> {
    NamedDecision::read(text)?.ok_or_else(|| {
        "that names no decision; write the id in a denial, the beginning of it, or its address"
            .to_owned()
    })
}

impl Draft {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let id = self.decision.find(&client).await?;
        let id = id.ok_or_else(|| {
            Failure::new("no decision's id begins so").next("sekisho denials lists them")
        })?;
        let answer = client
            .get_one::<DecisionRecord>(DECISIONS, id.as_str())
            .await?;
        let repository = repository_of(&answer.body)?;
        let verdict = verdict(&client, &answer.body).await?;
        let draft = ExceptionDraft::of(&verdict).ok_or_else(|| nothing_to_accept(&verdict))?;
        let now = Timestamp::now();
        let words = DraftWords {
            reason: &self.reason,
            link: &self.link,
            owner: &self.owner,
            last_day: &self.expires.last_day(now)?.to_string(),
        };
        let written = DraftWords {
            reason: or_written(&self.reason),
            owner: or_written(&self.owner),
            ..words
        };
        // As `exceptions check` will, once people have written the rest.
        let file = shared.config.as_deref();
        let checked = check_exception(file, draft.toml(&repository, written), now);
        checked.map_err(|problems| unfit(&problems))?;
        let toml = draft.toml(&repository, words);
        let still_denied = ExceptionDraft::not_lifted(&verdict);
        let drafted = DraftedException {
            decision: id.as_str(),
            image: &repository,
            expires: words.last_day,
            toml: &toml,
            still_denied: &still_denied,
            left_out: verdict.more_findings,
        };
        tell_what_is_missing(&drafted);
        let json = serde_json::to_string(&drafted)
            .map_err(|error| Failure::new(format!("cannot write the draft: {error}")))?;
        self.screen.output.show(&json, |_| toml.clone())?;
        Ok(Exit::Done)
    }
}

/// On stderr, beside what goes into a file.
fn tell_what_is_missing(drafted: &DraftedException<'_>) {
    if !drafted.still_denied.is_empty() {
        let codes: Vec<&str> = drafted.still_denied.iter().map(|it| it.code()).collect();
        say_aside(&format!(
            "sekisho: with it the image stays denied: {}, which no exception accepts",
            codes.join(", ")
        ));
    }
    if drafted.left_out > 0 {
        say_aside(&format!(
            "sekisho: not in it, and denying the image too: {}; accept those that it names, and \
             draft again",
            counted(drafted.left_out, "finding")
        ));
    }
}

/// What stands for the words that are still to be written.
fn or_written(text: &str) -> &str {
    match text == TO_BE_WRITTEN {
        true => "written later",
        false => text,
    }
}

fn unfit(problems: &Problems) -> Failure {
    Failure::usage(format!("that would be refused:\n{problems}"))
        .next("look at --link, --reason, --owner and --expires")
}

impl DraftEnd {
    /// In UTC, as in the file.
    fn last_day(self, now: Timestamp) -> Result<Date, Failure> {
        let day_of = |moment: Timestamp| moment.to_zoned(TimeZone::UTC).date();
        match self {
            Self::LastDay(day) if day < day_of(now) => {
                Err(Failure::usage(format!("--expires {day}: that day is past")))
            }
            Self::LastDay(day) => Ok(day),
            Self::After(period) => {
                let end = now.checked_add(SignedDuration::from(period));
                Ok(day_of(end.unwrap_or(Timestamp::MAX)))
            }
        }
    }
}

/// `host/name` of what was decided on.
fn repository_of(decision: &DecisionRecord) -> Result<String, Failure> {
    let no_image = || Failure::new("that decision is about no image of an upstream");
    let host: &RegistryHost = decision.upstream.as_ref().ok_or_else(no_image)?;
    let image = ImageRef::parse(&decision.image, host).map_err(|_| no_image())?;
    Ok(image.repository().to_string())
}

async fn verdict(client: &ApiClient, decision: &DecisionRecord) -> Result<VerdictView, Failure> {
    let query = decision
        .asked_again()
        .ok_or_else(|| Failure::new("that decision is about no digest"))?;
    Ok(client.get::<VerdictView>(VERDICTS, &query).await?.body)
}

fn nothing_to_accept(verdict: &VerdictView) -> Failure {
    let image = readable(&verdict.image, 600);
    match verdict.reasons.first() {
        None => Failure::new(format!("{image} is allowed now; it needs no exception")),
        Some(denial) if denial.reason == DenialReason::TooSevere => Failure::new(format!(
            "{image} is denied for what an advisory raises, which no exception accepts"
        ))
        .next(readable(&denial.next_step, 400)),
        Some(denial) => Failure::new(format!(
            "{image} is denied as {}, which no exception accepts",
            denial.reason
        ))
        .next(readable(&denial.next_step, 400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_period_or_the_last_day() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        for (text, last) in [
            ("90d", "2026-08-30"),
            ("12h", "2026-06-02"),
            ("2026-06-01", "2026-06-01"),
            ("2027-03-31", "2027-03-31"),
        ] {
            let day = draft_end(text).unwrap().last_day(now).unwrap();
            assert_eq!(day.to_string(), last, "{text}");
        }
        let past = draft_end("2026-05-31").unwrap().last_day(now).unwrap_err();
        assert!(past.to_string().contains("2026-05-31: that day is past"));
        for bad in ["soon", "31.03.2027", "2027-02-30", "90"] {
            let told = draft_end(bad).unwrap_err();
            assert!(
                told.contains("as 90d") && told.contains("2027-03-31"),
                "{bad}"
            );
        }
    }
}
