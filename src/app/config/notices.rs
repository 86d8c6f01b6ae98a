//! The folders of exceptions and advisories, followed file by file.

use std::path::PathBuf;

use jiff::Timestamp;

use super::folder::{self, Folder};
use super::notebook::{Problem, Problems};
use super::notice_places::{Context, Places};
use super::{advisories, exceptions};
use crate::trust::{Advisory, Exception};

/// Files of exceptions and of advisories as text, each under its name; `None`: the
/// configuration names no folder for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeTexts {
    pub exceptions: Option<Vec<(String, String)>>,
    pub advisories: Option<Vec<(String, String)>>,
}

impl NoticeTexts {
    /// What lies in the folders now.
    pub(super) fn of(places: &Places) -> Result<Self, Problems> {
        let texts = |place: &Option<PathBuf>| place.as_deref().map(folder::texts).transpose();
        Ok(Self {
            exceptions: texts(&places.exceptions)?,
            advisories: texts(&places.advisories)?,
        })
    }
}

impl Notices {
    /// Reads texts as if they lay in the places.
    pub(super) fn read(
        texts: &NoticeTexts,
        places: &Places,
        now: Timestamp,
    ) -> Result<Self, Problems> {
        let context = Context { places, now };
        let exceptions = texts.exceptions.as_deref().unwrap_or_default();
        let exceptions = Folder::of_texts(exceptions, |name, root, _| {
            exceptions::exceptions(root, name, context)
        })?;
        let advisories = texts.advisories.as_deref().unwrap_or_default();
        let advisories = Folder::of_texts(advisories, |_, root, others| {
            advisories::advisories(root, others, context)
        })?;
        Ok(Self {
            exceptions,
            advisories,
            places: Some(places.clone()),
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
