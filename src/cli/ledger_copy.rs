//! `sekisho ledger copy`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::arguments::OutputArgs;
use super::aside::{ProgressLine, say_aside};
use super::failure::{Exit, Failure};
use super::output::{Output, say};
use crate::ledger::{
    CopyProgress, CopyStage, LedgerError, LedgerLocation, ServerFiles, copy_ledger,
};
use crate::oci::counted;

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
    #[command(flatten)]
    from_files: FromFiles,
    #[command(flatten)]
    to_files: ToFiles,
    /// Authorities that are trusted beside the public ones, for both servers, in PEM
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_ca", "to_ca"])]
    ca: Option<PathBuf>,
    #[command(flatten)]
    screen: OutputArgs,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct CopyView<'a> {
    /// Not opened any more.
    from: &'a str,
    to: &'a str,
    tables: usize,
    rows: u64,
    seconds: f64,
}

/// As the keys of `[ledger]`, for the server in --from.
#[derive(Debug, Args)]
struct FromFiles {
    /// With the password of the server in --from
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// Authorities that are trusted beside the public ones, for the server in --from, in PEM
    #[arg(long, value_name = "FILE")]
    from_ca: Option<PathBuf>,
    /// The certificate that is shown to the server in --from, in PEM
    #[arg(long, value_name = "FILE")]
    from_certificate: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE")]
    from_key: Option<PathBuf>,
}

/// As the keys of `[ledger]`, for the server in --to.
#[derive(Debug, Args)]
struct ToFiles {
    /// With the password of the server in --to
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// Authorities that are trusted beside the public ones, for the server in --to, in PEM
    #[arg(long, value_name = "FILE")]
    to_ca: Option<PathBuf>,
    /// The certificate that is shown to the server in --to, in PEM
    #[arg(long, value_name = "FILE")]
    to_certificate: Option<PathBuf>,
    /// Its key, in PEM
    #[arg(long, value_name = "FILE")]
    to_key: Option<PathBuf>,
}

fn location(url: &str) -> Result<LedgerLocation, String> {
    LedgerLocation::of_url(url).map_err(|error| error.to_string())
}

impl CopyLedger {
    fn ends(self) -> Result<(LedgerLocation, LedgerLocation), Failure> {
        let (from, to, ca) = (self.from_files, self.to_files, self.ca.as_ref());
        let from_files = ServerFiles {
            ca: from.from_ca.or_else(|| for_server(&self.from, ca)),
            certificate: from.from_certificate,
            key: from.from_key,
            password_file: from.from_password_file,
        };
        let to_files = ServerFiles {
            ca: to.to_ca.or_else(|| for_server(&self.to, ca)),
            certificate: to.to_certificate,
            key: to.to_key,
            password_file: to.to_password_file,
        };
        let from = reached("from", self.from, from_files)?;
        Ok((from, reached("to", self.to, to_files)?))
    }

    pub async fn run(self) -> Result<Exit, Failure> {
        let output = self.screen.output;
        let (from, to) = self.ends()?;
        let begun = Instant::now();
        let line = ProgressLine::new(true);
        let copied = copy_ledger(&from, &to, |progress| line.show(&told(&progress))).await;
        drop(line);
        let copied = copied.map_err(|error| failed(&error))?;
        let seconds = begun.elapsed().as_secs_f64();
        if output == Output::Json {
            let view = CopyView {
                from: &from.written(),
                to: &to.written(),
                tables: copied.tables,
                rows: copied.rows,
                seconds,
            };
            let raw = serde_json::to_string(&view);
            say(&raw.map_err(|error| Failure::new(format!("cannot write the answer: {error}")))?)?;
        }
        say_aside(&format!(
            "{} of {} copied and compared in {seconds:.1} s; {} is not opened any more. \
             Write url = \"…\" in [ledger], and start serve",
            counted(copied.rows, "row"),
            counted(copied.tables, "table"),
            from.written()
        ));
        Ok(Exit::Done)
    }
}

/// The authorities of both are for whichever of the two is a server.
fn for_server(location: &LedgerLocation, ca: Option<&PathBuf>) -> Option<PathBuf> {
    let is_server = location.file().is_none();
    ca.filter(|_| is_server).cloned()
}

/// One end, with the files for it. `side` begins the names of its flags.
fn reached(
    side: &str,
    location: LedgerLocation,
    files: ServerFiles,
) -> Result<LedgerLocation, Failure> {
    let (reached, problems) = location.reached_with(files);
    let flag = |key: &str| match key {
        "url" => format!("--{side}"),
        key => format!("--{side}-{}", key.replace('_', "-")),
    };
    match problems.first() {
        None => Ok(reached),
        Some(problem) => {
            let text = format!("{} {}", flag(problem.key), problem.why);
            Err(Failure::usage(text))
        }
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
        LedgerError::ServedBy(_) => {
            failure.next("stop it; one that has died is forgotten after 15 seconds")
        }
        _ => failure,
    }
}
