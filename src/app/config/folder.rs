//! A folder of files with exceptions or advisories, each in its last valid state.
//!
//! A file that became invalid or unreadable keeps its last valid entries in force and is
//! reported; other files are not affected. Deleting a file removes its entries. A folder
//! that cannot be listed keeps all entries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use super::diagnostics::{Diagnostics, Problem, Problems};
use super::fingerprint::Fingerprint;
use super::section::Section;
use crate::app::bounded;

/// Files that are read, at most.
const MAX_FILES: usize = 1000;
/// The most folder entries that are looked at.
const MAX_FOLDER_ENTRIES: usize = 10_000;
/// The deepest nesting of folders; also bounds links that form a circle.
const MAX_FOLDER_DEPTH: usize = 8;

/// The files of a folder.
#[derive(Clone, Debug)]
pub(super) struct EntryFolder<T> {
    /// By their path in the folder.
    files: BTreeMap<String, PolicyFileState<T>>,
    /// Why it cannot be listed.
    problem: Option<Problem>,
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

/// A file's name, and its content or why it could not be read.
type FileText = (String, Result<String, bounded::Unread>);

/// The entries of a file with warnings, or its problems.
type ReadEntries<T> = Result<(Vec<T>, Vec<Problem>), Problems>;

impl<T> Default for EntryFolder<T> {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            problem: None,
        }
    }
}

impl<T> EntryFolder<T> {
    /// Reads what is new at `place`, and what was invalid: what was missing may be
    /// there now. `anew`: reads all. `read` turns the content of the file of that
    /// name into entries, knowing those of the others. Whether entries changed.
    pub(super) fn follow<R>(&mut self, place: Option<&Path>, anew: bool, read: R) -> bool
    where
        R: Fn(&str, &mut Section<'_, '_>, &Self) -> Vec<T>,
    {
        let Some(place) = place else {
            let before = std::mem::take(self);
            return !before.files.is_empty();
        };
        match names(place) {
            Err(text) => {
                self.problem = Some(Problem::of_file(place, text));
                false
            }
            Ok(names) => {
                self.problem = None;
                let before = self.files.len();
                self.files.retain(|name, _| names.contains(name));
                let gone = self.files.len() < before;
                self.take(place, names, anew, read) || gone
            }
        }
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
    fn take<R>(&mut self, place: &Path, names: BTreeSet<String>, anew: bool, read: R) -> bool
    where
        R: Fn(&str, &mut Section<'_, '_>, &Self) -> Vec<T>,
    {
        let found = names.into_iter().map(|name| {
            let text = bounded::text(&place.join(&name));
            (name, text)
        });
        let news: Vec<FileText> = found.filter(|found| anew || self.is_news(found)).collect();
        let mut before = BTreeMap::new();
        for (name, _) in &news {
            before.extend(self.files.remove_entry(name));
        }
        let mut changed = false;
        for (name, text) in news {
            let file = place.join(&name);
            let seen = text.as_deref().map(Fingerprint::of).ok();
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

    fn is_news(&self, (name, text): &FileText) -> bool {
        let seen = text.as_deref().map(Fingerprint::of).ok();
        let known = self.files.get(name);
        known.is_none_or(|known| known.seen != seen || !known.problems.is_empty())
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
        self.files.values().flat_map(|file| &file.warnings)
    }

    /// What is not in force, each file with its problems; the folder itself is `.`.
    pub(super) fn invalid(&self) -> impl Iterator<Item = (&str, &[Problem])> {
        let folder = self.problem.as_ref();
        let folder = folder.map(|problem| (".", std::slice::from_ref(problem)));
        let files = self.files.iter();
        let invalid = files.filter(|(_, file)| !file.problems.is_empty());
        folder
            .into_iter()
            .chain(invalid.map(|(name, file)| (name.as_str(), file.problems.as_slice())))
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

/// The texts of the files that count in a folder, by name.
pub(super) fn texts(place: &Path) -> Result<Vec<(String, String)>, Problems> {
    let names = names(place).map_err(|text| Problems::from(Problem::of_file(place, text)))?;
    let text = |name: String| {
        let file = place.join(&name);
        let read = bounded::text(&file).map_err(|error| Problem::of_file(&file, error))?;
        Ok((name, read))
    };
    names.into_iter().map(text).collect()
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

/// The files that count: `*.toml`, in the folder and below. Links are followed, for
/// a ConfigMap consists of them; what begins with a dot is passed over, for that is
/// where a ConfigMap's links lead.
fn names(place: &Path) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![(String::new(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        let listed = listed(place, &folder)?;
        seen += listed.len();
        for path in listed {
            match fs::metadata(place.join(&path)) {
                Ok(met) if met.is_dir() => folders.push((path, depth + 1)),
                // What is no regular file, or a dangling link, is reported when it is read.
                _ if path.ends_with(".toml") => found.extend([path]),
                _ => {}
            }
        }
        if found.len() > MAX_FILES || seen > MAX_FOLDER_ENTRIES {
            return Err(format!(
                "holds over {MAX_FILES} files, or {MAX_FOLDER_ENTRIES} entries; split it up"
            ));
        }
        if depth > MAX_FOLDER_DEPTH {
            return Err(format!(
                "goes deeper than {MAX_FOLDER_DEPTH} folders; does a link lead back?"
            ));
        }
    }
    Ok(found)
}

/// What lies in one of its folders, by path in the whole.
fn listed(place: &Path, folder: &str) -> Result<Vec<String>, String> {
    let at = place.join(folder);
    let unlisted = |error: io::Error| match folder {
        "" => format!("cannot be listed: {error}"),
        folder => format!("{folder} cannot be listed: {error}"),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(at)
        .map_err(unlisted)?
        .take(MAX_FOLDER_ENTRIES + 1)
    {
        let name = entry.map_err(unlisted)?.file_name();
        let name = name
            .to_str()
            .ok_or_else(|| format!("holds a file whose name is no UTF-8: {name:?}"))?;
        if !name.starts_with('.') {
            let prefix = if folder.is_empty() { "" } else { "/" };
            paths.push(format!("{folder}{prefix}{name}"));
        }
    }
    Ok(paths)
}
