//! Reads what runtimes read, bounded.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::app::bounded;
use crate::cli::failure::Failure;
use crate::nodes::doctor::{ConfFile, HostsDirectory, HostsRoot, named_files};

/// The longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// What no runtime can read as TOML either.
const INVALID_TOML: &str = "=";

/// The text of a file; none where there is none. What is no text is none that parses.
pub fn text(path: &Path) -> Result<Option<String>, Failure> {
    match bytes(path) {
        Ok(bytes) => Ok(Some(
            String::from_utf8(bytes).unwrap_or_else(|_| INVALID_TOML.to_owned()),
        )),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(unread(path, &error)),
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bounded::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_FILE_BYTES {
        true => Err(io::Error::other("it is longer than 1 MiB")),
        false => Ok(bytes),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot read {}: {error}", path.display()))
        .next("run it as root on the node")
}

/// What lies in a folder, by name; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        read => read.map_err(|error| unread(folder, &error))?,
    };
    let paths: Result<Vec<_>, _> = read.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| unread(folder, &error))?;
    paths.sort();
    Ok(paths)
}

/// The directories of a `certs.d`.
pub fn hosts_root(path: &Path) -> Result<HostsRoot, Failure> {
    let mut directories = Vec::new();
    for folder in entries(path)?.into_iter().filter(|path| path.is_dir()) {
        let hosts_toml = text(&folder.join("hosts.toml"))?;
        let named = named_files(hosts_toml.as_deref().unwrap_or_default());
        let absent = |file: &String| !folder.join(file).exists();
        directories.push(HostsDirectory {
            name: file_name(&folder),
            missing: named.into_iter().filter(absent).collect(),
            hosts_toml,
        });
    }
    Ok(HostsRoot {
        path: path.display().to_string(),
        directories,
    })
}

/// `NAME.conf` below `root`, then its drop-ins in order.
pub fn with_drop_ins(root: &Path, name: &str) -> Result<Vec<ConfFile>, Failure> {
    let mut paths = vec![root.join(format!("{name}.conf"))];
    let is_conf = |path: &PathBuf| path.extension().is_some_and(|end| end == "conf");
    let drop_ins = entries(&root.join(format!("{name}.conf.d")))?;
    paths.extend(drop_ins.into_iter().filter(is_conf));
    let mut files = Vec::new();
    for path in paths {
        if let Some(text) = text(&path)? {
            let path = path.display().to_string();
            files.push(ConfFile { path, text });
        }
    }
    Ok(files)
}

/// Writes a new file.
pub fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    fs::write(path, contents)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

/// Copies the files beside a `hosts.toml`: certificates that it may name.
pub fn copy_beside(from: &Path, to: &Path) -> Result<(), Failure> {
    for file in entries(from)?.into_iter().filter(|path| path.is_file()) {
        let name = file_name(&file);
        if name != "hosts.toml" {
            let contents = bytes(&file).map_err(|error| unread(&file, &error))?;
            write(&to.join(&name), &contents)?;
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
