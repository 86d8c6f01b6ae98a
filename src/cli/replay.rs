//! `sekisho replay`.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::arguments::{OutputArgs, SharedArgs};
use super::aside::say_aside;
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Palette, Table};
use crate::api::{
    PolicyText, REPLAYS, ReplayAnswer, ReplayRequest, ReplayedChange, VerdictSummaryView,
};
use crate::app::bounded;
use crate::app::config::{Period, VulnerabilityPolicyTexts, policy_to_replay};
use crate::oci::{counted, distinct, readable};

/// Try another policy on what was decided, before anyone is hurt
#[derive(Debug, Args)]
#[command(
    after_help = "Every image that was decided on is judged again, on the evidence of now, under the
policy in force and under FILE; what would be decided otherwise is listed. Nothing
is recorded. Exceptions and advisories are those beside FILE where it names their
folders, else those in force. FILE is held to what check-config demands of its policy;
what else a configuration file holds may stand in it, and is passed over. Exits 1 if
no image was judged at all.

Examples:
  sekisho replay --policy stricter.toml
  sekisho replay --policy stricter.toml --since 30d --output json"
)]
pub struct ReplayPolicy {
    /// A configuration file; its sections of policy are tried
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// How far back to look
    #[arg(long, value_name = "PERIOD", default_value = "7d")]
    since: Period,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl ReplayPolicy {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let request = request(&self.policy, self.since.into(), Timestamp::now())?;
        let answer = client.post::<ReplayAnswer>(REPLAYS, &request).await?;
        self.screen
            .output
            .show(&answer.raw, |palette| render(&answer.body, palette))?;
        match answer.body.judged {
            0 => Err(nothing_judged(&answer.body)),
            _ => Ok(Exit::Done),
        }
    }
}

/// A replay in which nothing was judged says nothing of the policy.
fn nothing_judged(answer: &ReplayAnswer) -> Failure {
    let next = match (answer.homeless, answer.unknown) {
        (0, 0) => "look further back by --since; nothing was decided within it",
        (0, _) => "what was decided is gone or unreadable; look further back by --since",
        _ => "give the policy the environments that are in use, by the names that they have",
    };
    Failure::new("no image was judged, so that nothing is known of this policy").next(next)
}

/// What is wrong with the policy is told here already, by the names of its files.
fn request(file: &Path, back: SignedDuration, now: Timestamp) -> Result<ReplayRequest, Failure> {
    let policy = bounded::text(file)
        .map_err(|error| Failure::new(format!("--policy {}: {error}", file.display())))?;
    let read = policy_to_replay(file, &policy, now);
    let (texts, warnings) = read.map_err(|problems| Failure::config(&problems))?;
    for warning in warnings {
        say_aside(&format!("warning: {warning}"));
    }
    let VulnerabilityPolicyTexts {
        exceptions,
        advisories,
    } = texts;
    let named = |texts: Vec<(String, String)>| {
        let texts = texts.into_iter();
        texts
            .map(|(name, text)| PolicyText { name, text })
            .collect()
    };
    Ok(ReplayRequest {
        policy,
        exceptions: exceptions.map(named),
        advisories: advisories.map(named),
        since: now.checked_sub(back).unwrap_or(Timestamp::MIN),
    })
}

fn render(answer: &ReplayAnswer, palette: Palette) -> String {
    let mut text = summary(answer, palette);
    let mut table = Table::new([
        "IN FORCE",
        "UNDER FILE",
        "COUNT",
        "ENVIRONMENT",
        "IMAGE",
        "WHY",
    ]);
    for change in &answer.changes {
        table.row([
            change.before.verdict.as_str(),
            change.after.verdict.as_str(),
            &change.count.to_string(),
            change.environment.as_str(),
            &change.image,
            &why(change),
        ]);
    }
    if !table.is_empty() {
        text = format!("{}\n{text}", table.render(palette));
    }
    text
}

/// What denies on the one side and not on the other.
fn why(change: &ReplayedChange) -> String {
    let codes = |told: &VerdictSummaryView| {
        let codes = distinct(told.reasons.iter().map(|reason| reason.code()));
        codes.join(", ")
    };
    match change.after.reasons.is_empty() {
        true => format!("no longer {}", codes(&change.before)),
        false => readable(&change.after.message, 240),
    }
}

fn summary(answer: &ReplayAnswer, palette: Palette) -> String {
    let changed = answer.changes.len();
    let judged = counted(answer.judged, "image");
    let is_whole = answer.unknown + answer.homeless == 0 && !answer.cut;
    let mut text = match changed {
        0 if answer.judged == 0 => palette.doubtful(&format!("{judged} judged\n")),
        0 if !is_whole => palette.strong(&format!("{judged} judged; nothing would change\n")),
        0 => palette.good(&format!("{judged} judged; nothing would change\n")),
        _ => palette.strong(&format!("{judged} judged; {changed} would change\n")),
    };
    for (count, what) in [
        (
            answer.unknown,
            "cannot be judged now, since they are gone or unreadable",
        ),
        (
            answer.homeless,
            "belong to environments that the policy does not have",
        ),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
    if answer.cut {
        text.push_str(
            &palette.doubtful("only the newest decisions were replayed; shorten --since\n"),
        );
    }
    text
}
