//! The files that count in a folder. What is odd about one entry stops no other.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files that are read, at most.
const MAX_FILES: usize = 4000;
/// The most folder entries that are looked at.
const MAX_FOLDER_ENTRIES: usize = 20_000;
/// Things that are told as odd, at most.
const MAX_ODD: usize = 100;
/// The deepest nesting of folders.
const MAX_FOLDER_DEPTH: usize = 8;

/// `*.toml`, in the folder and below. Links are followed, for a ConfigMap consists of
/// them; what begins with a dot is passed over, for that is where a ConfigMap's links
/// lead.
#[derive(Debug, Default)]
pub(super) struct FolderListing {
    /// By their path in the folder, as it is shown.
    pub(super) files: BTreeMap<String, PathBuf>,
    /// What is not known by this look, and why: folders, and files beyond the limit; `.`
    /// is the folder itself.
    pub(super) unknown: Vec<(String, String)>,
    /// What was passed over and changes nothing.
    pub(super) odd: Vec<(String, String)>,
    /// Whether there is no such folder.
    pub(super) is_absent: bool,
    /// Entries that were looked at.
    entries: usize,
    /// Folders that were listed, and those that it lies in, by device and inode.
    listed: HashSet<(u64, u64)>,
}

/// A folder that is yet to be listed.
struct Waiting {
    /// Its path in the whole, as it is shown; empty: the whole.
    name: String,
    path: PathBuf,
    depth: usize,
}

impl FolderListing {
    /// Looks at `place`. Of more files than the limit, those count that are `known`.
    ///
    /// # Errors
    ///
    /// The folder is there, and cannot be listed.
    pub(super) fn of(place: &Path, known: &BTreeSet<&str>) -> Result<Self, String> {
        let mut listing = Self::default();
        // Not what it leads to: a link to nothing is a mistake.
        if is_missing(&fs::symlink_metadata(place)) {
            listing.is_absent = true;
            return Ok(listing);
        }
        listing.listed = above(place);
        let whole = Waiting {
            name: String::new(),
            path: place.to_owned(),
            depth: 0,
        };
        listing
            .list(whole)
            .map_err(|error| format!("cannot be listed: {error}"))?;
        listing.limit(known);
        Ok(listing)
    }

    /// Whether a file that was seen before may still be there.
    pub(super) fn may_hold(&self, place: &Path, name: &str) -> bool {
        let is_in = |folder: &str| {
            let rest = name.strip_prefix(folder);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let mut unknown = self.unknown.iter().map(|(unknown, _)| unknown.as_str());
        self.files.contains_key(name)
            || unknown.any(|unknown| match unknown {
                "." => !is_missing(&fs::symlink_metadata(place.join(name))),
                folder => is_in(folder),
            })
    }

    /// Folders before links to folders, so that each is known by its own name.
    fn list(&mut self, whole: Waiting) -> io::Result<()> {
        let (mut folders, mut linked) = (Vec::new(), Vec::new());
        self.enter(&whole, &mut folders, &mut linked)?;
        while let Some(folder) = folders.pop().or_else(|| linked.pop()) {
            if folder.depth > MAX_FOLDER_DEPTH {
                let text = format!("lies deeper than {MAX_FOLDER_DEPTH} folders; it is not read");
                self.unknown.push((folder.name, text));
            } else if let Err(error) = self.enter(&folder, &mut folders, &mut linked) {
                let text = format!("cannot be listed: {error}");
                self.unknown.push((folder.name, text));
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        folder: &Waiting,
        folders: &mut Vec<Waiting>,
        linked: &mut Vec<Waiting>,
    ) -> io::Result<()> {
        let met = fs::metadata(&folder.path)?;
        if !self.listed.insert((met.dev(), met.ino())) {
            let text = "leads back, or to a folder that is read already; it is passed over";
            self.odd.push((folder.name.clone(), text.to_owned()));
            return Ok(());
        }
        for entry in fs::read_dir(&folder.path)? {
            let entry = entry?;
            if self.entries == MAX_FOLDER_ENTRIES {
                let text = format!("holds over {MAX_FOLDER_ENTRIES} entries; some are not read");
                self.unknown.push((".".to_owned(), text));
                break;
            }
            self.entries += 1;
            let Some(found) = below(folder, &entry.file_name(), entry.path()) else {
                continue;
            };
            match fs::metadata(&found.path) {
                Ok(met) if met.is_dir() && is_link(&found.path) => linked.push(found),
                Ok(met) if met.is_dir() => folders.push(found),
                // What is no regular file, or a link to nothing, is reported when it is read.
                _ => self.add(found),
            }
        }
        Ok(())
    }

    fn add(&mut self, found: Waiting) {
        if !found.name.ends_with(".toml") {
            return self.pass_over(found.name);
        }
        if self.files.contains_key(&found.name) {
            let text = "is shown by the name of another file; rename it";
            self.unknown.push((found.name, text.to_owned()));
            return;
        }
        self.files.insert(found.name, found.path);
    }

    /// Who wrote an exception there believes it in force.
    fn pass_over(&mut self, name: String) {
        if is_entry_elsewhere(&name) && self.odd.len() < MAX_ODD {
            let text = "is not read, since its name does not end in .toml; rename it, or move it \
                        elsewhere";
            self.odd.push((name, text.to_owned()));
        }
    }

    /// Files that are in force stay so, whatever is added beside them.
    fn limit(&mut self, known: &BTreeSet<&str>) {
        let over = self.files.len().saturating_sub(MAX_FILES);
        if over == 0 {
            return;
        }
        let new = self.files.keys().rev();
        let new: Vec<String> = new
            .filter(|name| !known.contains(name.as_str()))
            .take(over)
            .cloned()
            .collect();
        for name in &new {
            self.files.remove(name);
        }
        let first = new.last().cloned().unwrap_or_default();
        let text = format!(
            "holds over {MAX_FILES} files; {over} of them are not read, {first} among them: split it up"
        );
        self.unknown.push((".".to_owned(), text));
    }
}

/// The folders that `place` lies in.
fn above(place: &Path) -> HashSet<(u64, u64)> {
    let whole = fs::canonicalize(place).unwrap_or_default();
    let above = whole.ancestors().skip(1).map(fs::metadata);
    above.flatten().map(|met| (met.dev(), met.ino())).collect()
}

/// `None`: passed over.
fn below(folder: &Waiting, name: &OsStr, path: PathBuf) -> Option<Waiting> {
    let name = shown(name);
    let prefix = if folder.name.is_empty() { "" } else { "/" };
    (!name.starts_with('.')).then(|| Waiting {
        name: format!("{}{prefix}{name}", folder.name),
        path,
        depth: folder.depth + 1,
    })
}

/// A name as it is; what is no UTF-8 in it as `\xff`.
fn shown(name: &OsStr) -> String {
    let chunks = name.as_encoded_bytes().utf8_chunks();
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let bytes = chunk.invalid().iter();
        let invalid: String = bytes.map(|byte| format!("\\x{byte:02x}")).collect();
        format!("{}{invalid}", chunk.valid())
    };
    chunks.map(chunk).collect()
}

/// Whether it could be meant to be read: what has no ending, and what is written for people,
/// lies in every repository.
fn is_entry_elsewhere(name: &str) -> bool {
    let ending = Path::new(name).extension();
    ending.is_some_and(|ending| ending != "md")
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|met| met.is_symlink())
}

fn is_missing(met: &io::Result<fs::Metadata>) -> bool {
    met.as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
