//! A disk that is full, has no inode left, or cannot be written.

use std::path::Path;
use std::process::Command;

use super::rounds;
use super::site::Site;
use crate::kit::lab::eventually;
use crate::lab::{Missing, as_root, installed, or_skip};

/// Mounts the disk in a mount namespace of its own, then becomes the program.
const MOUNT: &str =
    "mkdir -p \"$0\" && mount -t tmpfs -o \"$1\",mode=700 tmpfs \"$0\" && shift && exec \"$@\"";
/// The file system of a disk that has enough. Uploads leave 256 MiB free.
const ENOUGH: &str = "size=640m,nr_inodes=100000";

/// The program with this folder of its data on a disk that nobody else sees.
pub struct OnDisk {
    pub site: Site,
    folder: &'static str,
}

impl OnDisk {
    pub async fn start(folder: &'static str) -> Result<Self, Missing> {
        as_root()?;
        let (unshare, _) = (installed("unshare")?, installed("nsenter")?);
        let site = Site::start("", |data: &Path| {
            let mut command = Command::new(unshare);
            command.args(["--mount", "sh", "-c", MOUNT]);
            command.arg(data.join(folder)).arg(ENOUGH);
            command.arg(env!("CARGO_BIN_EXE_sekisho"));
            command
        });
        let site = site.await;
        Ok(Self { site, folder })
    }

    /// Runs a command where the program sees the disk, with the folder at its end.
    fn beside(&self, command: &[&str]) -> bool {
        let process = self.site.served.id();
        let seen = self.site.data.join(self.folder);
        let root = format!("/proc/{process}/root");
        let folder = Path::new("/").join(seen.strip_prefix(root).unwrap());
        let mut nsenter = Command::new(installed("nsenter").unwrap());
        nsenter.args(["--target", &process.to_string(), "--mount"]);
        let tried = nsenter.args(command).arg(folder).output().unwrap();
        tried.status.success()
    }

    /// Mounts the disk anew with other options, unless what lies on it forbids them.
    fn remount(&self, options: &str) -> bool {
        self.beside(&["mount", "-o", &format!("remount,{options}")])
    }

    /// Leaves no byte free, or one page where it is empty: a size of 0 is no limit.
    pub async fn fill(&self) {
        eventually("it is full", || async {
            let status = rustix::fs::statvfs(self.site.data.join(self.folder)).unwrap();
            let used = (status.f_blocks - status.f_bfree) * status.f_frsize;
            self.remount(&format!("size={}", used.max(4096)))
        })
        .await;
    }

    /// Leaves no inode free.
    pub async fn use_up_inodes(&self) {
        eventually("no inode is left", || async {
            let status = rustix::fs::statvfs(self.site.data.join(self.folder)).unwrap();
            self.remount(&format!("nr_inodes={}", status.f_files - status.f_ffree))
        })
        .await;
    }

    /// Files that are open stay so; no other is opened to be written.
    fn forbid_writes(&self) {
        let read_only = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\"";
        assert!(self.beside(&["sh", "-c", read_only]));
    }

    fn permit_writes(&self) {
        assert!(self.beside(&["umount"]));
    }

    pub fn make_room(&self) {
        assert!(self.remount(ENOUGH));
    }

    async fn goes_through(&mut self, fault: impl AsyncFn(&Self), heal: impl Fn(&Self)) {
        for round in 0..rounds() {
            // While work goes on, at another moment of it in each round.
            let strike = async {
                tokio::time::sleep(std::time::Duration::from_millis(round * 37 % 300)).await;
                fault(self).await;
            };
            tokio::join!(self.site.work(3), strike);
            self.site.work(3).await;
            heal(self);
            self.site.recovers().await;
        }
        self.site.served.signal("TERM");
        assert_eq!(
            self.site.served.ended().await,
            Some(0),
            "{}",
            self.site.log()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_a_free_byte_loses_nothing() {
    let mut gateway = or_skip!(OnDisk::start(".").await);
    gateway
        .goes_through(async |it| it.fill().await, OnDisk::make_room)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_a_free_inode_loses_nothing() {
    let mut gateway = or_skip!(OnDisk::start(".").await);
    gateway
        .goes_through(async |it| it.use_up_inodes().await, OnDisk::make_room)
        .await;
}

/// A disk of their own is also where they begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_uploads_loses_nothing() {
    let mut gateway = or_skip!(OnDisk::start("uploads").await);
    gateway
        .goes_through(async |it| it.fill().await, OnDisk::make_room)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_read_only_serves_on_and_loses_nothing() {
    let mut gateway = or_skip!(OnDisk::start("cache").await);
    gateway
        .goes_through(async |it| it.forbid_writes(), OnDisk::permit_writes)
        .await;
}
