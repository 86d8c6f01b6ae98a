//! The log of a command, on stderr.

use super::failure::Failure;
use crate::app::logging;
use crate::traces::TraceExport;

/// Sets up the log, with the collector of traces where there is one.
pub(super) fn start_log(filter: &str, traces: Option<&TraceExport>) -> Result<(), Failure> {
    logging::start(filter, traces).map_err(|error| Failure::usage(error.to_string()))
}
