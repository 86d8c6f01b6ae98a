//! How files are opened, so that opening ends whatever lies there, and where links lead: what
//! every room that touches files has in common.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Links that lead to each other, at most: as many as Linux follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Opens what lies there to be read, whatever it is: a pipe without a writer is at its end.
///
/// # Errors
/// As of [`File::open`].
pub fn open_without_waiting(path: &Path) -> io::Result<File> {
    open_by(path, OFlags::NONBLOCK)
}

/// Opens a regular file to be read, and nothing else: a pipe would hold its thread for as
/// long as nobody writes to it. Links are followed.
///
/// # Errors
/// As of [`File::open`], and where it is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    only_regular(open_by(path, OFlags::NONBLOCK)?)
}

/// The same of a file in a folder of the program's own, which puts no links there.
///
/// # Errors
/// As of [`open_regular`], and where it is a link.
pub fn open_own(path: &Path) -> io::Result<File> {
    only_regular(open_by(path, OFlags::NONBLOCK | OFlags::NOFOLLOW)?)
}

fn open_by(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn only_regular(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("is no regular file")),
    }
}

/// Where the file at `path` lies, or is about to: links to it are followed, also to what is
/// not there. Its folder may be a link; that leads to the same files.
pub fn behind_links(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(to) = fs::read_link(&place) else {
            break;
        };
        let next = folder_of(&place).join(to);
        // `/dev/stdout` may lead to what has no name, as a pipe.
        if place.exists() != next.exists() {
            break;
        }
        place = next;
    }
    place
}

/// The folder that a file lies in; that of a bare name is the current one.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_opened_and_nothing_is_waited_for() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), mode).unwrap();
        assert!(open_regular(&at("file")).is_ok() && open_own(&at("file")).is_ok());
        assert!(open_regular(&at("link")).is_ok());
        assert!(open_own(&at("link")).is_err());
        for other in [at("pipe"), scratch.path().to_owned(), "/dev/zero".into()] {
            assert!(open_regular(&other).is_err(), "{}", other.display());
            assert!(open_own(&other).is_err(), "{}", other.display());
        }
        open_without_waiting(&at("pipe")).unwrap();
    }

    #[test]
    fn links_lead_to_a_file_that_is_there_and_to_one_that_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        std::os::unix::fs::symlink("second", at("first")).unwrap();
        std::os::unix::fs::symlink(at("file"), at("second")).unwrap();
        assert_eq!(behind_links(&at("first")), at("file"));
        fs::write(at("file"), "x").unwrap();
        assert_eq!(behind_links(&at("first")), at("file"));
        assert_eq!(behind_links(&at("file")), at("file"));
    }
}
