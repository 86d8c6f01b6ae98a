//! A public type's name is unique in the whole crate, so that one word means one thing
//! wherever it is read.

use std::collections::BTreeMap;

use super::source::Source;

/// Names that stand more than once on purpose, each with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// Every public type's name that is defined more than once, with its places.
pub fn repeated(sources: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in sources {
        for (name, line) in public_types(source) {
            let place = format!("{}:{line}", source.path);
            places.entry(name).or_default().push(place);
        }
    }
    let repeated = places.into_iter().filter(|(name, places)| {
        let is_exception = EXCEPTIONS.iter().any(|(excepted, _)| excepted == name);
        places.len() > 1 && !is_exception
    });
    repeated
        .map(|(name, places)| format!("{name} is defined in {}", places.join(" and ")))
        .collect()
}

/// Names of types that other rooms could import, with their lines: `pub` and
/// `pub(crate)`, not `pub(super)` and `pub(in …)`.
fn public_types(source: &Source) -> impl Iterator<Item = (&str, usize)> {
    let begins = (0..source.tokens.len()).filter(|at| source.text(*at) == "pub");
    begins.filter_map(|at| {
        let keyword = match (source.text(at + 1), source.text(at + 2)) {
            ("(", "crate") => at + 4,
            _ => at + 1,
        };
        let is_type = matches!(
            source.text(keyword),
            "struct" | "enum" | "union" | "trait" | "type"
        );
        let name = source.tokens.get(keyword + 1)?;
        is_type.then_some((name.text.as_str(), name.line))
    })
}

#[test]
fn finds_types_that_share_a_name() {
    let sources = [
        Source::new("src/gate/a.rs", "pub struct Answer;\npub enum Other {}"),
        Source::new("src/cli/b.rs", "\npub(crate) type Answer = ();"),
        Source::new("src/cli/c.rs", "pub(super) struct Other;\nfn answer() {}"),
        Source::new(
            "src/cli/d.rs",
            "#[cfg(test)]\nmod tests { pub struct Answer; }",
        ),
    ];
    assert_eq!(
        repeated(&sources),
        ["Answer is defined in src/gate/a.rs:1 and src/cli/b.rs:2"]
    );
}
