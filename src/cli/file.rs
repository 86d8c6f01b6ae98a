//! Files that others read while they are written.

use std::fs;
use std::io;
use std::path::Path;
use std::process;

/// The folder of a file; that of a bare name is the current one.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Writes a temporary file beside it, then renames it, so that readers never see half a
/// file.
pub fn replace(path: &Path, contents: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = folder(path).join(format!(".{name}.{}.tmp", process::id()));
    let written = fs::write(&unfinished, contents)
        .and_then(|()| fs::File::open(&unfinished)?.sync_all())
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("a.xml");
        for text in ["first, and longer", "second"] {
            replace(&file, text).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        fs::create_dir(scratch.path().join("b.xml")).unwrap();
        replace(&scratch.path().join("b.xml"), "no").unwrap_err();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
        assert_eq!(folder(Path::new("a.xml")), Path::new("."));
    }
}
