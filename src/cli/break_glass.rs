//! `sekisho break-glass`.

use clap::{Args, Subcommand};

use super::arguments::{OutputArgs, SharedArgs, hours, image};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Palette, Table};
use crate::api::{
    BREAK_GLASS, BreakGlassEnded, BreakGlassList, BreakGlassRequest, BreakGlassView, EndQuery,
};
use crate::oci::readable;
use crate::trust::{BreakGlass, DenialReason, EnvironmentName};

/// Let one image through although it is denied, for hours, under a ticket
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "For an emergency, and on record: every pull under it is recorded and counted,
`status` shows it, and it ends by itself. It lifts missing or bad evidence, never
what cannot be judged safely, and a revocation only with --revoked.

Examples:
  sekisho break-glass registry.corp/team/app@sha256:… --environment production --ticket INC-7 --hours 2 --reason 'checkout is down, the fix is unscanned'
  sekisho break-glass list
  sekisho break-glass end 7 --reason 'the fix is out'"
)]
pub struct BreakGlassArgs {
    #[command(subcommand)]
    command: Option<BreakGlassCommand>,
    #[command(flatten)]
    grant: Option<GrantBreakGlass>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum BreakGlassCommand {
    List(ListBreakGlass),
    End(EndBreakGlass),
}

#[derive(Debug, Args)]
struct GrantBreakGlass {
    /// The image, with its digest
    #[arg(value_name = "REF", value_parser = image)]
    image: String,
    /// Where it is let through
    #[arg(long, value_name = "ENV")]
    environment: EnvironmentName,
    /// The incident it is for
    #[arg(long, value_name = "ID")]
    ticket: String,
    /// How long, 24 at most
    #[arg(long, value_name = "N", value_parser = hours(BreakGlass::MAX_HOURS))]
    hours: u32,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Lift a revocation too
    #[arg(long)]
    revoked: bool,
}

/// List what is let through now, with image, reason and end
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho break-glass list
  sekisho break-glass list --output json | jq -r '.break_glass[].id'")]
struct ListBreakGlass {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// End a grant before its time: what was denied is denied again at once
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho break-glass end 7 --reason 'the fix is out'")]
struct EndBreakGlass {
    /// As `sekisho break-glass list` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl BreakGlassArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match (self.command, self.grant) {
            (Some(BreakGlassCommand::List(command)), _) => command.run(shared).await,
            (Some(BreakGlassCommand::End(command)), _) => command.run(shared).await,
            (None, Some(grant)) => grant.run(&self.remote, &self.screen, shared).await,
            (None, None) => Err(Failure::usage("which image?")
                .next("sekisho break-glass --help shows how to name it")),
        }
    }
}

impl GrantBreakGlass {
    async fn run(
        self,
        remote: &RemoteArgs,
        screen: &OutputArgs,
        shared: &SharedArgs,
    ) -> Result<Exit, Failure> {
        let client = remote.client(shared)?;
        let request = BreakGlassRequest {
            image: self.image,
            environment: self.environment,
            ticket: self.ticket,
            hours: self.hours,
            reason: self.reason,
            revoked: self.revoked,
        };
        let answer = client.post::<BreakGlassView>(BREAK_GLASS, &request).await?;
        let granted = &answer.body;
        screen
            .output
            .show(&answer.raw, |palette| render_grant(granted, palette))?;
        Ok(Exit::Done)
    }
}

/// What was granted, and whether pulls pass by it.
fn render_grant(granted: &BreakGlassView, palette: Palette) -> String {
    let word = match granted.still_denied.as_deref() {
        Some([]) => palette.doubtful("let through"),
        Some(_) => palette.bad("granted, but still denied:"),
        None => palette.doubtful("granted, not known whether pulls pass:"),
    };
    let (digest, until) = (&granted.digest, granted.until);
    let ticket = readable(&granted.ticket, 200);
    let environment = &granted.environment;
    let id = readable(&granted.id, 64);
    let mut text =
        format!("{word} {digest} in {environment} until {until:.0}, for {ticket}, as {id}");
    for denial in granted.still_denied.iter().flatten() {
        let detail = readable(&denial.detail, 400);
        text.push_str(&format!("\n  {}: {detail}", denial.reason));
        let next = match denial.reason {
            DenialReason::Revoked if !granted.lifts_revocation => {
                "grant it with --revoked, which lifts a revocation too".to_owned()
            }
            _ => readable(&denial.next_step, 400),
        };
        text.push_str(&format!("\n  next: {next}"));
    }
    text
}

impl ListBreakGlass {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let answer = client.get::<BreakGlassList>(BREAK_GLASS, &()).await?;
        self.screen.output.show(&answer.raw, |palette| {
            render(&answer.body.break_glass, palette)
        })?;
        Ok(Exit::Done)
    }
}

fn render(granted: &[BreakGlassView], palette: Palette) -> String {
    let mut table = Table::new([
        "ID",
        "ENVIRONMENT",
        "UNTIL",
        "BY",
        "TICKET",
        "STILL DENIED",
        "REVOKED",
        "REASON",
        "IMAGE",
    ]);
    for grant in granted {
        let digest = grant.digest.to_string();
        table.row([
            number(&grant.id),
            grant.environment.as_str(),
            &format!("{:.0}", grant.until),
            &grant.granted_by,
            &grant.ticket,
            &still_denied(grant),
            if grant.lifts_revocation {
                "lifted"
            } else {
                "-"
            },
            &grant.reason,
            grant.image.as_ref().unwrap_or(&digest),
        ]);
    }
    match table.is_empty() {
        true => "nothing is let through".to_owned(),
        false => table.render(palette),
    }
}

/// What a grant does not lift: `-` where pulls pass, `?` where that is not known.
pub(super) fn still_denied(grant: &BreakGlassView) -> String {
    match &grant.still_denied {
        None => "?".to_owned(),
        Some(denials) if denials.is_empty() => "-".to_owned(),
        Some(_) => grant.denied_for(),
    }
}

/// `7` of `break-glass:7`, as `end` takes it.
fn number(id: &str) -> &str {
    id.rsplit(':').next().unwrap_or(id)
}

impl EndBreakGlass {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let query = EndQuery {
            reason: self.reason,
        };
        let answer = client.delete::<BreakGlassEnded>(BREAK_GLASS, &self.id, &query);
        let answer = answer.await?;
        self.screen
            .output
            .show(&answer.raw, |palette| render_end(&answer.body, palette))?;
        Ok(Exit::Done)
    }
}

fn render_end(answer: &BreakGlassEnded, palette: Palette) -> String {
    let ended = &answer.ended;
    let (digest, environment) = (&ended.digest, &ended.environment);
    let (word, id) = (palette.good("ended"), readable(&ended.id, 64));
    let told = format!("{word} {id}: {digest} in {environment}");
    match answer.still_let_through.as_slice() {
        [] => told,
        others => {
            let word = palette.doubtful("still let through");
            let others: Vec<String> = others.iter().map(|it| readable(it, 64)).collect();
            format!("{told}\n  {word} by {}", others.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_listed_with_image_reason_and_the_id_that_ends_it() {
        let list: BreakGlassList = serde_json::from_str(
            r#"{"break_glass":[{"id":"break-glass:7","environment":"production",
            "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "image":"registry.corp/team/app:1","ticket":"INC-7","reason":"checkout is down",
            "granted_by":"kai","granted_at":"2026-06-01T00:00:00Z",
            "until":"2026-06-01T02:00:00Z","lifts_revocation":true}]}"#,
        )
        .unwrap();
        let told = render(&list.break_glass, Palette::plain());
        assert!(told.contains("\n7   production"), "{told}");
        assert!(
            told.contains("lifted   checkout is down  registry.corp/team/app:1"),
            "{told}"
        );
        let narrow = render(&list.break_glass, Palette::plain().of_width(80));
        assert!(
            narrow.contains("TICKET        INC-7\n")
                && narrow.contains("registry.corp/team/app:1\n"),
            "{narrow}"
        );
        assert_eq!(render(&[], Palette::plain()), "nothing is let through");
    }

    #[test]
    fn a_grant_that_lifts_not_all_says_what_denies_still() {
        let granted = |still_denied: &str| -> BreakGlassView {
            serde_json::from_str(&format!(
                r#"{{"id":"break-glass:7","environment":"production",
                "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "image":"registry.corp/team/app:1","ticket":"INC-7","reason":"down",
                "granted_by":"kai","granted_at":"2026-06-01T00:00:00Z",
                "until":"2026-06-01T02:00:00Z","lifts_revocation":false{still_denied}}}"#
            ))
            .unwrap()
        };
        let denial = |reason: &str| {
            format!(
                r#"{{"reason":"{reason}","detail":"found so","next_step":"ask them","lifted":false}}"#
            )
        };
        let both = format!(
            r#","still_denied":[{},{}]"#,
            denial("revoked"),
            denial("platform-not-allowed")
        );
        for (still, told, row) in [
            (r#","still_denied":[]"#, "let through sha256:", "-"),
            ("", "not known whether pulls pass: sha256:", "?"),
            (
                &both,
                "still denied: sha256:",
                "revoked, platform-not-allowed",
            ),
        ] {
            let grant = granted(still);
            let text = render_grant(&grant, Palette::plain());
            assert!(text.contains(told), "{told}: {text}");
            assert_eq!(still_denied(&grant), row);
        }
        let text = render_grant(&granted(&both), Palette::plain());
        assert!(text.contains("revoked: found so\n  next: grant it with --revoked"));
        assert!(text.contains("platform-not-allowed: found so\n  next: ask them"));
    }
}
