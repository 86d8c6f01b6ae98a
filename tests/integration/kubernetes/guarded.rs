//! A cluster with Sekisho outside of it: the program itself, the webhook under its
//! own authority, and what `kubernetes manifests` prints applied by kubectl.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::lab::kubernetes::{ControlPlane, Kubectl, Sweeper, User, Version, shared};
use crate::lab::{Gateway, Image, Missing, Origin, Setup, Site, eventually, free_port};

/// Where names without a registry lie; it is the development registry once more.
pub const HUB: &str = "docker.io";
/// Where evidence that is missing stops nothing.
pub const AUDITED: &str = "audited";
/// Where they do.
pub const ENFORCED: &str = "enforced";
/// Until what was applied is in force.
const IN_FORCE: Duration = Duration::from_secs(30);
/// Until a decision is written.
const RECORDED_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Guarded {
    pub control: ControlPlane,
    pub site: Site,
    webhook: String,
    _sweeper: Sweeper,
}

impl Guarded {
    /// An API server with the webhooks in force and no policies; two of this process.
    pub fn shared(version: Version) -> Result<&'static Self, Missing> {
        static OLDER: OnceLock<Result<Guarded, Missing>> = OnceLock::new();
        static NEWEST: OnceLock<Result<Guarded, Missing>> = OnceLock::new();
        match version {
            Version::V1_34 => shared(&OLDER, || Self::with_webhooks(Version::V1_34)),
            Version::V1_37 => shared(&NEWEST, || Self::with_webhooks(Version::V1_37)),
        }
    }

    pub fn with_webhooks(version: Version) -> Result<Self, Missing> {
        let this = Self::around(ControlPlane::start(version)?, "")?;
        this.guard(&["webhooks"]);
        Ok(this)
    }

    /// Sekisho beside this cluster, of which it knows nothing yet. `keys` are further
    /// ones of `[[clusters]]`, as TOML lines.
    pub fn around(control: ControlPlane, keys: &str) -> Result<Self, Missing> {
        let webhook = format!("127.0.0.1:{}", free_port());
        let tables = tables(&control, &webhook, keys);
        let (development, production) = (Origin::start()?, Origin::start()?);
        let hub = format!("http://{}", development.address());
        let setup = Setup::new()
            .listener("exposure = \"internal\"\n")
            .upstream("development", development.address(), development.address())
            .upstream("production", production.address(), production.address())
            .upstream_with(HUB, HUB, &hub, "default = true")
            .tables(&tables);
        let gateway = Gateway::start(&setup);
        let folders = [gateway.folder(), development.folder(), production.folder()];
        let sweeper = Sweeper::over(&folders);
        let site = Site {
            development,
            production,
            gateway,
        };
        for namespace in [AUDITED, ENFORCED] {
            control.kubectl().create_namespace(namespace);
        }
        Ok(Self {
            control,
            site,
            webhook,
            _sweeper: sweeper,
        })
    }

    pub fn kubectl(&self) -> Kubectl {
        self.control.kubectl()
    }

    /// What the command prints of these parts, as YAML.
    pub fn manifests(&self, part: &str) -> String {
        let url = format!("https://{}", self.webhook);
        let version = match self.control.version() {
            Version::V1_34 => "1.34",
            Version::V1_37 => "1.37",
        };
        let print = ["kubernetes", "manifests", "--webhook-url", &url];
        let of = ["--kubernetes-version", version, "--only", part];
        let printed = self.site.gateway.command(&[&print[..], &of].concat());
        printed.expect_ok()
    }

    /// Applies these parts as they are printed, and waits until they are in force.
    pub fn guard(&self, parts: &[&str]) {
        for part in parts {
            let apply = ["apply", "--server-side"];
            let applied = self.kubectl().on_file(&apply, &self.manifests(part));
            applied.expect_ok();
        }
        self.until_refused();
        if parts.contains(&"webhooks") || self.control.version() == Version::V1_37 {
            self.until_rewritten();
        }
    }

    /// Until registries that are no upstreams are.
    pub fn until_refused(&self) {
        let stranger = pod(AUDITED, "probe", "unknown.example/x");
        let kubectl = self.kubectl();
        eventually("a refusal", IN_FORCE, || {
            (!kubectl.tried(&stranger).ok()).then_some(())
        });
    }

    pub fn until_rewritten(&self) {
        let gateway = self.site.gateway.address();
        eventually("a rewritten name", IN_FORCE, || {
            self.probed().contains(gateway).then_some(())
        });
    }

    /// Until what was deleted is no longer in force.
    pub fn until_left_alone(&self) {
        eventually("a name that stays", IN_FORCE, || {
            let made = self.probed();
            made.contains("\"nginx\"").then_some(())
        });
    }

    fn probed(&self) -> String {
        self.kubectl().tried(&pod(AUDITED, "probe", "nginx")).stdout
    }

    /// The name at the gateway of what Docker Hub would call `name`.
    pub fn named(&self, name: &str) -> String {
        format!("{}/{HUB}/{name}", self.site.gateway.address())
    }

    /// Scanned with nothing found, then promoted, as an image of the default upstream.
    pub fn admit(&self, image: &Image) {
        self.site.gateway.admit(HUB, image);
    }

    /// What the API server makes of this Pod, without keeping it.
    #[track_caller]
    pub fn tried(&self, pod: &str) -> Value {
        read(&self.kubectl().tried(pod).expect_ok())
    }

    /// The denial of this workload, once it is recorded.
    pub fn denial(&self, namespace: &str, workload: &str) -> Value {
        eventually("a recorded denial", RECORDED_WITHIN, || {
            let mut denials = self.denials(namespace).into_iter();
            denials.find(|one| one["workload"] == workload)
        })
    }

    /// The denials that are recorded for a namespace by now.
    pub fn denials(&self, namespace: &str) -> Vec<Value> {
        let list = ["denials", "--output", "json"];
        let list = read(&self.site.gateway.command(&list).expect_ok());
        let mut all = list["decisions"].as_array().unwrap().clone();
        all.retain(|one| one["namespace"] == namespace);
        all
    }
}

fn tables(control: &ControlPlane, webhook: &str, keys: &str) -> String {
    let kubeconfig = control.kubeconfig(User::Admin);
    format!(
        "[webhook]\naddress = \"{webhook}\"\n\
         [[clusters]]\nname = \"lab\"\nenvironment = \"production\"\ngateway = \"GATEWAY\"\n\
         nodes = \"mirror\"\nexposure = \"internal\"\nkubeconfig = \"{}\"\n\
         namespaces = [{{ match = [\"{AUDITED}\"], mode = \"audit\" }}]\n{keys}\n",
        kubeconfig.display()
    )
}

pub fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A Pod of one container.
pub fn pod(namespace: &str, name: &str, image: &str) -> String {
    super::cluster::pod(namespace, name, image)
}
