//! Where a log may lie: also where there is no disk.

use std::io::{BufRead, BufReader, pipe};
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::*;

/// Each batch is put aside, and goes after a minute.
fn rotating(path: &Path) -> AuditOptions {
    let rotation = AuditRotation {
        max_size: Some(1),
        retention: Some(Duration::from_secs(60)),
    };
    AuditOptions {
        rotation,
        ..config(path)
    }
}

#[tokio::test]
async fn a_pipe_has_no_disk_and_its_lines_are_written_once() {
    let (reader, writer) = pipe().unwrap();
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let audit = Audit::open(rotating(Path::new(&path))).unwrap();
    for number in 1..=2 {
        audit.write_durably(&[numbered(number)]).await.unwrap();
    }
    drop((audit, writer));
    assert_eq!(BufReader::new(reader).lines().count(), 2);
}
