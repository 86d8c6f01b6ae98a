//! The ledger's file, for commands that go straight to it.

use jiff::{SignedDuration, Timestamp};

use super::arguments::Shared;
use super::failure::Failure;
use crate::ledger::{Access, Config, Ledger};

/// Opens the ledger that the configuration names, beside whoever serves it.
pub async fn open(shared: &Shared) -> Result<Ledger, Failure> {
    let config = shared.load()?.ledger;
    let path = config.path;
    let silence = SignedDuration::try_from(config.max_silence);
    let config = Config {
        max_silence: silence.map_err(|error| Failure::new(error.to_string()))?,
        ..Config::at(&path)
    };
    Ledger::open(config, Access::Client, Timestamp::now())
        .await
        .map_err(|error| {
            Failure::new(error.to_string()).next(format!(
                "run it as the user of serve; the ledger is {}",
                path.display()
            ))
        })
}
