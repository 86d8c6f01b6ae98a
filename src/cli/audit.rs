//! `sekisho audit`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::arguments::OutputArgs;
use super::arguments::SharedArgs;
use super::aside::{ProgressLine, say_aside};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use super::output::{Output, Palette};
use crate::api::{AUDIT_SEALS, AuditSealList, AuditSealView};
use crate::audit::{AuditCheck, ChainEnd, KnownEnd, check_log};
use crate::oci::counted;

/// Examine the audit log
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Verify(VerifyAudit),
}

/// Find lines of the audit log that were changed, taken out, put in or moved
///
/// Each line carries the hash of the one before. All files are read that the log was rotated
/// to, in the same folder, compressed by gzip or not. Where the ledger's answer can be had, the
/// end is held against it, so that one which was cut off shows, too.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 as it was written, 1 not, or not readable.

Examples:
  sekisho audit verify --config /etc/sekisho/sekisho.toml
  sekisho audit verify /archive/audit.jsonl --offline")]
struct VerifyAudit {
    /// The log, with what it was rotated to beside it; else the configuration's
    file: Option<PathBuf>,
    /// Do not ask the gateway where the log ended last
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// The answer, for scripts.
#[derive(Serialize)]
struct Verified<'a> {
    sound: bool,
    /// Whether the end was held against what the ledger knows.
    compared_with_ledger: bool,
    files: &'a [PathBuf],
    lines: u64,
    lines_before_the_chain: u64,
    torn: Vec<String>,
    faults: Vec<String>,
    fault_count: u64,
    /// Logs that the ledger knows of other places, such as those of other replicas.
    elsewhere: Vec<String>,
    /// Lines behind what the ledger knew when the log went on under another name.
    unsealed: Vec<String>,
    /// Logs whose first line is not here.
    begins_later: Vec<String>,
}

impl AuditArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            Verb::Verify(command) => command.run(shared).await,
        }
    }
}

impl VerifyAudit {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let seals = match self.offline {
            true => None,
            false => self.seals(shared).await,
        };
        let path = match self.file {
            Some(file) => file,
            None => shared.load_parts(Some(&["data_dir", "audit"]))?.audit.path,
        };
        let known = seals.as_deref().unwrap_or_default();
        let found = check(&path, known)?;
        let compared = known
            .iter()
            .any(|seal| found.chains.contains_key(&seal.end.log));
        show(&found, compared, self.screen.output)
    }

    /// Where the ledger knows that logs ended; `None` where it cannot be asked, which is
    /// said.
    async fn seals(&self, shared: &SharedArgs) -> Option<Vec<KnownEnd>> {
        let asked = async {
            let client = self.remote.client(shared)?;
            let answer = client.get::<AuditSealList>(AUDIT_SEALS, &()).await?;
            Ok::<_, Failure>(answer.body.seals)
        };
        match asked.await {
            Ok(seals) => Some(seals.into_iter().map(known_end).collect()),
            Err(failure) => {
                say_aside(&format!(
                    "the end is not compared with the ledger: {failure}; --offline leaves that out"
                ));
                None
            }
        }
    }
}

fn known_end(seal: AuditSealView) -> KnownEnd {
    let now = jiff::Timestamp::now();
    KnownEnd {
        end: ChainEnd {
            log: seal.log,
            line: seal.line,
            hash: Some(seal.hash),
        },
        may_be_removed: seal.kept_until.is_some_and(|until| until < now),
        // What an earlier version noted says nothing of it.
        keeps_all: seal.kept_until.is_none() && seal.place.is_some(),
        place: seal.place,
    }
}

fn check(path: &Path, seals: &[KnownEnd]) -> Result<AuditCheck, Failure> {
    let line = ProgressLine::new(true);
    let progress = |file: &Path, bytes: u64| {
        line.show(&format!("reading {} ({} MiB)", file.display(), bytes >> 20));
    };
    check_log(path, seals, progress)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

fn show(found: &AuditCheck, compared: bool, output: Output) -> Result<Exit, Failure> {
    let verified = Verified {
        sound: found.fault_count == 0,
        compared_with_ledger: compared,
        files: &found.files,
        lines: found.lines,
        lines_before_the_chain: found.unchained,
        torn: found.torn.iter().map(ToString::to_string).collect(),
        faults: found.faults.iter().map(ToString::to_string).collect(),
        fault_count: found.fault_count,
        elsewhere: found.elsewhere.iter().map(named).collect(),
        unsealed: found.unsealed.iter().map(ToString::to_string).collect(),
        begins_later: begins_later(found),
    };
    let raw = serde_json::to_string(&verified)
        .map_err(|error| Failure::new(format!("cannot write the answer: {error}")))?;
    output.show(&raw, |palette| text(&verified, palette))?;
    Ok(match verified.sound {
        true => Exit::Done,
        false => Exit::Failure,
    })
}

/// What came before was removed, or lies elsewhere.
fn begins_later(found: &AuditCheck) -> Vec<String> {
    let later = found.chains.iter().filter(|(_, span)| span.first > 1);
    let told = later.map(|(log, span)| format!("the log {log} begins at line {}", span.first));
    told.collect()
}

fn named(known: &KnownEnd) -> String {
    let place = known.place.as_deref().unwrap_or("a place not noted");
    let lines = counted(known.end.line, "line");
    format!("{} of {place}, {lines}", known.end.log)
}

fn text(verified: &Verified<'_>, palette: Palette) -> String {
    let mut lines = Vec::new();
    for fault in &verified.faults {
        lines.push(format!("{} {fault}", palette.bad("tampered")));
    }
    let unnamed = verified.fault_count - verified.faults.len() as u64;
    if unnamed > 0 {
        lines.push(format!("and {unnamed} more"));
    }
    for place in &verified.torn {
        lines.push(format!("{place}: half a line, as a crash leaves it"));
    }
    if verified.lines_before_the_chain > 0 {
        let count = verified.lines_before_the_chain;
        lines.push(format!(
            "{} from before the chain began: nothing vouches for what they say",
            counted(count, "line")
        ));
    }
    for log in &verified.begins_later {
        lines.push(format!(
            "{log}; what came before was removed, or lies elsewhere"
        ));
    }
    for unsealed in &verified.unsealed {
        lines.push(format!(
            "{unsealed}: {}; they are of the last seconds before a crash, or were put in",
            palette.bad("the ledger does not know them")
        ));
    }
    for log in &verified.elsewhere {
        lines.push(format!("not here, and not examined: the log {log}"));
    }
    let read = format!(
        "{} in {}",
        counted(verified.lines, "line"),
        counted(verified.files.len(), "file")
    );
    lines.push(match (verified.sound, verified.compared_with_ledger) {
        (false, _) => format!("{read}: {}", palette.bad("not as they were written")),
        (true, true) => format!(
            "{read}: {}, to the end that the ledger knows",
            palette.good("as they were written")
        ),
        (true, false) => format!(
            "{read}: {} as far as they go; whether an end was cut off only the ledger knows",
            palette.good("as they were written")
        ),
    });
    lines.join("\n")
}
