//! One row of the table `changes`: what a write affects.

use crate::oci::{Digest, Repository, Tag};
use crate::trust::EnvironmentName;

/// What changed, with all that a reader needs to find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LedgerChange {
    /// A scan of this manifest came, or was withdrawn.
    Scan(Digest),
    /// A promotion of this digest came, or was withdrawn.
    Promotion(Digest, Option<PromotedTag>),
    /// A revocation of this digest came, or was undone.
    Revocation(Digest),
    Closure(Repository, Digest),
    Alias(Digest, Digest),
    Token(String),
    /// Break-glass for this digest was granted, or withdrawn.
    BreakGlass(Digest),
    /// An act that changes no evidence.
    Act,
    /// Another mode was set for an environment, or withdrawn.
    Mode(EnvironmentName),
}

/// A tag that promotions move, in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PromotedTag {
    pub environment: EnvironmentName,
    pub repository: Repository,
    pub tag: Tag,
}

impl LedgerChange {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Scan(_) => "scan",
            Self::Promotion(..) => "promotion",
            Self::Revocation(_) => "revocation",
            Self::Closure(..) => "closure",
            Self::Alias(..) => "alias",
            Self::Token(_) => "token",
            Self::Act => "act",
            Self::BreakGlass(_) => "break-glass",
            Self::Mode(_) => "mode",
        }
    }

    /// Words parted by spaces; none of them can hold one.
    pub fn subject(&self) -> String {
        match self {
            Self::Scan(digest)
            | Self::Revocation(digest)
            | Self::BreakGlass(digest)
            | Self::Promotion(digest, None) => digest.to_string(),
            Self::Promotion(digest, Some(at)) => {
                format!("{digest} {} {} {}", at.environment, at.repository, at.tag)
            }
            Self::Closure(repository, root) => format!("{repository} {root}"),
            Self::Alias(sha256, sha512) => format!("{sha256} {sha512}"),
            Self::Token(name) => name.clone(),
            Self::Act => String::new(),
            Self::Mode(environment) => environment.to_string(),
        }
    }

    /// `None` for what another version of the program wrote.
    pub fn parse(kind: &str, subject: &str) -> Option<Self> {
        let digest = |text: &str| Digest::parse(text).ok();
        let words: Vec<&str> = subject.split(' ').collect();
        match (kind, &words[..]) {
            ("scan", [it]) => Some(Self::Scan(digest(it)?)),
            ("promotion", [it]) => Some(Self::Promotion(digest(it)?, None)),
            ("promotion", [it, environment, repository, tag]) => {
                let at = PromotedTag {
                    environment: EnvironmentName::parse(environment).ok()?,
                    repository: Repository::parse(repository).ok()?,
                    tag: Tag::parse(tag).ok()?,
                };
                Some(Self::Promotion(digest(it)?, Some(at)))
            }
            ("revocation", [it]) => Some(Self::Revocation(digest(it)?)),
            ("closure", [repository, root]) => Some(Self::Closure(
                Repository::parse(repository).ok()?,
                digest(root)?,
            )),
            ("alias", [sha256, sha512]) => Some(Self::Alias(digest(sha256)?, digest(sha512)?)),
            ("break-glass", [it]) => Some(Self::BreakGlass(digest(it)?)),
            ("mode", [environment]) => Some(Self::Mode(EnvironmentName::parse(environment).ok()?)),
            ("act", [""]) => Some(Self::Act),
            ("token", [name]) => Some(Self::Token((*name).to_owned())),
            _ => None,
        }
    }

    /// The digests whose evidence it changes.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let (one, other) = match self {
            Self::Scan(digest)
            | Self::Promotion(digest, _)
            | Self::Revocation(digest)
            | Self::BreakGlass(digest) => (Some(digest), None),
            Self::Closure(_, root) => (Some(root), None),
            Self::Alias(sha256, sha512) => (Some(sha256), Some(sha512)),
            Self::Token(_) | Self::Mode(_) | Self::Act => (None, None),
        };
        one.into_iter().chain(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        let digest = Digest::sha256(b"x");
        let repository = Repository::parse("registry.corp:5000/app").unwrap();
        let at = PromotedTag {
            environment: EnvironmentName::parse("production").unwrap(),
            repository: repository.clone(),
            tag: Tag::parse("1.0").unwrap(),
        };
        for change in [
            LedgerChange::Scan(digest.clone()),
            LedgerChange::Promotion(digest.clone(), None),
            LedgerChange::Promotion(digest.clone(), Some(at)),
            LedgerChange::Revocation(digest.clone()),
            LedgerChange::Closure(repository, digest.clone()),
            LedgerChange::Alias(digest, Digest::sha512(b"x")),
            LedgerChange::Token("ci".to_owned()),
            LedgerChange::Act,
            LedgerChange::BreakGlass(Digest::sha256(b"x")),
            LedgerChange::Mode(EnvironmentName::parse("production").unwrap()),
        ] {
            let read = LedgerChange::parse(change.kind(), &change.subject());
            assert_eq!(read, Some(change));
        }
        assert_eq!(LedgerChange::parse("adoption", "x"), None);
        assert_eq!(LedgerChange::parse("scan", "x"), None);
    }
}
