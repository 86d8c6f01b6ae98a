//! The program's own log: text on a terminal, JSON lines otherwise, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that log each failure which `cluster` tells once, in its own words.
const ECHOES: &str = "kube_client=off,kube_runtime=off";

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error("{filter:?} is no log filter ({problem}); write info, or sekisho::gate=debug,warn")]
    Filter { filter: String, problem: String },
    #[error("the log is set up already")]
    Twice,
}

/// Sets up the log of this process, once. `filter` is written as in `RUST_LOG`:
/// `info`, `warn,sekisho::gate=debug`.
pub fn start(filter: &str) -> Result<(), LoggingError> {
    let filter = parse(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = Layer::new().with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        registry.with(layer.with_target(false)).try_init()
    } else {
        let json = layer.json().flatten_event(true).with_current_span(true);
        registry.with(json.with_span_list(false)).try_init()
    };
    started.map_err(|_| LoggingError::Twice)
}

fn parse(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::builder()
        .parse(format!("{ECHOES},{filter}"))
        .map_err(|error| LoggingError::Filter {
            filter: filter.to_owned(),
            problem: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_filters_and_refuses_others_by_name() {
        assert!(parse("warn,sekisho::gate=debug").is_ok());
        let refused = parse("sekisho=loud").map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("sekisho=loud"), "{refused}");
    }
}
