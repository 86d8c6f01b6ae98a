//! `sekisho ledger`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::arguments::{OutputArgs, SharedArgs};
use super::failure::{Exit, Failure};
use super::ledger_copy::CopyLedger;
use super::ledger_file;
use super::ledger_restore::{ReplayLedger, RestoreLedger};
use super::output::Output;
use crate::file_access::open_regular;
use crate::ledger::{Ledger, LedgerError};
use crate::oci::counted;

/// Back up the trust records, verify a backup, put it back, or move them to another database
#[derive(Debug, Args)]
pub struct LedgerCommand {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Backup(Backup),
    Verify(VerifyBackup),
    Restore(RestoreLedger),
    Replay(ReplayLedger),
    Copy(Box<CopyLedger>),
}

/// Copy the ledger whole into a new file, while it is served
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho ledger backup /backup/ledger.db --config /etc/sekisho/sekisho.toml")]
struct Backup {
    /// Where to; must not exist
    file: PathBuf,
    #[command(flatten)]
    screen: OutputArgs,
}

/// Examine a ledger file that nobody uses, such as a backup
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho ledger verify /backup/ledger.db")]
struct VerifyBackup {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    screen: OutputArgs,
}

/// What a sound file holds.
#[derive(Serialize)]
struct Holding {
    file: PathBuf,
    schema: i64,
    seq: u64,
    newest: Option<jiff::Timestamp>,
}

impl LedgerCommand {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match self.command {
            Verb::Backup(command) => command.run(shared).await,
            Verb::Verify(command) => show(command.file, command.screen.output, "sound").await,
            Verb::Restore(command) => command.run(shared).await,
            Verb::Replay(command) => command.run(shared).await,
            Verb::Copy(command) => command.run().await,
        }
    }
}

impl Backup {
    async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let source = shared.ledger_location()?;
        let held = source.holds_ledger().await;
        let unseen = |error| failed(&error).next("run it as the user of serve");
        if !held.map_err(unseen)? {
            let message = format!("there is no ledger at {}", source.written());
            return Err(Failure::new(message).next("name its configuration by --config"));
        }
        let ledger = ledger_file::open(shared).await?;
        let copied = ledger.backup(&self.file).await;
        ledger.close().await;
        copied.map_err(|error| failed(&error))?;
        show(self.file, self.screen.output, "backed up").await
    }
}

async fn show(file: PathBuf, output: Output, word: &str) -> Result<Exit, Failure> {
    let named = file.display().to_string();
    // The database itself would not say why it cannot be opened.
    open_regular(&file).map_err(|error| Failure::new(format!("{named}: {error}")))?;
    let found = Ledger::verify(&file)
        .await
        .map_err(|error| failed(&error).about(&named))?;
    let holding = Holding {
        file,
        schema: found.schema,
        seq: found.seq,
        newest: found.newest,
    };
    let raw = serde_json::to_string(&holding)
        .map_err(|error| Failure::new(format!("cannot write the answer: {error}")))?;
    output.show(&raw, |palette| {
        let newest = holding.newest;
        format!(
            "{}: {}, {}, the newest {}",
            holding.file.display(),
            palette.good(word),
            counted(holding.seq, "change"),
            newest.map_or_else(|| "none".to_owned(), |at| format!("of {at:.0}")),
        )
    })?;
    Ok(Exit::Done)
}

fn failed(error: &LedgerError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        LedgerError::Unwritten { .. } => {
            failure.next("free space there, and do the same once more")
        }
        _ => failure,
    }
}
