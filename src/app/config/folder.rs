//! A folder of files with exceptions or advisories, each in its last valid state.
//!
//! A file that became invalid or unreadable keeps its last valid entries in force and is
//! reported; other files are not affected. Deleting a file removes its entries. A folder
//! that cannot be listed keeps all entries. One that is gone keeps what it held: nobody takes
//! back all advisories by a mount that failed. At a start one of exceptions that is not there
//! is empty; one of advisories is a mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::diagnostics::{Diagnostics, Problem, Problems};
use super::fingerprint::Fingerprint;
use super::folder_listing::FolderListing;
use super::section::Section;
use super::settling::Settling;
use crate::app::bounded;

/// What it means that a folder is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderAbsence {
    /// There are no entries: without them nothing is laxer.
    IsEmpty,
    /// It is not known which there are.
    IsNoAnswer,
}

/// The files of a folder.
#[derive(Clone, Debug)]
pub(super) struct EntryFolder<T> {
    /// By their path in the folder.
    files: BTreeMap<String, PolicyFileState<T>>,
    /// Why some of it is not known, by name; `.` is the folder itself.
    unknown: Vec<(String, Vec<Problem>)>,
    /// What was passed over in it.
    odd: Vec<Problem>,
    /// Whether it was ever looked at.
    is_known: bool,
    /// What the last look found new, and gone: both are taken once the next finds the same.
    unsettled: BTreeMap<String, Settling>,
    missed: BTreeSet<String>,
}

/// A file in its last valid state.
#[derive(Clone, Debug)]
struct PolicyFileState<T> {
    /// The fingerprint of the content that was last seen.
    seen: Option<Fingerprint>,
    entries: Vec<T>,
    warnings: Vec<Problem>,
    /// Why the current content is not in force; empty: it is.
    problems: Vec<Problem>,
}

/// A file, and its content or why it could not be read.
struct FileText {
    /// Its path in the folder, as it is shown.
    name: String,
    file: PathBuf,
    text: Result<String, bounded::Unread>,
}

impl FileText {
    /// `None`: it could not be read.
    fn fingerprint(&self) -> Option<Fingerprint> {
        self.text.as_deref().map(Fingerprint::of).ok()
    }
}

/// The entries of a file with warnings, or its problems.
type ReadEntries<T> = Result<(Vec<T>, Vec<Problem>), Problems>;

impl<T> Default for EntryFolder<T> {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            unknown: Vec::new(),
            odd: Vec::new(),
            is_known: false,
            unsettled: BTreeMap::new(),
            missed: BTreeSet::new(),
        }
    }
}

impl<T> EntryFolder<T> {
    /// Reads what is new at `place`, and what was invalid: what was missing may be
    /// there now. `anew`: reads all. `read` turns the content of the file of that
    /// name into entries, knowing those of the others. Whether entries changed.
    pub(super) fn follow<R>(
        &mut self,
        place: Option<&Path>,
        (anew, absence): (bool, FolderAbsence),
        read: R,
    ) -> bool
    where
        R: Fn(&str, &mut Section<'_, '_>, &Self) -> Vec<T>,
    {
        let Some(place) = place else {
            let before = std::mem::take(self);
            return !before.files.is_empty();
        };
        let known = self.files.keys().map(String::as_str).collect();
        match FolderListing::of(place, &known) {
            Err(text) => self.note_folder(place, &text),
            Ok(listing) if listing.is_absent && self.entries().next().is_some() => {
                let text = "is gone, and what it last held holds; make an empty one to end that";
                self.note_folder(place, text);
            }
            Ok(listing) if listing.is_absent && absence == FolderAbsence::IsNoAnswer => {
                let text = "is not there, though the configuration names it: was it not mounted? \
                            make it, and leave it empty where it is to hold nothing";
                self.note_folder(place, text);
            }
            Ok(listing) => return self.take_listed(place, listing, anew, read),
        }
        false
    }

    /// The folder itself is not known now.
    fn note_folder(&mut self, place: &Path, text: &str) {
        let problem = Problem::of_file(place, text);
        self.unknown = vec![(".".to_owned(), vec![problem])];
    }

    fn take_listed<R>(&mut self, place: &Path, listing: FolderListing, anew: bool, read: R) -> bool
    where
        R: Fn(&str, &mut Section<'_, '_>, &Self) -> Vec<T>,
    {
        let at_once = anew || !self.is_known;
        self.is_known = true;
        let gone = self.remove_gone(at_once, |name| listing.may_hold(place, name));
        let problems = problems_of(place, &listing);
        self.unknown = problems;
        self.odd = odd_of(place, &listing);
        self.take(listing.files, (anew, at_once), read) || gone
    }

    /// Forgets the files that two looks did not find, or one where nothing waits for a second.
    /// Whether there were any.
    fn remove_gone(&mut self, at_once: bool, may_be_there: impl Fn(&str) -> bool) -> bool {
        let names = self.files.keys().filter(|name| !may_be_there(name));
        let missed: BTreeSet<String> = names.cloned().collect();
        let before = self.files.len();
        self.files
            .retain(|name, _| !missed.contains(name) || !(at_once || self.missed.contains(name)));
        self.missed = missed;
        self.files.len() < before
    }

    /// Those of the news that two looks found.
    fn settled(&mut self, news: Vec<FileText>) -> Vec<FileText> {
        let mut before = std::mem::take(&mut self.unsettled);
        let mut settled = Vec::new();
        for found in news {
            let taken = self.files.get(&found.name).map(|known| known.seen);
            let settling = before.remove(&found.name);
            let mut settling = settling.unwrap_or_else(|| Settling::of_taken(taken));
            if settling.is_settled(found.fingerprint()) {
                settled.push(found);
                continue;
            }
            if settling.is_restless() {
                let problem = Problem::of_file(&found.file, Settling::RESTLESS);
                self.unknown.push((found.name.clone(), vec![problem]));
            }
            self.unsettled.insert(found.name, settling);
        }
        settled
    }

    /// The entries of files that lie in no folder; every problem of all of them.
    pub(super) fn of_texts<R>(texts: &[(String, String)], read: R) -> Result<Self, Problems>
    where
        R: Fn(&str, &mut Section<'_, '_>, &Self) -> Vec<T>,
    {
        let mut folder = Self::default();
        let mut problems = Vec::new();
        for (name, text) in texts {
            match parse(Path::new(name), text, |root| read(name, root, &folder)) {
                Ok((entries, warnings)) => {
                    let noted = PolicyFileState {
                        seen: None,
                        entries,
                        warnings,
                        problems: Vec::new(),
                    };
                    folder.files.insert(name.clone(), noted);
                }
                Err(found) => problems.extend(found.problems),
            }
        }
        match problems.is_empty() {
            true => Ok(folder),
            false => Err(Problems { problems }),
        }
    }

    /// Files that changed are removed first, since an entry may have moved from one to
    /// another.
    fn take<R>(
        &mut self,
        files: BTreeMap<String, PathBuf>,
        (anew, at_once): (bool, bool),
        read: R,
    ) -> bool
    where
        R: Fn(&str, &mut Section<'_, '_>, &Self) -> Vec<T>,
    {
        let found = files.into_iter().map(|(name, file)| {
            let text = bounded::text(&file);
            FileText { name, file, text }
        });
        let mut news: Vec<FileText> = found.filter(|it| anew || self.is_news(it)).collect();
        if !at_once {
            news = self.settled(news);
        }
        let mut before = BTreeMap::new();
        for news in &news {
            before.extend(self.files.remove_entry(&news.name));
        }
        let mut changed = false;
        for found in news {
            let seen = found.fingerprint();
            let FileText { name, file, text } = found;
            let result = match text {
                Ok(text) => parse(&file, &text, |root| read(&name, root, self)),
                Err(error) => Err(Problem::of_file(&file, error).into()),
            };
            changed |= result.is_ok();
            let noted = PolicyFileState::after(before.remove(&name), seen, result);
            self.files.insert(name, noted);
        }
        changed
    }

    fn is_news(&self, found: &FileText) -> bool {
        let known = self.files.get(&found.name);
        known.is_none_or(|known| known.seen != found.fingerprint() || !known.problems.is_empty())
    }

    /// What is in force.
    pub(super) fn entries(&self) -> impl Iterator<Item = &T> {
        self.files.values().flat_map(|file| &file.entries)
    }

    /// The same, each with the name of its file.
    pub(super) fn entries_by_file(&self) -> impl Iterator<Item = (&str, &T)> {
        let files = self.files.iter();
        files.flat_map(|(name, file)| file.entries.iter().map(|entry| (name.as_str(), entry)))
    }

    pub(super) fn warnings(&self) -> impl Iterator<Item = &Problem> {
        let of_files = self.files.values().flat_map(|file| &file.warnings);
        self.odd.iter().chain(of_files)
    }

    /// What is not in force, each file with its problems; the folder itself is `.`.
    pub(super) fn invalid(&self) -> impl Iterator<Item = (&str, &[Problem])> {
        let unknown = self.unknown.iter();
        let unknown = unknown.map(|(name, problems)| (name.as_str(), problems.as_slice()));
        let files = self.files.iter();
        let invalid = files.filter(|(_, file)| !file.problems.is_empty());
        unknown.chain(invalid.map(|(name, file)| (name.as_str(), file.problems.as_slice())))
    }
}

impl<T> PolicyFileState<T> {
    fn after(before: Option<Self>, seen: Option<Fingerprint>, read: ReadEntries<T>) -> Self {
        let (before, warned) = before.map_or_else(Default::default, |it| (it.entries, it.warnings));
        let (entries, warnings, problems) = match read {
            Ok((entries, warnings)) => (entries, warnings, Vec::new()),
            Err(found) => (before, warned, found.problems),
        };
        Self {
            seen,
            entries,
            warnings,
            problems,
        }
    }
}

/// The texts of the files that count in a folder, by name; none, where there is none.
pub(super) fn texts(place: &Path) -> Result<Vec<(String, String)>, Problems> {
    let listing = FolderListing::of(place, &BTreeSet::new());
    let listing = listing.map_err(|text| Problems::from(Problem::of_file(place, text)))?;
    let mut problems = problems_of(place, &listing);
    if let Some((_, problems)) = problems.pop() {
        return Err(Problems { problems });
    }
    let text = |(name, file): (String, PathBuf)| {
        let read = bounded::text(&file).map_err(|error| Problem::of_file(&file, error))?;
        Ok((name, read))
    };
    listing.files.into_iter().map(text).collect()
}

/// Why some of a folder is not known, by name.
fn problems_of(place: &Path, listing: &FolderListing) -> Vec<(String, Vec<Problem>)> {
    let unknown = listing.unknown.iter();
    let problem = |(name, text): &(String, String)| {
        let problem = Problem::of_file(&within(place, name), text);
        (name.clone(), vec![problem])
    };
    unknown.map(problem).collect()
}

fn within(place: &Path, name: &str) -> PathBuf {
    match name {
        "." => place.to_owned(),
        name => place.join(name),
    }
}

/// What is odd in a folder, or about it.
fn odd_of(place: &Path, listing: &FolderListing) -> Vec<Problem> {
    let odd = listing.odd.iter();
    let odd = odd.map(|(name, text)| Problem::of_file(&within(place, name), text));
    let absent = listing.is_absent.then(|| {
        let text = "is not there, and reads as empty";
        Problem::of_file(place, text)
    });
    absent.into_iter().chain(odd).collect()
}

fn parse<T>(
    file: &Path,
    text: &str,
    read: impl FnOnce(&mut Section<'_, '_>) -> Vec<T>,
) -> ReadEntries<T> {
    let diagnostics = Diagnostics::new(Some(file), text);
    let entries = Section::root(&diagnostics).map(|mut root| {
        let entries = read(&mut root);
        root.finish();
        entries
    });
    let warnings = diagnostics.finish()?;
    Ok((entries.unwrap_or_default(), warnings))
}
