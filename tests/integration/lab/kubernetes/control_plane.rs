//! etcd and an API server, with the controllers and the scheduler where Pods are
//! to run.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::identities::Identities;
use super::kubectl::paced;
use super::{Kubectl, Sweeper, User, Version};
use crate::lab::{Missing, Part, eventually, free_port, get, installed};

const SETTLED_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct ControlPlane {
    controllers: Vec<Part>,
    api: Part,
    etcd: Part,
    /// How the two before were started.
    commands: Commands,
    version: Version,
    address: String,
    identities: Identities,
    _sweeper: Sweeper,
    folder: TempDir,
}

#[derive(Debug)]
struct Commands {
    api: Command,
    etcd: Command,
    /// Where etcd answers.
    clients: String,
}

impl ControlPlane {
    /// An API server that asks for no service accounts, so that Pods can be created
    /// in any namespace at once. Nobody runs them.
    pub fn start(version: Version) -> Result<Self, Missing> {
        Self::start_with(version, &["--disable-admission-plugins=ServiceAccount"])
    }

    /// The whole control plane, ready for Pods in `default`.
    pub fn with_controllers() -> Result<Self, Missing> {
        let version = Version::V1_37;
        let programs = [
            version.program("kube-controller-manager")?,
            version.program("kube-scheduler")?,
        ];
        let mut this = Self::start_with(version, &[])?;
        for program in programs {
            let part = this.controller(&program);
            this.controllers.push(part);
        }
        let kubectl = this.kubectl();
        eventually("the default service account", SETTLED_WITHIN, || {
            paced(kubectl.get(&["serviceaccount", "default"]))
        });
        Ok(this)
    }

    /// An API server with further flags.
    pub fn start_with(version: Version, flags: &[&str]) -> Result<Self, Missing> {
        let programs = (installed("etcd")?, version.program("kube-apiserver")?);
        Version::V1_37.program("kubectl")?;
        let folder = tempfile::tempdir().unwrap();
        let identities = Identities::create(folder.path());
        let sweeper = Sweeper::over(&[folder.path(), &identities.certificates()]);
        let address = format!("127.0.0.1:{}", free_port());
        let (etcd, clients) = etcd(&programs.0, &folder);
        let mut api = Command::new(&programs.1);
        let database = format!("http://{clients}");
        api.args(api_flags(&identities, &address, &database))
            .args(flags);
        let commands = Commands { api, etcd, clients };
        let mut this = Self {
            controllers: Vec::new(),
            etcd: commands.start_etcd(folder.path()),
            api: commands.start_api(folder.path()),
            commands,
            version,
            address,
            identities,
            _sweeper: sweeper,
            folder,
        };
        this.answers();
        Ok(this)
    }

    /// Kills the API server and etcd without a warning, and starts them
    /// again on what they had stored.
    pub fn crash_and_restart(&mut self) {
        self.api.kill();
        self.etcd.kill();
        self.etcd = self.commands.start_etcd(self.folder.path());
        self.api = self.commands.start_api(self.folder.path());
        self.answers();
    }

    fn answers(&mut self) {
        let (kubectl, address) = (self.kubectl(), &self.address);
        self.api.ready(|| {
            TcpStream::connect(address).ok()?;
            let ready = kubectl.run(&["get", "--raw", "/readyz"]);
            paced(ready.ok().then_some(()))
        });
    }

    fn controller(&self, program: &Path) -> Part {
        let name = program.file_name().unwrap().to_str().unwrap();
        let kubeconfig = self.kubeconfig(User::Admin);
        let mut command = Command::new(program);
        command.args(["--leader-elect=false", "--secure-port=0", "--kubeconfig"]);
        command.arg(kubeconfig);
        if name == "kube-controller-manager" {
            let key = self.identities.file("service-accounts.key");
            command
                .arg("--service-account-private-key-file")
                .arg(key)
                .arg("--root-ca-file")
                .arg(self.identities.authority());
        }
        Part::start(
            name,
            &command,
            &self.folder.path().join(format!("{name}.log")),
        )
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn kubeconfig(&self, user: User) -> PathBuf {
        self.identities.kubeconfig(&self.address, user)
    }

    /// A kubeconfig for whomever this token names, such as a service account that
    /// `kubectl create token` speaks for. `name` names the file.
    pub fn kubeconfig_of(&self, name: &str, token: &str) -> PathBuf {
        self.identities.kubeconfig_of(&self.address, name, token)
    }

    /// kubectl as the admin.
    pub fn kubectl(&self) -> Kubectl {
        self.kubectl_as(User::Admin)
    }

    pub fn kubectl_as(&self, user: User) -> Kubectl {
        self.kubectl_by(self.kubeconfig(user))
    }

    /// kubectl by a kubeconfig of [`Self::kubeconfig_of`].
    pub fn kubectl_by(&self, kubeconfig: PathBuf) -> Kubectl {
        Kubectl::with(kubeconfig).unwrap_or_else(|missing| panic!("{missing:?}"))
    }
}

impl Commands {
    fn start_etcd(&self, folder: &Path) -> Part {
        let mut part = Part::start("etcd", &self.etcd, &folder.join("etcd.log"));
        part.ready(|| get(&self.clients, "/health").filter(|answer| answer.status == 200));
        part
    }

    fn start_api(&self, folder: &Path) -> Part {
        Part::start("kube-apiserver", &self.api, &folder.join("api.log"))
    }
}

/// An etcd in the folder, and the address where it answers. It keeps nothing for
/// later than the end of its machine, so it need not wait for the disk.
fn etcd(program: &Path, folder: &TempDir) -> (Command, String) {
    let [clients, peers] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let [client_url, peer_url] = [&clients, &peers].map(|address| format!("http://{address}"));
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(folder.path().join("etcd"));
    command.arg("--unsafe-no-fsync").args([
        format!("--listen-client-urls={client_url}"),
        format!("--advertise-client-urls={client_url}"),
        format!("--listen-peer-urls={peer_url}"),
        format!("--initial-advertise-peer-urls={peer_url}"),
        format!("--initial-cluster=default={peer_url}"),
    ]);
    (command, clients)
}

fn api_flags(identities: &Identities, address: &str, database: &str) -> Vec<String> {
    let (host, port) = address.split_once(':').unwrap();
    let file = |name: &str| identities.file(name).display().to_string();
    let (certificate, key) = &identities.server;
    vec![
        format!("--etcd-servers={database}"),
        format!("--bind-address={host}"),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", certificate.display()),
        format!("--tls-private-key-file={}", key.display()),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!(
            "--service-account-signing-key-file={}",
            file("service-accounts.key")
        ),
        format!(
            "--service-account-key-file={}",
            file("service-accounts.pub")
        ),
        "--service-cluster-ip-range=10.96.0.0/24".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
    ]
}
