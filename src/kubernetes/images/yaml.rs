//! Text to documents, within bounds.

use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Options, Spanned, UserMessageFormatter};

use serde::de::IgnoredAny;

use super::node::YamlNode;
use crate::oci::printable;

/// How deep lists and maps may nest. Schemas of custom resources are the deepest
/// manifests there are, and stay below 50.
const MAX_DEPTH: usize = 100;
/// How many values one file may hold, each alias counted as what it stands for.
const MAX_NODES: usize = 1_000_000;
/// How many of them aliases may stand for.
const MAX_ALIASED_NODES: usize = 100_000;
/// The longest reason in an error, in characters.
const MAX_REASON_CHARS: usize = 400;

const BYTE_ORDER_MARK: char = '\u{feff}';
/// NEL, LS and PS end a line in YAML 1.1 (4.2, `b-next-line` and what follows it), and a byte
/// order mark may begin one.
const DISPUTED: [char; 4] = ['\u{85}', '\u{2028}', '\u{2029}', BYTE_ORDER_MARK];

/// A document that holds something, with the line at which it begins.
pub(super) struct Document {
    pub(super) line: u64,
    pub(super) root: YamlNode,
}

/// Reads every document; empty ones are left out.
pub(super) fn read(text: &str, max_documents: usize) -> Result<Vec<Document>, String> {
    check_line_ends(text)?;
    let read: Vec<Spanned<YamlNode>> =
        serde_saphyr::from_multiple_with_options(text, options(max_documents))
            .map_err(|error| printable(&told(&error), MAX_REASON_CHARS))?;
    let document = |spanned: Spanned<YamlNode>| Document {
        line: spanned.referenced.line(),
        root: spanned.value,
    };
    Ok(read.into_iter().map(document).collect())
}

/// What begins a line for kubectl, which reads YAML 1.1, and is text in YAML 1.2: a container
/// could stand in what looks like a comment. JSON, whose strings may hold them, has no lines.
fn check_line_ends(text: &str) -> Result<(), String> {
    let begin = text.len() - text.trim_start_matches(BYTE_ORDER_MARK).len();
    let Some(at) = text[begin..].find(DISPUTED) else {
        return Ok(());
    };
    let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<IgnoredAny>();
    if values.all(|value| value.is_ok()) {
        return Ok(());
    }
    let (before, from) = text.split_at(begin + at);
    let line = before.matches('\n').count() + 1;
    let code = from.chars().next().map_or(0, u32::from);
    Err(format!(
        "line {line}: U+{code:04X} begins a line for kubectl, but not in YAML 1.2: remove it, or \
         write \"\\u{code:04x}\" in double quotes"
    ))
}

/// For who wrote the file: not for who calls the library, whom its own text advises.
fn told(error: &Error) -> String {
    error.render_with_formatter(&UserMessageFormatter)
}

/// What kubectl reads is read; the rest is refused. One anchor with hundreds of
/// aliases is common and harmless: what they expand to is bounded instead.
fn options(max_documents: usize) -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_documents: max_documents,
            max_nodes: MAX_NODES,
            max_events: 3 * MAX_NODES,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIASED_NODES,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        // They are merged where maps are read, since it matters where they stand.
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        null_as_string: true,
        with_snippet: false,
    }
}
