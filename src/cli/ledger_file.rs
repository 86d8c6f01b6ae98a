//! The ledger's file, for commands that go straight to it.

use jiff::Timestamp;

use super::arguments::SharedArgs;
use super::failure::Failure;
use crate::ledger::{Ledger, LedgerAccess, LedgerOptions};

/// Opens the ledger that the configuration names, also while it is served.
pub async fn open(shared: &SharedArgs) -> Result<Ledger, Failure> {
    let path = shared.ledger_path()?;
    let options = LedgerOptions::at(&path);
    Ledger::open(options, LedgerAccess::Client, Timestamp::now())
        .await
        .map_err(|error| {
            Failure::new(error.to_string()).next(format!(
                "run it as the user of serve; the ledger is {}",
                path.display()
            ))
        })
}
