//! The program's own log: text on a terminal, JSON lines otherwise, on stderr.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::oci::without_controls;
use crate::traces::TraceExport;

/// Log targets that are silenced: the Kubernetes client logs each failure once itself, and
/// spans of traces are for their collector.
const SILENCED_TARGETS: &str = "kube_client=off,kube_runtime=off,sekisho::trace=off";

/// The target that all of the program's own begin with.
const OWN_TARGET: &str = "sekisho";

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error("{filter:?} is no log filter ({problem}); write info, or sekisho::gate=debug,warn")]
    Filter { filter: String, problem: String },
    #[error(
        "{word:?} is no level of the log: write trace, debug, info, warn, error or off; for one \
         part of it TARGET=LEVEL, as in sekisho::gate=debug,warn"
    )]
    Level { word: String },
    #[error("an empty log filter says nothing; write info, or sekisho::gate=debug,warn")]
    Empty,
    #[error("the log is set up already")]
    Twice,
}

/// Sets up the log of this process, once. `filter` is written as in `RUST_LOG`:
/// `info`, `warn,sekisho::gate=debug`. Spans of traces go to `traces`, where there is one,
/// whatever the filter says.
///
/// # Errors
/// [`LoggingError`] for a filter that cannot be read, and when a log is set up already.
pub fn start(filter: &str, traces: Option<&TraceExport>) -> Result<(), LoggingError> {
    let filter = parse(filter)?;
    // Colours are control characters, too.
    let layer = Layer::new().with_writer(|| Screened(io::stderr()));
    let layer = layer.with_ansi(false);
    let registry = tracing_subscriber::registry();
    let registry = registry.with(traces.map(TraceExport::layer));
    let started = if io::stderr().is_terminal() {
        let text = layer.with_target(false).with_filter(filter);
        registry.with(text).try_init()
    } else {
        let json = layer.json().flatten_event(true).with_current_span(true);
        let json = json.with_span_list(false).with_filter(filter);
        registry.with(json).try_init()
    };
    started.map_err(|_| LoggingError::Twice)
}

/// The last line of defence: whatever a line of the log holds, no control character
/// leaves. A line is written in one piece.
struct Screened<W>(W);

impl<W: Write> Write for Screened<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(without_controls(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn parse(filter: &str) -> Result<EnvFilter, LoggingError> {
    let words = filter.split(',').map(str::trim);
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Err(LoggingError::Empty);
    }
    if let Some(word) = words.iter().find(|word| names_nothing(word)) {
        let word = (*word).to_owned();
        return Err(LoggingError::Level { word });
    }
    EnvFilter::builder()
        .parse(format!("{SILENCED_TARGETS},{}", words.join(",")))
        .map_err(|error| LoggingError::Filter {
            filter: filter.to_owned(),
            problem: error.to_string(),
        })
}

/// A bare word that is no level would be read as the target of that name, and everything
/// else would be silent: only targets of our own are taken so.
fn names_nothing(word: &str) -> bool {
    let is_bare = !word.contains(['=', '[', ']', '{', '}']);
    let is_ours = word == OWN_TARGET || word.starts_with("sekisho::");
    is_bare && !is_ours && word.parse::<LevelFilter>().is_err()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn takes_filters_and_refuses_others_by_name() {
        assert!(parse("warn,sekisho::gate=debug").is_ok());
        let refused = parse("sekisho=loud").map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("sekisho=loud"), "{refused}");
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_with_those_that_are() {
        for filter in [
            "warning",
            "verbose",
            "inf",
            "info,gate",
            "hyper",
            "warning,info",
        ] {
            let refused = parse(filter).map(|_| ()).unwrap_err().to_string();
            let levels = "trace, debug, info, warn, error or off";
            assert!(refused.contains(levels), "{filter}: {refused}");
        }
        for filter in ["", " ", ","] {
            let refused = parse(filter).map(|_| ()).unwrap_err();
            assert!(matches!(refused, LoggingError::Empty), "{filter:?}");
        }
        for filter in [
            "off",
            "WARN",
            "info, sekisho::gate=debug",
            "sekisho",
            "sekisho::gate",
            "hyper=debug",
            "sekisho[pull{id=1}]=trace",
        ] {
            assert!(parse(filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn lets_no_control_character_into_the_log() {
        let evil = "a\u{1b}[2Jb\u{9b}c\u{202e}d\u{7f}\r\n";
        for json in [true, false] {
            let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
            let written = Lines(lines.clone());
            let layer = Layer::new()
                .with_ansi(false)
                .with_writer(move || Screened(written.clone()));
            let registry = tracing_subscriber::registry();
            let log = || tracing::warn!(user = %evil, path = evil, "{evil}");
            if json {
                tracing::subscriber::with_default(registry.with(layer.json()), log);
            } else {
                tracing::subscriber::with_default(registry.with(layer), log);
            }
            let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
            let line = text.trim_end_matches('\n');
            assert!(line.contains("[2Jb"), "{line}");
            assert!(line.is_ascii(), "{line}");
            let controls = line.chars().any(|it| it.is_control() && it != '\n');
            assert!(!controls, "{line:?}");
        }
    }

    #[derive(Clone)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
