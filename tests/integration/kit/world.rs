//! The whole program in this process, with two upstreams behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use sekisho::app::config::Config;
use sekisho::app::{App, Parts};
use sekisho::demo::Registry;
use sekisho::oci::Digest;
use sekisho::tasks::Tasks;
use tempfile::TempDir;

use super::{Reply, Setup, Wire};

pub struct World {
    /// `docker.io`
    pub hub: Registry,
    /// `registry.corp:5000`, at the path `corp`
    pub corp: Registry,
    app: Option<App>,
    folder: TempDir,
    _hub: Tasks,
    _corp: Option<Tasks>,
}

impl World {
    /// The usual one.
    pub async fn start() -> Self {
        Self::of(Setup::default()).await
    }

    pub async fn of(setup: Setup) -> Self {
        let upstreams = Tasks::new();
        let corp = Registry::start(&upstreams).await.unwrap();
        let world = Self::behind(corp, |_| setup).await;
        Self {
            _corp: Some(upstreams),
            ..world
        }
    }

    /// With a second upstream of one's own; `setup` may put files into the
    /// folder of the configuration.
    pub async fn behind(corp: Registry, setup: impl FnOnce(&Path) -> Setup) -> Self {
        let upstreams = Tasks::new();
        let hub = Registry::start(&upstreams).await.unwrap();
        let mut world = Self {
            hub,
            corp,
            app: None,
            folder: tempfile::tempdir().unwrap(),
            _hub: upstreams,
            _corp: None,
        };
        let setup = setup(world.folder.path());
        world.write(&setup);
        world.serve().await;
        world
    }

    /// Writes the configuration, for the next start or a running program.
    pub fn write(&self, setup: &Setup) {
        let text = setup.text(&self.hub.origin(), &self.corp.origin());
        std::fs::write(self.file(), text).unwrap();
        for (path, text) in setup.files() {
            self.put_file(path, text);
        }
    }

    /// Writes a file beside the configuration, in one step.
    pub fn put_file(&self, path: &str, text: &str) {
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let half = self.folder.path().join("half-written");
        std::fs::write(&half, text).unwrap();
        std::fs::rename(half, file).unwrap();
    }

    /// As after a disk went bad: no page that is read from now on is what it was.
    pub fn spoil_ledger(&self) {
        let data = self.folder.path().join("data");
        for entry in std::fs::read_dir(data).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with("ledger.db") && !name.ends_with("-shm") {
                let length = entry.metadata().unwrap().len();
                let length = usize::try_from(length).unwrap();
                std::fs::write(entry.path(), vec![b'x'; length]).unwrap();
            }
        }
    }

    pub fn remove_file(&self, path: &str) {
        std::fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("sekisho.toml")
    }

    /// Where everything is kept.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the program.
    pub async fn serve(&mut self) {
        let config = Config::load(Some(&self.file()), |_| None, Timestamp::now());
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        self.app = Some(App::start(config).await.unwrap());
    }

    /// Stops the program, when what it began is done.
    pub async fn stop(&mut self) {
        self.app.take().unwrap().stop().await;
    }

    /// Gives the program away, to be stopped elsewhere.
    pub fn take_app(&mut self) -> App {
        self.app.take().unwrap()
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    pub fn parts(&self) -> &Arc<Parts> {
        self.app().parts()
    }

    /// Requests to both upstreams so far.
    pub fn asked(&self) -> usize {
        self.hub.total() + self.corp.total()
    }

    /// A request at the listener of that number.
    pub async fn send(
        &self,
        listener: usize,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Wire {
        let address = self.app().registries()[listener];
        Wire::send(address, method, target, headers, b"").await
    }

    pub async fn get(&self, target: &str) -> Reply {
        self.get_with(target, &[]).await
    }

    pub async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(0, "GET", target, headers).await.reply().await
    }

    pub async fn head(&self, target: &str) -> Reply {
        self.send(0, "HEAD", target, &[]).await.reply().await
    }

    /// GET, with HEAD before and after held against it.
    pub async fn both(&self, target: &str) -> Reply {
        let before = self.head(target).await;
        let got = self.get(target).await;
        let after = self.head(target).await;
        assert_eq!(before.outside(), got.outside(), "HEAD, then GET {target}");
        assert_eq!(after.outside(), got.outside(), "GET, then HEAD {target}");
        got
    }
}

/// The path of a manifest.
pub fn manifests(name: &str, reference: impl ToString) -> String {
    format!("/v2/{name}/manifests/{}", reference.to_string())
}

/// The path of a blob.
pub fn blobs(name: &str, digest: &Digest) -> String {
    format!("/v2/{name}/blobs/{digest}")
}
