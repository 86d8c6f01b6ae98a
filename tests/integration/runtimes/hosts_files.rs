//! `hosts.toml` as containerd itself reads it, in three generations: what `node-config`
//! writes leads to the gateway, and what `doctor node` calls closed none of them opens.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{
    Authority, Containerd, Gateway, Missing, Outcome, Release, Setup, or_skip, outcome, run,
};

/// Stands where a registry would be, and counts who connects.
struct Registry {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl Registry {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // Ends with the test process; it holds nothing but its socket.
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            }
        });
        Self { address, asked }
    }

    /// How many connections came while `work` ran.
    fn asked_while<T>(&self, work: impl FnOnce() -> T) -> (T, usize) {
        let before = self.asked.load(Ordering::SeqCst);
        let done = work();
        (done, self.asked.load(Ordering::SeqCst) - before)
    }
}

/// A containerd of each release, in that order.
fn generations() -> Result<Vec<Containerd>, Missing> {
    Release::ALL.into_iter().map(Containerd::start).collect()
}

/// A node's folder: `config.toml`, and the `certs.d` that it names.
struct Node {
    folder: TempDir,
}

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certs = folder.path().join("certs.d");
        fs::create_dir(&certs).unwrap();
        let registry = "[plugins.\"io.containerd.grpc.v1.cri\".registry]";
        let config = format!(
            "version = 2\n{registry}\nconfig_path = \"{}\"\n",
            certs.display()
        );
        fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder }
    }

    fn certs(&self) -> PathBuf {
        self.folder.path().join("certs.d")
    }

    fn write_default(&self, text: &str) {
        let folder = self.certs().join("_default");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("hosts.toml"), text).unwrap();
    }

    /// As an administrator does it: written elsewhere, then brought to the node.
    fn configure(&self, arguments: &[&str]) {
        let elsewhere = tempfile::tempdir().unwrap();
        let output = elsewhere.path().join("staged");
        let line = [
            "node-config",
            "containerd",
            "--output",
            output.to_str().unwrap(),
        ];
        run(&[&line[..], arguments].concat()).expect_ok();
        fs::remove_dir(self.certs()).unwrap();
        fs::rename(&output, self.certs()).unwrap();
    }

    fn doctor(&self, containerd: &Containerd, arguments: &[&str]) -> Outcome {
        let path = std::env::var("PATH").unwrap_or_default();
        outcome(
            Command::new(env!("CARGO_BIN_EXE_sekisho"))
                .args([
                    "doctor",
                    "node",
                    "--runtime",
                    "containerd",
                    "--output",
                    "json",
                ])
                .arg("--containerd-config")
                .arg(self.folder.path().join("config.toml"))
                .arg("--containerd-address")
                .arg(containerd.socket())
                .args(arguments)
                .env(
                    "PATH",
                    format!("{}:{path}", containerd.programs().display()),
                ),
        )
    }
}

fn body(said: &Outcome) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}", said.text()))
}

fn tls(certificate: &Path, key: &Path) -> String {
    let [certificate, key] = [certificate, key].map(|file| file.display().to_string());
    format!("tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n")
}

/// A gateway with TLS at `host`, in front of nothing.
fn gateway(authority: &Authority, host: &str) -> Gateway {
    let (certificate, key) = authority.leaf(host.trim_matches(['[', ']']));
    Gateway::start(&Setup::new().host(host).listener(&tls(&certificate, &key)))
}

#[test]
fn every_containerd_reaches_an_ipv6_gateway_and_nothing_else() {
    let releases = or_skip!(generations());
    let registry = Registry::open();
    let image = format!("{}/team/app:1", registry.address);
    let plain = Gateway::start(&Setup::new().host("[::1]"));
    let authority = Authority::create();
    let secure = gateway(&authority, "[::1]");
    let ca = authority.certificate().display().to_string();
    let urls = [
        (format!("http://{}", plain.address()), vec![]),
        (format!("https://{}", secure.address()), vec!["--ca", &*ca]),
    ];
    for (url, ca) in urls {
        let node = Node::new();
        node.configure(&[&["--gateway", &*url][..], &ca].concat());
        for containerd in &releases {
            let pull = || containerd.pull_with_hosts(&node.certs(), &image);
            let (pulled, asked) = registry.asked_while(pull);
            let denied = pulled.expect_failure();
            assert!(denied.contains("sekisho: "), "{url}: {denied}");
            assert_eq!(asked, 0, "{url}: {denied}");
            let report = body(&node.doctor(containerd, &[]));
            assert_eq!(report["closed"], true, "{report:#}");
            assert_eq!(report["gateway"], url);
        }
    }
}

/// What stands in `_default/hosts.toml`, for a gateway G and another place F.
const FILES: [&str; 34] = [
    "server = \"G\"\n[host.\"G\"]\n",
    "server = \"G\"\r\n[host.\"G\"]\r\n",
    "server = \"G\"\n[ host . 'G' ] # it's \"odd ] [\n\tskip_verify = false\n",
    "server = \"G\"\n[host]\n\"G\" = {}\n",
    "server = \"G\"\nhost = { \"G\" = { override_path = false } }\n",
    "server = \"G/v2/\"\n[host.\"G\"]\n",
    "server = \"G\"\n[host.\"G\"]\ncapabilities = [\n \"PULL\", # one\n \"resolve\",\n]\n",
    "server = \"G\"\n[host.\"G\"]\n[host.\"G\".header]\nx = [\"a\"]\ny = \"b\"\n",
    "server = \"G\"\n[host.\"G\"]\ndial_timeout = \"1m30s\"\n",
    "server = \"G\"\n[[other]]\na = \"\"\"x\n\"\"\"\n[host.\"G\"]\n",
    "server = \"G\"\n",
    "server = \"G\"\n[host]\n",
    "[host.\"G\"]\n",
    "server = \"G\"\n[host.\"G\"]\n[host.\"G\"]\n",
    "\u{feff}server = \"G\"\n[host.\"G\"]\n",
    "server = \"G\"\nx = { a = 1, }\n[host.\"G\"]\n",
    "server = \"G\"\nx = \"\\e\"\n[host.\"G\"]\n",
    "server = \"G\"\nx = \"\\x41\"\n[host.\"G\"]\n",
    "server = \"G\"\nx = 2026-01-01\n[host.\"G\"]\n",
    "server = \"G\"\nServer = \"F\"\n[host.\"G\"]\n",
    "server = \"G\"\nCA = 7\n[host.\"G\"]\n",
    "server = \"G\"\n[host.\"http:\\u002f/G\"]\n",
    "server = \"G\"\n[host.\"http://[::1]:9\"]\n[host.\"G\"]\n",
    "server = \"G\"\n[host.\"G\"]\nca = 7\n",
    "server = \"G\"\n[host.\"G\"]\nclient = [[\"a\", \"b\", \"c\"]]\n",
    "server = \"G\"\n[host.\"G\"]\nheader = { x = 7 }\n",
    "server = \"G\"\n[host.\"G\"]\ndial_timeout = \"5\"\n",
    "server = \"G\"\n[host.\"G\"]\ncapabilities = [\"pull\", \"referrers\"]\n",
    "server = \"G\"\n[host.\"G\"]\nskip_verify = \"true\"\n",
    "server = \"httpgate:5080\"\n[host.\"G\"]\n",
    "server = \" G\"\n[host.\"G\"]\n",
    "server = 'http:\\\\127.0.0.1:9'\n[host.\"G\"]\n",
    "server = \"http:/127.0.0.1:9\"\n[host.\"G\"]\n",
    "server = \"G/%zz\"\n[host.\"G\"]\n",
];

/// How many of [`FILES`], from the first, every release reads as they are meant.
const GOOD_FILES: usize = 10;

#[test]
fn what_the_doctor_calls_closed_no_containerd_opens() {
    let releases = or_skip!(generations());
    let (registry, other) = (Registry::open(), Registry::open());
    let image = format!("{}/team/app:1", registry.address);
    let gateway = Gateway::start(&Setup::new());
    let url = format!("http://{}", gateway.address());
    let node = Node::new();
    for (index, file) in FILES.into_iter().enumerate() {
        let text = file.replace('F', &format!("http://{}", other.address));
        node.write_default(&text.replace('G', &url));
        let report = body(&node.doctor(&releases[0], &["--files-only", "--gateway", &url]));
        let opened: usize = releases
            .iter()
            .map(|containerd| {
                let pull = || containerd.pull_with_hosts(&node.certs(), &image);
                let (((), own), others) = other.asked_while(|| {
                    registry.asked_while(|| {
                        pull().expect_failure();
                    })
                });
                own + others
            })
            .sum();
        let closed = report["closed"] == true;
        assert!(!closed || opened == 0, "{file}: {report:#}");
        assert_eq!(closed, index < GOOD_FILES, "{file}: {report:#}");
    }
}

#[test]
fn an_open_form_is_open_on_a_containerd_that_cannot_read_it() {
    let releases = or_skip!(generations());
    let gateway = Gateway::start(&Setup::new().host("[::1]"));
    let url = format!("http://{}", gateway.address());
    let registry = Registry::open();
    let image = format!("{}/team/app:1", registry.address);
    let node = Node::new();
    node.write_default(&format!("server = \"{url}\"\n[host.\"{url}\"]\n"));
    let asked = releases.iter().map(|containerd| {
        let pull = || containerd.pull_with_hosts(&node.certs(), &image);
        let (pulled, asked) = registry.asked_while(pull);
        pulled.expect_failure();
        asked > 0
    });
    assert_eq!(asked.collect::<Vec<_>>(), [true, true, false]);
    let report = body(&node.doctor(&releases[2], &["--files-only", "--gateway", &url]));
    assert_eq!(report["closed"], false, "{report:#}");
    let found = &report["findings"][0];
    assert!(
        found["what"].as_str().unwrap().contains("bracket"),
        "{report:#}"
    );
    assert!(
        found["why"].as_str().unwrap().contains("1.6 and 1.7"),
        "{report:#}"
    );
}

/// The code of the cause of each pull that proved nothing.
fn causes(report: &Value) -> Vec<&str> {
    let proofs = report["proofs"].as_array().unwrap().iter();
    let unproven = proofs.filter(|proof| proof["outcome"] == "unproven");
    unproven
        .map(|proof| proof["cause"]["code"].as_str().unwrap_or("none"))
        .collect()
}

#[test]
fn the_doctor_names_the_ca_when_it_is_the_ca() {
    let releases = or_skip!(generations());
    let (authority, stranger) = (Authority::create(), Authority::create());
    let mut gateway = gateway(&authority, "127.0.0.1");
    let url = format!("https://{}", gateway.address());
    let (good, other) = (authority.certificate(), stranger.certificate());
    let cause = |arguments: &[&str], containerd: &Containerd| {
        let node = Node::new();
        node.configure(arguments);
        let report = body(&node.doctor(containerd, &[]));
        assert_eq!(report["closed"], false, "{report:#}");
        let codes = causes(&report);
        assert!(!codes.is_empty(), "{report:#}");
        assert!(codes.iter().all(|code| *code == codes[0]), "{report:#}");
        codes[0].to_owned()
    };
    let other = other.to_str().unwrap();
    let nowhere = "http://127.0.0.1:1";
    for containerd in &releases {
        assert_eq!(cause(&["--gateway", &url], containerd), "untrusted-ca");
        let wrong = ["--gateway", &url, "--ca", other];
        assert_eq!(cause(&wrong, containerd), "untrusted-ca");
        let absent = ["--gateway", &url, "--ca", "/nonexistent/ca.crt"];
        assert_eq!(cause(&absent, containerd), "unreadable-ca");
        assert_eq!(
            cause(&["--gateway", nowhere], containerd),
            "connection-refused"
        );
    }
    let port = gateway.address().rsplit_once(':').unwrap().1.to_owned();
    let named = format!("https://localhost:{port}");
    let right = ["--gateway", &named, "--ca", good.to_str().unwrap()];
    assert_eq!(cause(&right, &releases[2]), "certificate-name");
    gateway.kill();
    let right = ["--gateway", &url, "--ca", good.to_str().unwrap()];
    assert_eq!(cause(&right, &releases[0]), "connection-refused");
}
