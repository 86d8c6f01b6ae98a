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
            self.link(path)?;
        } else if kind.is_file() && is_manifest(&path) {
            self.files.push(path);
        } else if is_manifest(&path) {
            return Err(Failure::new(format!("{} is no file", path.display())));
        }
        match self.files.len() {
            ..=MAX_FILES => Ok(()),
            _ => Err(Failure::new(format!("over {MAX_FILES} files"))),
        }
    }

    /// A link is followed within the folder alone, and what is read where it lies is not
    /// read again. `kubectl apply` follows those to files, wherever they lead, and none to
    /// folders.
    fn link(&mut self, path: PathBuf) -> Result<(), Failure> {
        let target = fs::canonicalize(&path).ok();
        let inside = target.filter(|it| it.starts_with(&self.root));
        match inside {
            Some(target) if target.is_dir() || is_manifest(&target) => {}
            Some(_) if is_manifest(&path) => self.files.push(path),
            None if is_manifest(&path) => return Err(leads_away(&path)),
            None if path.is_dir() => {
                let told = format!("not read: {} is a link out of the folder", path.display());
                self.notes.push(told);
            }
            _ => {}
        }
        Ok(())
    }
}

fn leads_away(path: &Path) -> Failure {
    let message = match path.exists() {
        true => format!("{} is a link out of the folder", path.display()),
        false => format!("{} is a link to what is not there", path.display()),
    };
    Failure::new(message)
        .next("kubectl applies what such a link leads to: put the file there, or remove the link")
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

    fn link(target: &Path, path: &Path) {
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    fn files(input: &Input) -> Vec<&str> {
        let images = input.manifests.images().iter();
        let name = |path: &'_ str| path.rfind('/').map_or(0, |at| at + 1);
        images
            .map(|found| &found.place.file[name(&found.place.file)..])
            .collect()
    }

    #[test]
    fn a_folder_is_read_in_order_and_not_left() {
        let outside = tempfile::tempdir().unwrap();
        write(&outside.path().join("o.yaml"), "{ not: read");
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b.yml", "a/z.json", "a.yaml", "text/pod.txt"] {
            write(&root.join(name), POD);
        }
        write(&root.join("readme.md"), "{ not: read");
        link(outside.path(), &root.join("away"));
        link(&root.join("a.yaml"), &root.join("again.yaml"));
        link(&root.join("text/pod.txt"), &root.join("c.yaml"));
        link(root, &root.join("a/round"));
        let input = read(root, Manifests::default()).unwrap();
        assert_eq!(files(&input), ["z.json", "a.yaml", "b.yml", "c.yaml"]);
        let notes = &input.notes;
        assert!(
            notes.len() == 1 && notes[0].contains("away is a link out of the folder"),
            "{notes:?}"
        );
    }

    #[test]
    fn what_kubectl_would_apply_and_is_not_read_is_an_error() {
        let outside = tempfile::tempdir().unwrap();
        write(&outside.path().join("o.yaml"), POD);
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(&root.join("a.yaml"), POD);
        let out = root.join("out.yaml");
        for (target, why) in [
            (outside.path().join("o.yaml"), "out.yaml is a link out of"),
            (outside.path().to_owned(), "out.yaml is a link out of"),
            (root.join("gone.yaml"), "out.yaml is a link to what is not"),
        ] {
            link(&target, &out);
            assert!(told(root).contains(why), "{}", told(root));
            fs::remove_file(&out).unwrap();
        }
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &out, mode).unwrap();
        assert!(told(root).contains("out.yaml is no file"), "{}", told(root));
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
