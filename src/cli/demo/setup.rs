//! A gateway in front of an embedded upstream, in a folder that goes away.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::app::App;
use crate::app::config::Config;
use crate::cli::failure::Failure;
use crate::demo::{DemoRegistry, SampleIndex};
use crate::tasks::Tasks;

/// Where people expect the gateway; any other port when these are taken.
const USUAL_PORTS: (u16, u16) = (5080, 5081);

/// The embedded upstream and the gateway of the demo.
pub struct DemoSetup {
    folder: PathBuf,
    tasks: Tasks,
    registry: DemoRegistry,
    app: App,
    token: String,
    flawed: SampleIndex,
    mended: SampleIndex,
}

impl DemoSetup {
    /// Starts the upstream with its images, and the gateway before it; at the
    /// usual ports if someone is to pull by hand and they are free.
    pub async fn set(by_hand: bool) -> Result<Self, Failure> {
        let failed =
            |error: std::io::Error| Failure::new(format!("the demo cannot start: {error}"));
        let tasks = Tasks::new();
        let registry = DemoRegistry::start(&tasks).await.map_err(failed)?;
        let folder = std::env::temp_dir().join(format!("sekisho-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let app = start(&folder, &registry, by_hand).await?;
        let token = std::fs::read_to_string(folder.join("data/admin.token")).map_err(failed)?;
        let (flawed, mended) = (SampleIndex::sample("1.0"), SampleIndex::sample("1.1"));
        for (tag, index) in [("1.0", &flawed), ("1.1", &mended)] {
            registry.put_index("team/app", index);
            registry.tag("team/app", tag, &index.manifest.digest);
        }
        Ok(Self {
            folder,
            tasks,
            registry,
            app,
            token: token.trim().to_owned(),
            flawed,
            mended,
        })
    }

    pub fn gateway(&self) -> String {
        self.app
            .registries()
            .first()
            .map_or_else(String::new, SocketAddr::to_string)
    }

    pub fn admin(&self) -> String {
        self.app.admin().to_string()
    }

    pub fn upstream(&self) -> String {
        self.registry.address().to_string()
    }

    pub fn registry(&self) -> &DemoRegistry {
        &self.registry
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// `team/app:1.0`, which has a flaw.
    pub fn flawed(&self) -> &SampleIndex {
        &self.flawed
    }

    /// `team/app:1.1`, which mends it.
    pub fn mended(&self) -> &SampleIndex {
        &self.mended
    }

    /// Stops everything and removes the folder.
    pub async fn clear(self) {
        self.app.stop().await;
        self.tasks.drain(Duration::from_secs(1)).await;
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "not removed");
        }
    }
}

async fn start(folder: &Path, registry: &DemoRegistry, by_hand: bool) -> Result<App, Failure> {
    if by_hand && let Ok(app) = App::start(config(folder, registry, USUAL_PORTS)?).await {
        return Ok(app);
    }
    App::start(config(folder, registry, (0, 0))?)
        .await
        .map_err(|error| Failure::new(format!("the demo cannot start: {error}")))
}

fn config(folder: &Path, registry: &DemoRegistry, ports: (u16, u16)) -> Result<Config, Failure> {
    let text = format!(
        "data_dir = \"data\"\n\
         [[listeners]]\naddress = \"127.0.0.1:{}\"\nenvironment = \"production\"\n\
         [admin]\naddress = \"127.0.0.1:{}\"\n\
         [[upstreams]]\nname = \"demo.example\"\nurl = \"{}\"\ndefault = true\n\
         [environments.production]\n",
        ports.0,
        ports.1,
        registry.origin(),
    );
    let file = folder.join("sekisho.toml");
    std::fs::write(&file, text)
        .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    Config::load(Some(&file), |name| std::env::var_os(name), Timestamp::now())
        .map_err(|problems| Failure::new(problems.to_string()))
}
