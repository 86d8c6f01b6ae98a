//! `sekisho ledger copy`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::aside::{ProgressLine, say_aside};
use super::failure::{Exit, Failure};
use crate::ledger::{CopyProgress, CopyStage, LedgerError, LedgerLocation, copy_ledger};

/// Move the ledger to another database: an SQLite file or a PostgreSQL server, in any
/// direction
#[derive(Debug, Args)]
#[command(
    after_help = "No serve may run. What is copied is one state of the ledger, compared row by
row before the target shows any of it: broken off, it leaves the target empty and can begin
again. In the end the source is marked, and no serve opens it any more: two ledgers of one
identity would forget each what the other was told. For a trial, copy a backup.

A URL holds no password: name the file that does.

Examples:
  sekisho ledger copy --from sqlite:///var/lib/sekisho/ledger.db --to postgres://sekisho@db.corp/sekisho --to-password-file /etc/sekisho/db
  sekisho ledger copy --from sqlite:///backup/ledger.db --to postgres://sekisho@127.0.0.1/trial"
)]
pub struct CopyLedger {
    /// The ledger: sqlite:///PATH or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", value_parser = location)]
    from: LedgerLocation,
    /// Where to: the database is there, and holds nothing
    #[arg(long, value_name = "URL", value_parser = location)]
    to: LedgerLocation,
    /// With the password of the server in --from
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// With the password of the server in --to
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// Authorities that are trusted beside the public ones, for both servers, in PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn location(url: &str) -> Result<LedgerLocation, String> {
    LedgerLocation::of_url(url).map_err(|error| error.to_string())
}

impl CopyLedger {
    pub async fn run(self) -> Result<Exit, Failure> {
        let from = reached(self.from, self.from_password_file, self.ca.clone());
        let to = reached(self.to, self.to_password_file, self.ca);
        let begun = Instant::now();
        let line = ProgressLine::new(true);
        let copied = copy_ledger(&from, &to, |progress| line.show(&told(&progress))).await;
        drop(line);
        let copied = copied.map_err(|error| failed(&error))?;
        let seconds = begun.elapsed().as_secs_f64();
        say_aside(&format!(
            "{} rows of {} tables copied and compared in {seconds:.1} s; {} is not opened any more. \
             Write url = \"…\" in [ledger], and start serve",
            copied.rows,
            copied.tables,
            from.written()
        ));
        Ok(Exit::Done)
    }
}

fn reached(
    location: LedgerLocation,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
) -> LedgerLocation {
    match location {
        LedgerLocation::Server(mut options) => {
            options.password_file = password_file;
            options.ca = ca;
            LedgerLocation::Server(options)
        }
        file @ LedgerLocation::File(_) => file,
    }
}

fn told(progress: &CopyProgress<'_>) -> String {
    let CopyProgress {
        table, rows, of, ..
    } = progress;
    match progress.stage {
        CopyStage::Copying => format!("copying {table}: {rows} of {of} rows"),
        CopyStage::Verifying => format!("comparing {table}: {rows} of {of} rows"),
    }
}

fn failed(error: &LedgerError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        LedgerError::NotEmpty(_) => failure.next("name a database that holds nothing"),
        LedgerError::NoLedger(_) => failure.next("look at --from"),
        _ => failure,
    }
}
