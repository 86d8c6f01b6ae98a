//! The folders of exceptions and advisories, followed file by file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::folder::{self, Folder};
use super::notebook::{Problem, Problems};
use super::quantity::Period;
use super::section::Section;
use super::{advisories, exceptions, moment};
use crate::oci::RegistryHost;
use crate::trust::{Advisory, Exception};

/// The keys that belong here.
pub(super) const KEYS: [&str; 3] = ["exceptions_dir", "advisories_dir", "exception_horizon"];

/// How far away an exception may end.
const HORIZON: Period = Period::seconds(180 * 86_400);

/// Where people write, and what bounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    exceptions: Option<PathBuf>,
    advisories: Option<PathBuf>,
    pub(super) horizon: Period,
    /// The names of upstreams.
    pub(super) hosts: BTreeSet<RegistryHost>,
}

/// Reads the keys of the configuration file.
pub(super) fn places(root: &mut Section<'_, '_>, hosts: BTreeSet<RegistryHost>) -> Places {
    let exceptions = root.path("exceptions_dir");
    let advisories = root.path("advisories_dir");
    let horizon = root.read("exception_horizon").unwrap_or(HORIZON);
    if horizon.is_zero() {
        let text = "is nothing: no exception would be taken; write 180d";
        root.problem("exception_horizon", text);
    }
    Places {
        exceptions,
        advisories,
        horizon,
        hosts,
    }
}

/// What reading a file of theirs depends on besides its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) places: &'a Places,
    pub(super) now: Timestamp,
}

impl Context<'_> {
    /// The last moment at which an exception of today may end: the end of that day.
    pub(super) fn latest_end(&self) -> Timestamp {
        let last = self
            .now
            .checked_add(SignedDuration::from(self.places.horizon));
        last.ok()
            .and_then(moment::end_of_its_day)
            .unwrap_or(Timestamp::MAX)
    }
}

/// Files of exceptions and of advisories as text, each under its name; `None`: the
/// configuration names no folder for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeTexts {
    pub exceptions: Option<Vec<(String, String)>>,
    pub advisories: Option<Vec<(String, String)>>,
}

impl Places {
    /// What lies in the folders now.
    pub(super) fn texts(&self) -> Result<NoticeTexts, Problems> {
        let texts = |place: &Option<PathBuf>| place.as_deref().map(folder::texts).transpose();
        Ok(NoticeTexts {
            exceptions: texts(&self.exceptions)?,
            advisories: texts(&self.advisories)?,
        })
    }

    /// Reads texts as if they lay there.
    pub(super) fn read(&self, texts: &NoticeTexts, now: Timestamp) -> Result<Notices, Problems> {
        let context = Context { places: self, now };
        let exceptions = texts.exceptions.as_deref().unwrap_or_default();
        let exceptions = Folder::of_texts(exceptions, |name, root, _| {
            exceptions::exceptions(root, name, context)
        })?;
        let advisories = texts.advisories.as_deref().unwrap_or_default();
        let advisories = Folder::of_texts(advisories, |_, root, others| {
            advisories::advisories(root, others, context)
        })?;
        Ok(Notices {
            exceptions,
            advisories,
            places: Some(self.clone()),
        })
    }
}

/// Which of the files of policy one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyFile {
    Config,
    Exceptions,
    Advisories,
}

impl PolicyFile {
    pub const ALL: [Self; 3] = [Self::Config, Self::Exceptions, Self::Advisories];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Exceptions => "exceptions",
            Self::Advisories => "advisories",
        }
    }
}

/// A file that is not in force as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    pub kind: PolicyFile,
    /// Its path in its folder; `.` is the folder itself.
    pub name: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

/// Exceptions and advisories, each file as it was last good.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    exceptions: Folder<Exception>,
    advisories: Folder<Advisory>,
    /// What they were last read by.
    places: Option<Places>,
}

impl Notices {
    /// Looks at both folders again. Whether anything in force changed.
    pub(super) fn follow(&mut self, places: &Places, now: Timestamp) -> bool {
        let anew = self.places.as_ref() != Some(places);
        if anew {
            self.places = Some(places.clone());
        }
        let context = Context { places, now };
        let exceptions =
            self.exceptions
                .follow(places.exceptions.as_deref(), anew, |name, root, _| {
                    exceptions::exceptions(root, name, context)
                });
        let advisories =
            self.advisories
                .follow(places.advisories.as_deref(), anew, |_, root, others| {
                    advisories::advisories(root, others, context)
                });
        exceptions || advisories
    }

    /// By file, in their order.
    pub fn exceptions(&self) -> impl Iterator<Item = &Exception> {
        self.exceptions.entries()
    }

    /// Likewise.
    pub fn advisories(&self) -> impl Iterator<Item = &Advisory> {
        self.advisories.entries()
    }

    /// What is allowed, but worth a second look.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.exceptions.warnings().chain(self.advisories.warnings())
    }

    /// What is not in force.
    pub fn invalid(&self) -> impl Iterator<Item = Invalid> {
        let of = |kind| {
            move |(name, problems): (&str, &[Problem])| Invalid {
                kind,
                name: name.to_owned(),
                problems: problems.to_vec(),
            }
        };
        let exceptions = self.exceptions.invalid().map(of(PolicyFile::Exceptions));
        exceptions.chain(self.advisories.invalid().map(of(PolicyFile::Advisories)))
    }

    /// Whether the configuration names a folder at all.
    pub fn has_places(&self) -> bool {
        let places = self.places.as_ref();
        places.is_some_and(|it| it.exceptions.is_some() || it.advisories.is_some())
    }
}
