//! The fields that all formats share: bounded text, times, digests, platforms.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{ReportError, identifiers};
use crate::oci::{Digest, Platform, printable};

/// The longest id of a vulnerability, in bytes.
const MAX_ID_BYTES: usize = 128;
/// How many other ids a finding may list.
const MAX_ALIASES: usize = 1024;
/// The longest package name, version or other short text, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// The longest word of a platform, in bytes.
const MAX_WORD_BYTES: usize = 64;
/// The longest package URL, in bytes.
const MAX_PURL_BYTES: usize = 4096;

/// An id of a vulnerability. Never cut: exceptions and advisories match it.
pub(super) fn id(field: &'static str, text: String) -> Result<String, ReportError> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.chars().any(char::is_control) {
        return Err(ReportError::field(field, "an id is empty or not printable"));
    }
    bounded(field, trimmed.to_owned(), MAX_ID_BYTES)
}

/// The id that a name begins with, where words follow it: `RHSA-2099:1234: zlib security
/// update (Important)`. Of a name with several CVEs they all are, so that one of them names
/// no finding. Any other name is the id.
pub(super) fn titled_id(field: &'static str, name: &str) -> Result<String, ReportError> {
    let words = name.trim();
    let first = words.split_whitespace().next().unwrap_or_default();
    let numbered = identifiers::in_text(first).next();
    let cves = identifiers::cves_in(name);
    if cves.len() > 1 && numbered.as_ref().is_none_or(|it| cves.contains(it)) {
        return id(field, joined(cves));
    }
    match numbered {
        Some(numbered) if first.len() < words.len() => id(field, numbered),
        _ => id(field, name.to_owned()),
    }
}

/// The id of what is about all of these CVEs, which is none of them.
pub(super) fn joined(cves: BTreeSet<String>) -> String {
    Vec::from_iter(cves).join(" ")
}

/// The other ids of the vulnerability `own`, each once, with the ids that stand in any
/// of them among more text.
pub(super) fn aliases(
    field: &'static str,
    own: &str,
    others: impl IntoIterator<Item = String>,
) -> Result<Vec<String>, ReportError> {
    Ok(Aliases::naming(field, own, others)?.listed)
}

/// The other ids of a vulnerability, each once.
pub(super) struct Aliases<'a> {
    field: &'static str,
    own: &'a str,
    known: HashSet<String>,
    listed: Vec<String>,
    mentioned: Vec<String>,
}

impl<'a> Aliases<'a> {
    pub(super) fn new(field: &'static str, own: &'a str) -> Self {
        Self {
            field,
            own,
            known: HashSet::new(),
            listed: Vec::new(),
            mentioned: Vec::new(),
        }
    }

    /// As [`aliases`].
    pub(super) fn naming(
        field: &'static str,
        own: &'a str,
        others: impl IntoIterator<Item = String>,
    ) -> Result<Self, ReportError> {
        let mut aliases = Self::new(field, own);
        aliases.add_within(own)?;
        for other in others {
            aliases.add_within(&other)?;
            aliases.add(id(field, other)?)?;
        }
        Ok(aliases)
    }

    /// The ids that stand in `text`, which names the vulnerability.
    pub(super) fn add_within(&mut self, text: &str) -> Result<(), ReportError> {
        identifiers::in_text(text).try_for_each(|id| self.add(id).map(drop))
    }

    /// The ids that stand in a link or in free text: of whatever that is about. Those that
    /// name the vulnerability are added first.
    pub(super) fn add_mentioned(&mut self, text: &str) -> Result<(), ReportError> {
        for id in identifiers::in_text(text) {
            if self.add(id.clone())? {
                self.mentioned.push(id);
            }
        }
        Ok(())
    }

    /// Whether it is new.
    fn add(&mut self, id: String) -> Result<bool, ReportError> {
        if id == self.own || self.known.contains(&id) {
            return Ok(false);
        }
        if self.listed.len() == MAX_ALIASES {
            let problem = "a finding has too many aliases";
            return Err(ReportError::field(self.field, problem));
        }
        self.known.insert(id.clone());
        self.listed.push(id);
        Ok(true)
    }

    /// All of them, and those that are only mentioned.
    pub(super) fn listed(self) -> (Vec<String>, Vec<String>) {
        (self.listed, self.mentioned)
    }
}

/// A package name or a version; may be empty.
pub(super) fn text(field: &'static str, text: String) -> Result<String, ReportError> {
    bounded(field, text, MAX_TEXT_BYTES)
}

/// Text that people read and nothing is matched by, cut where it is long: the versions
/// that mend something may be hundreds. Go's empty string means that there is none. What is
/// cut away is never copied: many findings may share one long text.
pub(super) fn for_people(text: &str) -> Option<String> {
    filled(match text.len() > MAX_TEXT_BYTES {
        true => {
            let shown = text.floor_char_boundary(MAX_TEXT_BYTES - "…".len());
            format!("{}…", &text[..shown])
        }
        false => text.to_owned(),
    })
}

/// The status of a finding that the scanner was told to leave out, for whatever
/// reason it gives.
pub(super) fn suppressed(word: &str) -> String {
    match word {
        "" => "suppressed".to_owned(),
        word => format!("suppressed ({})", printable(word, 64)),
    }
}

/// The version in `Upgrade X to Y` or `Upgrade X from W to Y`, with or without the
/// word before a version; other advice is free text.
pub(super) fn upgrade(advice: &str) -> Option<&str> {
    let (_, version) = advice.strip_prefix("Upgrade ")?.rsplit_once(" to ")?;
    let version = version.strip_prefix("version ").unwrap_or(version);
    let is_list = version.split(", ").all(|word| !word.contains(' '));
    is_list.then_some(version)
}

/// A package URL, where there is one.
pub(super) fn purl(field: &'static str, text: String) -> Result<Option<String>, ReportError> {
    bounded(field, text, MAX_PURL_BYTES).map(filled)
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn bounded(field: &'static str, text: String, limit: usize) -> Result<String, ReportError> {
    if text.len() > limit {
        let start = printable(&text, 32);
        let problem = format!("{start:?}… is longer than {limit} bytes");
        return Err(ReportError::field(field, problem));
    }
    Ok(text)
}

/// An RFC 3339 time. Absent, empty, a number (old scanners) and Go's zero time
/// are no time; any other text is an error.
pub(super) fn time(
    field: &'static str,
    value: Option<&RawValue>,
) -> Result<Option<Timestamp>, ReportError> {
    let text = value.map(|value| serde_json::from_str::<String>(value.get()));
    match text {
        Some(Ok(text)) if !text.is_empty() => {
            let time: Timestamp = text
                .parse()
                .map_err(|_| ReportError::field(field, "not an RFC 3339 time"))?;
            Ok(Some(time).filter(|time| *time > Timestamp::UNIX_EPOCH))
        }
        _ => Ok(None),
    }
}

/// A digest, where Go's empty string means that there is none.
pub(super) fn digest(field: &'static str, text: &str) -> Result<Option<Digest>, ReportError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digest = Digest::parse(text).map_err(|error| ReportError::Digest { field, error })?;
    Ok(Some(digest))
}

/// Digests of a list, without its empty strings.
pub(super) fn digests<'a>(
    field: &'static str,
    list: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Digest>, ReportError> {
    list.into_iter()
        .filter_map(|text| digest(field, text).transpose())
        .collect()
}

/// The digest in `repository@digest`. The repository is not believed: Docker Hub's
/// names lack host and `library/`, and anyone can type one.
pub(super) fn repo_digest(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, digest)| digest)
}

/// A platform, if both its halves are stated.
pub(super) fn platform(
    os: &str,
    architecture: &str,
    variant: &str,
) -> Result<Option<Platform>, ReportError> {
    if os.is_empty() || architecture.is_empty() {
        return Ok(None);
    }
    if [os, architecture, variant]
        .iter()
        .any(|word| word.len() > MAX_WORD_BYTES)
    {
        return Err(ReportError::field("platform", "a word of it is too long"));
    }
    let written = match variant {
        "" => format!("{os}/{architecture}"),
        variant => format!("{os}/{architecture}/{variant}"),
    };
    Platform::parse(&written)
        .map(Some)
        .map_err(|error| ReportError::field("platform", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(json: &str) -> Result<Option<Timestamp>, ReportError> {
        time("CreatedAt", Some(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn reads_times_with_any_offset() {
        let expected = "2026-03-01T00:00:00Z".parse().ok();
        assert_eq!(time_of(r#""2026-03-01T09:00:00+09:00""#), Ok(expected));
        assert_eq!(time_of(r#""2026-03-01T00:00:00.000Z""#), Ok(expected));
    }

    #[test]
    fn takes_no_time_from_numbers_and_zero_times() {
        for none in ["1700000000", "\"\"", "\"0001-01-01T00:00:00Z\""] {
            assert_eq!(time_of(none), Ok(None), "{none}");
        }
        assert_eq!(time("CreatedAt", None), Ok(None));
        assert!(time_of("\"yesterday\"").is_err());
    }

    #[test]
    fn refuses_long_ids_instead_of_cutting_them() {
        assert!(id("id", "C".repeat(128)).is_ok());
        for bad in [
            "C".repeat(129),
            String::new(),
            "CVE\n-1".to_owned(),
            " ".to_owned(),
        ] {
            assert!(id("id", bad).is_err());
        }
        assert!(text("package", "p".repeat(1025)).is_err());
    }

    #[test]
    fn cuts_long_text_for_people() {
        assert_eq!(for_people(""), None);
        assert_eq!(for_people("1.0").as_deref(), Some("1.0"));
        let cut = for_people(&"ü".repeat(2000)).unwrap();
        assert!(cut.len() <= MAX_TEXT_BYTES && cut.ends_with("ü…"));
    }

    #[test]
    fn lists_other_ids_once() {
        let others = ["CVE-2", "CVE-1", "CVE-2"].map(str::to_owned);
        assert_eq!(
            aliases("aliases", "CVE-1", others),
            Ok(vec!["CVE-2".to_owned()])
        );
        let within = aliases("aliases", "cve-2099-1000/zlib", ["RHSA-2099:1 ".to_owned()]);
        assert_eq!(
            within,
            Ok(vec!["CVE-2099-1000".to_owned(), "RHSA-2099:1".to_owned()])
        );
        let many = (0..1100).map(|n| n.to_string());
        assert!(aliases("aliases", "CVE-1", many).is_err());
    }
}
