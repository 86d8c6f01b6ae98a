//! The ledger's file, for commands that go straight to it.

use jiff::Timestamp;

use super::arguments::SharedArgs;
use super::failure::Failure;
use crate::ledger::{Ledger, LedgerAccess, LedgerOptions};

/// Opens the ledger that the configuration names, also while it is served.
pub async fn open(shared: &SharedArgs) -> Result<Ledger, Failure> {
    let location = shared.ledger_location()?;
    let shown = location.written();
    let options = LedgerOptions::of(location);
    Ledger::open(options, LedgerAccess::Client, Timestamp::now())
        .await
        .map_err(|error| {
            Failure::new(error.to_string()).next(format!(
                "run it as the user of serve; the ledger is {shown}"
            ))
        })
}
