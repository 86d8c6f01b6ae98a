//! Reads what PATH names.

use std::fs::{self, DirEntry};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::failure::Failure;
use crate::app::bounded;
use crate::kubernetes::images::{MAX_BYTES, Manifests};

/// How deep folders are looked into.
const MAX_DEPTH: usize = 32;
/// How many files are read.
const MAX_FILES: usize = 10_000;
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Manifests, and what was left out.
pub(super) struct Input {
    pub(super) manifests: Manifests,
    pub(super) notes: Vec<String>,
}

/// Reads a file, a folder or stdin. Where there is no object at all, something is
/// wrong with PATH or with what rendered it, and that must not pass.
pub(super) fn read(path: &Path, manifests: Manifests) -> Result<Input, Failure> {
    let mut input = Input {
        manifests,
        notes: Vec::new(),
    };
    let manifests = &mut input.manifests;
    if path.to_str() == Some("-") {
        add(manifests, "stdin", io::stdin().lock())?;
    } else if path.is_dir() {
        let mut folder = Folder::open(path)?;
        folder.collect(path, 0)?;
        for file in folder.sorted() {
            open(manifests, &file)?;
        }
        input.notes = folder.notes;
    } else {
        open(manifests, path)?;
    }
    match input.manifests.objects() {
        0 => Err(no_objects(path)),
        _ => Ok(input),
    }
}

fn no_objects(path: &Path) -> Failure {
    let message = format!("there is no Kubernetes object in {}", path.display());
    Failure::new(message).next("hand in rendered manifests, as `helm template` prints them")
}

fn open(manifests: &mut Manifests, path: &Path) -> Result<(), Failure> {
    let file = bounded::open(path).map_err(|error| unread(path, &error))?;
    add(manifests, &path.display().to_string(), file)
}

fn add(manifests: &mut Manifests, name: &str, source: impl Read) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    source
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("{name}: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("{name} is no text in UTF-8")))?;
    manifests.add(name, &text).map_err(|error| {
        Failure::new(error.to_string())
            .next("manifests are judged as they are applied: render templates first")
    })
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

/// A folder that is looked through.
struct Folder {
    root: PathBuf,
    files: Vec<PathBuf>,
    notes: Vec<String>,
}

impl Folder {
    fn open(path: &Path) -> Result<Self, Failure> {
        let root = fs::canonicalize(path).map_err(|error| unread(path, &error))?;
        Ok(Self {
            root,
            files: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn sorted(&mut self) -> Vec<PathBuf> {
        self.files.sort();
        std::mem::take(&mut self.files)
    }

    fn collect(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            let message = format!("{}: folders in folders, over {MAX_DEPTH}", folder.display());
            return Err(Failure::new(message));
        }
        let failed = |error: io::Error| unread(folder, &error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            self.entry(&entry.map_err(failed)?, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &DirEntry, depth: usize) -> Result<(), Failure> {
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| unread(&path, &error))?;
        if kind.is_dir() {
            return self.collect(&path, depth + 1);
        }
        if kind.is_symlink() {
            self.link(&path);
        } else if kind.is_file() && is_manifest(&path) {
            self.files.push(path);
        }
        match self.files.len() {
            ..=MAX_FILES => Ok(()),
            _ => Err(Failure::new(format!("over {MAX_FILES} files"))),
        }
    }

    /// No link is followed: what it leads to inside of the folder is read where it
    /// lies, and what lies outside is not part of it.
    fn link(&mut self, path: &Path) {
        let covered = fs::canonicalize(path).is_ok_and(|target| {
            target.starts_with(&self.root) && (target.is_dir() || is_manifest(&target))
        });
        let leads = path.is_dir() || is_manifest(path);
        if leads && !covered {
            let told = format!("not read: {} is a link out of the folder", path.display());
            self.notes.push(told);
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "{ kind: Pod, spec: { containers: [{ image: a }] } }";

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn told(path: &Path) -> String {
        read(path, Manifests::default()).err().unwrap().to_string()
    }

    #[test]
    fn a_folder_is_read_in_order_and_not_left() {
        let outside = tempfile::tempdir().unwrap();
        write(&outside.path().join("o.yaml"), "{ not: read");
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b.yml", "a/z.json", "a.yaml"] {
            write(&root.join(name), POD);
        }
        write(&root.join("readme.md"), "{ not: read");
        let link = |target: &Path, name: &str| {
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        };
        link(&outside.path().join("o.yaml"), "out.yaml");
        link(outside.path(), "away");
        link(&root.join("a.yaml"), "again.yaml");
        link(root, "a/round");
        let input = read(root, Manifests::default()).unwrap();
        let files: Vec<&str> = input
            .manifests
            .images()
            .iter()
            .map(|found| found.place.file.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(files, ["z.json", "a.yaml", "b.yml"]);
        let mut notes = input.notes;
        notes.sort();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("away") && notes[1].contains("out.yaml"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.yaml");
        assert!(told(&file).contains("x.yaml"), "{}", told(&file));
        assert!(told(folder.path()).contains("no Kubernetes object"));
        fs::write(&file, [0xff, 0xfe, 0]).unwrap();
        assert!(told(&file).contains("no text in UTF-8"));
        fs::write(&file, "kind: {{ .Values.kind }}").unwrap();
        assert!(told(&file).contains("render templates first"));
        fs::write(&file, "values: 1").unwrap();
        assert!(told(&file).contains("no Kubernetes object"));
    }

    #[test]
    fn folders_are_not_looked_into_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let deep = vec!["d"; MAX_DEPTH + 1].join("/");
        fs::create_dir_all(folder.path().join(deep)).unwrap();
        assert!(told(folder.path()).contains("folders in folders"));
    }
}
