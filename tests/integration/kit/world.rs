//! The whole program in this process, with two upstreams behind it.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use sekisho::demo::DemoRegistry;
use sekisho::oci::Digest;
use sekisho::tasks::Tasks;

use super::{Reply, Running, Setup, Wire};

pub struct World {
    /// `docker.io`
    pub hub: DemoRegistry,
    /// `registry.corp:5000`, at the path `corp`
    pub corp: DemoRegistry,
    running: Running,
    _hub: Tasks,
    _corp: Option<Tasks>,
}

impl Deref for World {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

impl World {
    /// The usual one.
    pub async fn start() -> Self {
        Self::of(Setup::default()).await
    }

    pub async fn of(setup: Setup) -> Self {
        let upstreams = Tasks::new();
        let corp = DemoRegistry::start(&upstreams).await.unwrap();
        let world = Self::behind(corp, |_| setup).await;
        Self {
            _corp: Some(upstreams),
            ..world
        }
    }

    /// With a second upstream of one's own; `setup` may put files into the
    /// folder of the configuration.
    pub async fn behind(corp: DemoRegistry, setup: impl FnOnce(&Path) -> Setup) -> Self {
        let upstreams = Tasks::new();
        let hub = DemoRegistry::start(&upstreams).await.unwrap();
        let mut world = Self {
            hub,
            corp,
            running: Running::over(tempfile::tempdir().unwrap()),
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
