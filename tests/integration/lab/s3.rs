//! An S3 server over a folder, versitygw, so that what it holds can be looked at and
//! spoilt; and its access log as the count of what was asked of it.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rustix::fs::{XattrFlags, setxattr};
use tempfile::TempDir;

use super::{Missing, Part, as_root, built, free_port, installed};

pub const ACCESS_KEY: &str = "sekisho-test";
pub const SECRET_KEY: &str = "tegata-tegata-tegata";
const BUCKET: &str = "content";
const STOPS_WITHIN: Duration = Duration::from_secs(20);

/// Mounts a small disk in a mount namespace of its own, then becomes the server.
const ON_SMALL_DISK: &str =
    "mount -t tmpfs -o size=24m tmpfs \"$0\" && mkdir \"$0\"/content && exec \"$@\"";

#[derive(Debug)]
pub struct S3Server {
    part: Option<Part>,
    command: Vec<PathBuf>,
    address: String,
    folder: TempDir,
}

impl S3Server {
    /// With an empty bucket.
    pub fn start() -> Result<Self, Missing> {
        Self::with(&[], with_bucket)
    }

    /// One that speaks TLS with this certificate and key, given as PEM files.
    pub fn start_tls(certificate: &Path, key: &Path) -> Result<Self, Missing> {
        let tls = [Path::new("--cert"), certificate, Path::new("--key"), key];
        Self::with(&tls, with_bucket)
    }

    /// The same on a disk of 24 MiB.
    pub fn on_small_disk() -> Result<Self, Missing> {
        as_root()?;
        let unshare = installed("unshare")?;
        Self::with(&[], |program, folder| {
            fs::create_dir_all(&folder).unwrap();
            let words = ["--mount", "sh", "-c", ON_SMALL_DISK].map(PathBuf::from);
            let mut command = vec![unshare];
            command.extend(words);
            command.extend([folder, program]);
            Ok(command)
        })
    }

    fn with(
        options: &[&Path],
        begin: impl FnOnce(PathBuf, PathBuf) -> Result<Vec<PathBuf>, Missing>,
    ) -> Result<Self, Missing> {
        let program = built("versitygw", "versitygw")?;
        let folder = tempfile::tempdir().unwrap();
        let mut command = begin(program, folder.path().join("buckets"))?;
        let address = format!("127.0.0.1:{}", free_port());
        command.extend(options.iter().map(|option| option.to_path_buf()));
        command.extend(["--port", &address, "posix"].map(PathBuf::from));
        command.push(folder.path().join("buckets"));
        let mut server = Self {
            part: None,
            command,
            address,
            folder,
        };
        server.restart();
        Ok(server)
    }

    /// Starts it again, on the same address and the same content.
    pub fn restart(&mut self) {
        let mut words = self.command.iter();
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .env("ROOT_ACCESS_KEY", ACCESS_KEY)
            .env("ROOT_SECRET_KEY", SECRET_KEY);
        let mut part = Part::start("versitygw", &command, &self.folder.path().join("log"));
        part.ready(|| TcpStream::connect(&self.address).ok());
        self.part = Some(part);
    }

    pub fn stop(&mut self) {
        if let Some(mut part) = self.part.take() {
            part.stop(STOPS_WITHIN);
        }
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// As a configuration names a place in its bucket.
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/sekisho")
    }

    /// Where the blob of a digest lies, if it was written.
    pub fn object(&self, digest: &str) -> PathBuf {
        let (algorithm, hex) = digest.split_once(':').unwrap();
        let blobs = self.folder.path().join("buckets/content/sekisho/blobs");
        blobs.join(algorithm).join(&hex[..2]).join(hex)
    }

    /// As if all that lies there had been written, and pulled, that long ago.
    pub fn age(&self, by: Duration) {
        let then = SystemTime::now() - by;
        for file in files(&self.folder.path().join("buckets/content/sekisho")) {
            let file = File::options().write(true).open(file).unwrap();
            file.set_modified(then).unwrap();
        }
    }

    /// As if somebody had written other bytes of the same length there: the server keeps
    /// an object's tag in an attribute of its file.
    pub fn replace(&self, digest: &str) {
        let object = self.object(digest);
        let mut bytes = fs::read(&object).unwrap();
        bytes[0] ^= 1;
        fs::write(&object, bytes).unwrap();
        let tag = b"00000000000000000000000000000000";
        setxattr(&object, "user.etag", tag, XattrFlags::REPLACE).unwrap();
    }

    /// How many requests with this method, for a path that contains `what`, were answered
    /// with this status.
    pub fn answered(&self, method: &str, what: &str, status: u16) -> usize {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines = log.lines().filter(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.get(2) == Some(&status.to_string().as_str())
                && cells.get(5) == Some(&method)
                && cells.get(6).is_some_and(|path| path.contains(what))
        });
        lines.count()
    }
}

fn with_bucket(program: PathBuf, folder: PathBuf) -> Result<Vec<PathBuf>, Missing> {
    fs::create_dir_all(folder.join(BUCKET)).unwrap();
    Ok(vec![program])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}
