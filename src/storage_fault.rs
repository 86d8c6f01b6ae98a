//! Why a store cannot be written, in words that lead to the mend.

use std::fmt;
use std::io::{self, ErrorKind};

/// What keeps a store from being written. Its text completes "cannot be written: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageFault {
    DiskFull,
    QuotaUsedUp,
    /// The system took no write, and the database does not say why.
    Unwritable,
    /// Another program holds the lock of the database.
    Locked,
    ReadOnly,
    NotPermitted,
    /// The file, or its folder, is not where it was.
    Gone,
    /// Another one, of another identity, lies where it was.
    Replaced,
    /// It is one of another time: it lacks what was written to it.
    Older,
    /// The server has no database of its name.
    NoDatabase,
    Damaged,
    /// The server of the database cannot be reached, or ends.
    Unreachable,
    /// It has as many clients as it takes.
    NoConnectionLeft,
    /// It lacks memory, or something else that it needs for an answer.
    Exhausted,
    /// It takes too long.
    Unresponsive,
    /// A write to it neither fails nor returns.
    Hangs,
    /// It does not let this program in.
    Refused,
    /// It takes no writes: a standby, as a rule.
    ReadOnlyServer,
    /// What the system said, in one line.
    Other(String),
}

impl StorageFault {
    /// What a failed system call says.
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull => Self::DiskFull,
            ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::QuotaUsedUp,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            ErrorKind::PermissionDenied => Self::NotPermitted,
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Gone,
            ErrorKind::ResourceBusy | ErrorKind::WouldBlock => Self::Locked,
            _ => Self::Other(error.to_string()),
        }
    }

    /// What a person does about it.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::DiskFull => "free space on its file system; it is then written by itself",
            Self::QuotaUsedUp => "raise the quota or the limit on file sizes of the user of serve",
            Self::Unwritable => {
                "raise the quota or the limit on file sizes of the user of serve, or look at the \
                 disk; the log of the system says which"
            }
            Self::Locked => "end the program that holds it, such as a shell of sqlite3",
            Self::ReadOnly => "make its file system and its file writable",
            Self::NotPermitted => "give the file and its folder to the user of serve",
            Self::Gone => "put the file back where it was",
            Self::Replaced | Self::Older => {
                "put the newest one back; to go on with another one, restart serve"
            }
            Self::NoDatabase => "restore the database, or lead its URL to the server that has it",
            Self::Damaged => "restore a backup: docs/operations.md says how",
            Self::Unreachable | Self::Unresponsive => {
                "look at the server and the way to it; it is then used by itself"
            }
            Self::Hangs => {
                "look at its file system, or at what reads its pipe; it goes on by itself"
            }
            Self::NoConnectionLeft => {
                "raise max_connections of the server, or end what else is connected to it; it is \
                 then used by itself"
            }
            Self::Exhausted => "give the server more of what its log says it lacks",
            Self::Refused => "mend its user, password or rights; the log says what it refuses",
            Self::ReadOnlyServer => "promote it, or lead its name to the primary",
            Self::Other(_) => "look at the log and at the disk",
        }
    }
}

impl fmt::Display for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DiskFull => "the disk is full",
            Self::QuotaUsedUp => "the quota, or a limit on file sizes, is used up",
            Self::Unwritable => "a quota or a limit on file sizes is used up, or its disk fails",
            Self::Locked => "it is locked by another program",
            Self::ReadOnly => "it is read-only",
            Self::NotPermitted => "permission is denied",
            Self::Gone => "its file is gone",
            Self::Replaced => "another one lies in its place",
            Self::Older => "it is an older one, which lacks what was written since",
            Self::NoDatabase => "its server has no such database",
            Self::Damaged => "its file is damaged",
            Self::Unreachable => "its server cannot be reached",
            Self::NoConnectionLeft => "its server takes no more connections",
            Self::Exhausted => "its server is short of memory, or of what its limits allow",
            Self::Unresponsive => "its server takes too long",
            Self::Hangs => "a write to it does not return",
            Self::Refused => "its server refuses this program",
            Self::ReadOnlyServer => "its server takes no writes",
            Self::Other(text) => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_full_disk_from_a_read_only_and_a_forbidden_one() {
        for (errno, told) in [
            (28, "the disk is full"),
            (122, "the quota, or a limit on file sizes, is used up"),
            (30, "it is read-only"),
            (13, "permission is denied"),
            (2, "its file is gone"),
        ] {
            let fault = StorageFault::of_io(&io::Error::from_raw_os_error(errno));
            assert_eq!(fault.to_string(), told);
        }
        let other = StorageFault::of_io(&io::Error::from_raw_os_error(5));
        assert!(matches!(other, StorageFault::Other(_)), "{other:?}");
    }
}
