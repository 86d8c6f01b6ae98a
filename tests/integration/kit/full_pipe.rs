//! A log that hangs.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

/// A pipe that nobody reads, filled to the brim: a write to it neither fails nor returns.
pub struct FullPipe {
    pub path: PathBuf,
    end: File,
    _folder: TempDir,
}

impl FullPipe {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
        let mut options = File::options();
        let options = options.read(true).write(true).custom_flags(nonblocking);
        let mut end = options.open(&path).unwrap();
        while end.write(&[b'\n'; 4096]).is_ok() {}
        Self {
            path,
            end,
            _folder: folder,
        }
    }

    /// What can be read of it now.
    pub fn read(&self) -> String {
        let mut read = Vec::new();
        let ended = (&self.end).read_to_end(&mut read).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::WouldBlock);
        String::from_utf8(read).unwrap()
    }
}

/// No thread is left behind at a write, for which the test's end would wait.
impl Drop for FullPipe {
    fn drop(&mut self) {
        self.read();
    }
}
