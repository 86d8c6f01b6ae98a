//! A gateway, its registry, a node's runtime, and an agent between them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::kubernetes::BareNode;
use crate::lab::{
    Agent, AgentSetup, Gateway, Image, Missing, Release, Sandbox, Setup, Site, eventually,
    installed, outcome,
};

/// For what takes two seconds at most but where the machine is busy.
pub const WITHIN: Duration = Duration::from_secs(60);
const REVOKED: &str = "sekisho: revoked: sha256:";

pub struct Stage {
    pub node: BareNode,
    pub site: Site,
    pub image: Image,
    /// By which containers name it.
    image_name: String,
    /// A Pod that is there already.
    pod: Sandbox,
    /// What another gateway would be set up with, to say the same.
    pub environment: String,
    pub tables: String,
    folder: TempDir,
}

impl Stage {
    /// An image that was admitted, and pulled through the gateway onto a node.
    pub fn open(release: Release) -> Result<Self, Missing> {
        let stage = Self::open_with(release, "", |setup, _| setup)?;
        let image = stage.site.at_gateway(&stage.image);
        stage.node.cri().pull(&image).unwrap();
        Ok(Self {
            image_name: image,
            ..stage
        })
    }

    /// An image that was admitted, and lies on a node by its upstream's name. Agents are told
    /// these keys, and the gateway is set up so, with files of this folder.
    pub fn open_with(
        release: Release,
        nodes: &str,
        change: impl FnOnce(Setup, &Path) -> Setup,
    ) -> Result<Self, Missing> {
        let folder = tempfile::tempdir().unwrap();
        make_keys(&folder)?;
        let key = folder.path().join("nodes.key").display().to_string();
        let environment = format!(
            "mode = \"enforce\"\nrequire = [\"scan\", \"promotion\"]\n\
             platforms = [\"linux/amd64\"]\n\
             [environments.production.nodes]\nmode = \"enforce\"\n{nodes}"
        );
        let tables = format!("[nodes]\nsigning_key = \"{key}\"\n");
        let site = Site::open_with(|setup| {
            let setup = setup.environment(&environment);
            let setup = setup.tables(&tables);
            change(setup, folder.path())
        })?;
        let token = site.gateway.token("nodes", "node");
        fs::write(folder.path().join("token"), token).unwrap();
        let image = site.image("team/sleeper");
        site.admit(&image);
        let node = BareNode::start(release, &site.development)?;
        Ok(Self {
            pod: node.cri().sandbox("shop", "cart"),
            image_name: format!("{}/{}", site.development.address(), image.by_tag()),
            environment,
            tables,
            node,
            site,
            image,
            folder,
        })
    }

    /// Of the keys, the token and all that is an agent's.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What an agent of this name is started with.
    pub fn setup<'a>(&'a self, name: &'a str) -> AgentSetup<'a> {
        let token = self.folder.path().join("token").display().to_string();
        AgentSetup {
            name,
            folder: self.folder.path(),
            gateways: vec![format!("http://{}", self.site.gateway.address())],
            environment: "production",
            nri_socket: self.node.nri_socket(),
            cri_socket: self.node.cri_socket(),
            canary_every: "1s",
            more: vec!["--token-file".to_owned(), token],
        }
    }

    /// An agent that is asked, and holds a snapshot.
    pub fn agent(&self) -> Agent {
        let agent = Agent::start(&self.setup("agent"));
        agent.has_seen_its_canary_refused();
        agent
    }

    /// A container of the image as it lies here, created as a kubelet restarts one.
    pub fn create(&self) -> Result<String, String> {
        self.node.cri().create(&self.pod, &self.image_name)
    }

    /// A container that runs.
    #[track_caller]
    pub fn starts(&self) -> String {
        let container = self.create().unwrap();
        self.node.cri().start(&container);
        assert!(self.node.cri().runs(&container));
        container
    }

    /// What a kubelet is told in place of the container.
    #[track_caller]
    pub fn refused(&self) -> String {
        let said = self.create().unwrap_err();
        assert!(said.contains(REVOKED), "{said}");
        said
    }

    pub fn revoke(&self) {
        self.act("revoke");
    }

    pub fn reinstate(&self) {
        self.act("reinstate");
    }

    fn act(&self, verb: &str) {
        self.act_at(&self.site.gateway, verb);
    }

    /// `revoke` or `reinstate`, at another gateway of the same ledger.
    pub fn act_at(&self, gateway: &Gateway, verb: &str) {
        let name = self.site.upstream_name(&self.image);
        let act = [verb, &name, "--reason", "leaked key"];
        gateway.command(&act).expect_ok();
    }

    /// Asks again and again until it is so, and says how long that took.
    #[track_caller]
    pub fn becomes(&self, is: fn(&Self) -> Option<()>, what: &str) -> Duration {
        let begun = Instant::now();
        eventually(what, WITHIN, || is(self));
        begun.elapsed()
    }

    pub fn is_refused(&self) -> Option<()> {
        match self.create() {
            Err(said) => said.contains(REVOKED).then_some(()),
            Ok(made) => {
                self.node.cri().remove(&made);
                None
            }
        }
    }

    pub fn is_created(&self) -> Option<()> {
        self.create().ok().map(|made| self.node.cri().remove(&made))
    }

    /// What the gateway has on record of this node.
    pub fn decisions(&self) -> Vec<Value> {
        let list = ["decisions", "--output", "json"];
        let said = self.site.gateway.command(&list).expect_ok();
        let list: Value = serde_json::from_str(&said).unwrap();
        let all = list["decisions"].as_array().unwrap().clone();
        all.into_iter().filter(|it| it["door"] == "node").collect()
    }
}

/// As docs/nodes.md says.
fn make_keys(folder: &TempDir) -> Result<(), Missing> {
    let openssl = installed("openssl")?;
    let make = |arguments: &str| {
        let mut command = Command::new(&openssl);
        command
            .args(arguments.split(' '))
            .current_dir(folder.path());
        outcome(&mut command).expect_ok();
    };
    make("genpkey -algorithm ed25519 -out nodes.key");
    make("pkey -in nodes.key -pubout -out snapshot.pub");
    Ok(())
}
