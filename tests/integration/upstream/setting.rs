//! One registry with a sample image, and an upstream that asks it.

use std::time::Duration;

use sekisho::demo::{DemoAuth, DemoRegistry, ImageBuilder, SampleImage};
use sekisho::metrics::Metrics;
use sekisho::oci::{Digest, Platform, Reference, RegistryHost, RepositoryName, Tag};
use sekisho::tasks::Tasks;
use sekisho::upstream::{
    CredentialSource, HostPattern, Network, Retries, Upstream, UpstreamCredentials, UpstreamOptions,
};

pub const NAME: &str = "library/app";

pub struct Setting {
    pub registry: DemoRegistry,
    pub image: SampleImage,
    pub metrics: Metrics,
    pub tasks: Tasks,
    pub config: UpstreamOptions,
}

impl Setting {
    pub async fn open() -> Self {
        Self::with(DemoAuth::Open).await
    }

    pub async fn with(auth: DemoAuth) -> Self {
        let tasks = Tasks::new();
        let registry = DemoRegistry::start_with(&tasks, auth).await.unwrap();
        let image = image("hello");
        registry.put_image(NAME, &image);
        registry.tag(NAME, "1.0", &image.manifest.digest);
        Self {
            config: config(&registry.origin()),
            registry,
            image,
            metrics: Metrics::new(),
            tasks,
        }
    }

    pub fn upstream(&self) -> Upstream {
        let network = Network::from_system().unwrap();
        Upstream::new(self.config.clone(), &network, self.metrics.clone()).unwrap()
    }

    /// Another registry, where nothing should arrive.
    pub async fn elsewhere(&self) -> DemoRegistry {
        DemoRegistry::start(&self.tasks).await.unwrap()
    }

    pub fn by_digest(&self) -> Reference {
        Reference::Digest(self.image.manifest.digest.clone())
    }

    pub fn layer(&self) -> Digest {
        self.image.layers[0].digest.clone()
    }

    /// Bytes of that layer.
    pub fn size(&self) -> u64 {
        self.image.layers[0].bytes.len() as u64
    }
}

pub fn image(content: &str) -> SampleImage {
    ImageBuilder::new(Platform::new("linux", "amd64", None))
        .file("etc/motd", content.as_bytes())
        .build()
}

/// Tries quickly and never rests.
pub fn config(origin: &str) -> UpstreamOptions {
    let name = RegistryHost::parse("registry.test").unwrap();
    let mut config = UpstreamOptions::new(name, origin.parse().unwrap());
    config.retries = Retries {
        tries: 4,
        first_pause: Duration::from_millis(1),
        max_pause: Duration::from_secs(1),
    };
    config.cool_down.after = 1000;
    config
}

pub fn credentials() -> Option<CredentialSource> {
    Some(given("secret").into())
}

pub fn given(password: &str) -> UpstreamCredentials {
    UpstreamCredentials {
        username: "robot".to_owned(),
        password: password.into(),
    }
}

pub fn hosts(patterns: &[&str]) -> Vec<HostPattern> {
    let parse = |pattern: &&str| HostPattern::parse(pattern).unwrap();
    patterns.iter().map(parse).collect()
}

pub fn name() -> RepositoryName {
    RepositoryName::parse(NAME).unwrap()
}

pub fn tag(text: &str) -> Reference {
    Reference::Tag(Tag::parse(text).unwrap())
}
