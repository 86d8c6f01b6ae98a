//! `sekisho version`.

use clap::Args;
use serde::Serialize;

use super::arguments::OutputArgs;
use super::failure::{Exit, Failure};
use super::output::Palette;
use crate::report::Format;

/// Where the ledger can lie.
const LEDGERS: [&str; 2] = ["ledger-sqlite", "ledger-postgres"];

/// Say which program this is
#[derive(Debug, Args)]
#[command(
    after_help = "The version of the server that commands ask is in `sekisho status`.

Examples:
  sekisho version
  sekisho version --output json | jq -r .version"
)]
pub struct ShowVersion {
    #[command(flatten)]
    screen: OutputArgs,
}

/// This build of the program.
#[derive(Debug, Serialize)]
struct Build {
    version: &'static str,
    /// Of the source; `null` where `SEKISHO_COMMIT` was not set while it was built.
    commit: Option<&'static str>,
    /// Operating system and architecture.
    platform: String,
    /// What it was built with: `ledger-…` and `report-…`.
    features: Vec<String>,
}

impl Build {
    fn this() -> Self {
        let commit = option_env!("SEKISHO_COMMIT");
        let ledgers = LEDGERS.into_iter().map(str::to_owned);
        let reports = Format::ALL.iter().map(|format| format!("report-{format}"));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: commit.filter(|commit| !commit.is_empty()),
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
            features: ledgers.chain(reports).collect(),
        }
    }

    fn text(&self, palette: Palette) -> String {
        let commit = self.commit.map(|commit| format!(", commit {commit}"));
        format!(
            "{} {}{}\n  platform: {}\n  features: {}",
            palette.strong("sekisho"),
            self.version,
            commit.unwrap_or_default(),
            self.platform,
            self.features.join(", "),
        )
    }
}

impl ShowVersion {
    pub fn run(self) -> Result<Exit, Failure> {
        let build = Build::this();
        let raw = serde_json::to_string(&build)
            .map_err(|error| Failure::new(format!("cannot write the version: {error}")))?;
        self.screen
            .output
            .show(&raw, |palette| build.text(palette))?;
        Ok(Exit::Done)
    }
}
