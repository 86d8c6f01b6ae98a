//! How much memory there is for what is kept in it: under a limit, less.

use std::fs;
use std::path::Path;

/// What each of the largest memories may take, in bytes: verdicts, manifests with small blobs,
/// pieces of large blobs that several read at once, and the text of reports that are handed in.
const LARGEST: u64 = 256 << 20;
/// The part of the limit that each of them takes at most. The rest is for what else is kept,
/// for what requests take, and for what the allocator holds back.
const PART: u64 = 8;

/// For each of the largest memories, in bytes: no more than [`LARGEST`], and less where the
/// process is killed for more.
pub(super) fn large_memory() -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = limit_of(&groups, Path::new("/sys/fs/cgroup"));
    limit.map_or(LARGEST, |limit| (limit / PART).min(LARGEST))
}

/// The limit of the control groups that a process is in, in bytes, as `groups` names them;
/// `None`: none is known.
fn limit_of(groups: &str, root: &Path) -> Option<u64> {
    groups.lines().filter_map(|line| of_line(line, root)).min()
}

/// `0::/path` in version 2, `7:memory:/path` in version 1. A group is bound by those around
/// it, too. In a container the path may be one that only the host sees: its own is the root.
fn of_line(line: &str, root: &Path) -> Option<u64> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (root, file) = match controllers {
        "" => (root.to_owned(), "memory.max"),
        _ if controllers.split(',').any(|it| it == "memory") => {
            (root.join("memory"), "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let own = root.join(path.trim_start_matches('/'));
    let groups = own.ancestors().take_while(|it| it.starts_with(&root));
    let limits = groups.filter_map(|group| fs::read_to_string(group.join(file)).ok());
    // `max` is no number.
    limits.filter_map(|text| text.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn the_least_limit_around_the_process_counts() {
        let root = tempfile::tempdir().unwrap();
        let groups = "0::/system.slice/sekisho.service\n";
        assert_eq!(limit_of(groups, root.path()), None);
        write(
            root.path(),
            "system.slice/sekisho.service/memory.max",
            "max\n",
        );
        assert_eq!(limit_of(groups, root.path()), None);
        write(root.path(), "system.slice/memory.max", "1073741824\n");
        assert_eq!(limit_of(groups, root.path()), Some(1 << 30));
        write(
            root.path(),
            "system.slice/sekisho.service/memory.max",
            "4096\n",
        );
        assert_eq!(limit_of(groups, root.path()), Some(4096));
    }

    #[test]
    fn reads_groups_of_both_versions_and_those_of_containers() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "memory/memory.limit_in_bytes", "134217728\n");
        for groups in [
            "4:cpu,cpuacct:/docker/a1\n7:memory:/docker/a1\n",
            "7:blkio,memory:/\n",
            "0::/\n9:memory:/../../init.scope\n",
        ] {
            assert_eq!(limit_of(groups, root.path()), Some(128 << 20), "{groups}");
        }
        for groups in ["", "4:cpu:/docker/a1\n", "memory", "7:memorable:/\n"] {
            assert_eq!(limit_of(groups, root.path()), None, "{groups}");
        }
    }
}
