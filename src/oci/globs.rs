//! Globs over repositories.

use std::fmt::{self, Write as _};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Repository, printable};

/// A glob that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{glob:?} is no glob over repositories: {problem}")]
pub struct GlobError {
    pub glob: String,
    pub problem: String,
}

/// The length of a glob, in bytes, at most: names have 255, and alternatives some more. What
/// reads a glob takes memory by its length.
const MAX_GLOB_BYTES: usize = 4096;

/// What makes a glob more than a name.
const WILDCARDS: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// Globs over `host/name`: `*` stays within a component, `**` crosses them.
/// The host is matched whole, so no look-alike slips in behind a prefix.
#[derive(Clone)]
pub struct RepositoryGlobs {
    written: Vec<String>,
    set: GlobSet,
}

impl RepositoryGlobs {
    /// Globs over repositories; `*` stays within one part of a path.
    ///
    /// # Errors
    /// [`GlobError`] names the first that is ill-formed.
    pub fn new(written: Vec<String>) -> Result<Self, GlobError> {
        let mut set = GlobSetBuilder::new();
        for glob in &written {
            if glob.len() > MAX_GLOB_BYTES {
                return Err(GlobError {
                    glob: printable(glob, 64),
                    problem: format!("it is longer than {MAX_GLOB_BYTES} bytes"),
                });
            }
            let bad = |error: globset::Error| GlobError {
                glob: glob.clone(),
                problem: error.kind().to_string(),
            };
            set.add(
                GlobBuilder::new(glob)
                    .literal_separator(true)
                    .build()
                    .map_err(bad)?,
            );
        }
        let set = set.build().map_err(|error| GlobError {
            glob: written.join(", "),
            problem: error.kind().to_string(),
        })?;
        Ok(Self { written, set })
    }

    /// No glob at all.
    pub fn none() -> Self {
        Self {
            written: Vec::new(),
            set: GlobSet::empty(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    pub fn written(&self) -> &[String] {
        &self.written
    }

    /// Asked at every pull, so nothing is allocated for it.
    pub fn matches(&self, repository: &Repository) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut text = InlineText::default();
        match write!(text, "{repository}") {
            Ok(()) => self.set.is_match(text.as_str()),
            // Longer than any name that can be written.
            Err(fmt::Error) => self.set.is_match(repository.to_string()),
        }
    }

    /// Whether a text matches as the name of a repository would.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        self.set.is_match(text)
    }

    /// Whether some repository may match both. Says yes where two patterns are too
    /// wild to tell.
    pub fn meet(&self, other: &Self) -> bool {
        let mut pairs = self
            .written
            .iter()
            .flat_map(|one| other.written.iter().map(move |two| (one, two)));
        pairs.any(
            |(one, two)| match (one.contains(WILDCARDS), two.contains(WILDCARDS)) {
                (false, _) => other.set.is_match(one),
                (_, false) => self.set.is_match(two),
                (true, true) => ends_meet(one, two),
            },
        )
    }

    /// For lists where leaving them empty means no limit.
    pub fn empty_or_matches(&self, repository: &Repository) -> bool {
        self.is_empty() || self.matches(repository)
    }
}

/// Text without a heap: a host of 255 bytes, a port, and a name of 255.
struct InlineText {
    bytes: [u8; 520],
    length: usize,
}

impl Default for InlineText {
    fn default() -> Self {
        Self {
            bytes: [0; 520],
            length: 0,
        }
    }
}

impl InlineText {
    fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }
}

impl fmt::Write for InlineText {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let end = self.length + piece.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(piece.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Whether what two patterns begin and end with before and behind all that is wild
/// can belong to one name.
fn ends_meet(one: &str, two: &str) -> bool {
    let start = |glob: &str| glob.find(WILDCARDS).map_or(glob.len(), |at| at);
    let end = |glob: &str| glob.rfind(WILDCARDS).map_or(0, |at| at + 1);
    let (one_start, two_start) = (&one[..start(one)], &two[..start(two)]);
    let (one_end, two_end) = (&one[end(one)..], &two[end(two)..]);
    (one_start.starts_with(two_start) || two_start.starts_with(one_start))
        && (one_end.ends_with(two_end) || two_end.ends_with(one_end))
}

impl PartialEq for RepositoryGlobs {
    /// As they were written.
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for RepositoryGlobs {}

/// As they were written: the compiled set has no stable order.
impl fmt::Debug for RepositoryGlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl Serialize for RepositoryGlobs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RepositoryGlobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, repository: &str) -> bool {
        RepositoryGlobs::new(vec![glob.to_owned()])
            .unwrap()
            .matches(&Repository::parse(repository).unwrap())
    }

    #[test]
    fn one_star_stays_within_a_component() {
        assert!(matches("registry.corp/team/*", "registry.corp/team/app"));
        assert!(!matches(
            "registry.corp/team/*",
            "registry.corp/team/app/sub"
        ));
        assert!(matches(
            "registry.corp/team/**",
            "registry.corp/team/app/sub"
        ));
    }

    #[test]
    fn matches_without_allocating() {
        let globs = ["registry.corp/team/**", "docker.io/library/*"];
        let globs = RepositoryGlobs::new(globs.map(str::to_owned).to_vec()).unwrap();
        let repository = Repository::parse("registry.corp/team/app/sub").unwrap();
        // The matcher makes its scratch space at its first use.
        assert!(globs.matches(&repository));
        let counted = allocation_counter::measure(|| assert!(globs.matches(&repository)));
        assert_eq!(counted.count_total, 0, "{counted:?}");
    }

    #[test]
    fn patterns_meet_unless_their_ends_part_them() {
        let meet = |one: &str, two: &str| {
            let globs = |glob: &str| RepositoryGlobs::new(vec![glob.to_owned()]).unwrap();
            assert_eq!(globs(one).meet(&globs(two)), globs(two).meet(&globs(one)));
            globs(one).meet(&globs(two))
        };
        assert!(meet("a.corp/team/*", "a.corp/**") && meet("**", "a.corp/team/x"));
        assert!(meet("a.corp/{x,y}", "*/x") && meet("a.corp/x", "a.corp/x"));
        assert!(!meet("a.corp/team/*", "b.corp/**") && !meet("**/x", "a.corp/*/y"));
        assert!(!meet("a.corp/x", "a.corp/y") && !meet("a.corp/*", "a.corp/x/y"));
    }

    #[test]
    fn a_host_is_matched_whole() {
        assert!(!matches("docker.io/**", "docker.io.evil.example/x"));
        assert!(!matches("registry.corp/team", "registry.corp/team-evil"));
    }
}
