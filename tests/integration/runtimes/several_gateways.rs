//! Nodes that name two gateways, by the files that `node-config` wrote: the next one is
//! tried where one is down, and what both deny comes from nowhere else.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::lab::{
    Containerd, Docker, Gateway, Image, Origin, Outcome, Podman, Release, Setup, or_skip, outcome,
    run,
};

/// Two gateways in front of one registry; nothing is scanned.
struct Pair {
    origin: Origin,
    gateways: [Gateway; 2],
}

/// What became of the first gateway.
#[derive(Debug)]
enum First {
    /// Its process is dead, so that nothing listens.
    Dead,
    /// It is another program, which answers everything with an error.
    Broken,
    /// Its machine is gone: connections do not even open.
    Gone,
}

impl Pair {
    fn open() -> Result<Self, crate::lab::Missing> {
        let origin = Origin::start()?;
        let setup = Setup::new().upstream("development", origin.address(), origin.address());
        let gateways = [Gateway::start(&setup), Gateway::start(&setup)];
        Ok(Self { origin, gateways })
    }

    fn image(&self, repository: &str) -> Image {
        self.origin.image(repository, "1")
    }

    fn name(&self, image: &Image) -> String {
        format!("{}/{}", self.origin.address(), image.by_tag())
    }

    /// At both, as if they judged by one ledger.
    fn admit(&self, image: &Image) {
        for gateway in &self.gateways {
            gateway.admit(self.origin.address(), image);
        }
    }

    fn urls(&self) -> [String; 2] {
        [0, 1].map(|index| format!("http://{}", self.gateways[index].address()))
    }

    /// The files of a node, and the paths that were written.
    fn node(&self, runtime: &str, first: &str) -> (TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let [_, second] = self.urls();
        let registry = format!("{}=development", self.origin.address());
        let written = run(&[
            "node-config",
            runtime,
            "--gateway",
            first,
            "--gateway",
            &second,
            "--registry",
            &registry,
            "--output",
            folder.path().to_str().unwrap(),
        ])
        .expect_ok();
        let written = written.lines().map(PathBuf::from).collect();
        (folder, written)
    }
}

/// What stands at the first gateway's place while a node pulls.
struct Place {
    url: String,
    /// A listener whose queue is full, with what fills it.
    _held: Option<(Socket, Vec<TcpStream>)>,
}

impl First {
    /// Lets it happen to the first gateway; where that is another place, its address.
    fn happen(&self, gateway: &mut Gateway) -> Place {
        let url = format!("http://{}", gateway.address());
        match self {
            Self::Dead => gateway.kill(),
            Self::Broken => return broken(),
            Self::Gone => return gone(),
        }
        Place { url, _held: None }
    }
}

/// A server that answers everything with an error.
fn broken() -> Place {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Ends with the test process; it holds nothing but its socket.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let answer =
                b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer);
        }
    });
    Place { url, _held: None }
}

/// An address at which the kernel drops what asks for a connection.
fn gone() -> Place {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let patience = std::time::Duration::from_millis(300);
    let fill = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok());
    let filled: Vec<_> = fill.take(8).collect();
    assert!(filled.len() < 8, "the queue takes everything");
    Place {
        url: format!("http://{address}"),
        _held: Some((socket, filled)),
    }
}

const DOWN: [First; 2] = [First::Broken, First::Dead];
/// An older containerd and podman wait half a minute and more for each connection to a
/// machine that is gone, which nobody can tell them to do otherwise.
const DOWN_OR_GONE: [First; 3] = [First::Broken, First::Dead, First::Gone];

/// One denied and one admitted pull at each way in which the first can fail.
fn without_the_first(
    (runtime, agent): (&str, &str),
    ways: &[First],
    pull: impl Fn(&[PathBuf], &Path, &str) -> Outcome,
) {
    for first in ways {
        let mut pair = match Pair::open() {
            Ok(pair) => pair,
            Err(missing) => return missing.skip(),
        };
        let (denied, admitted) = (pair.image("team/other"), pair.image("team/app"));
        pair.admit(&admitted);
        let place = first.happen(&mut pair.gateways[0]);
        let (folder, written) = pair.node(runtime, &place.url);
        pull(&written, folder.path(), &pair.name(&denied)).expect_failure();
        pull(&written, folder.path(), &pair.name(&admitted)).expect_ok();
        let asked = pair.origin.requests_by(agent);
        assert!(asked.is_empty(), "{first:?}: {asked:#?}");
    }
}

fn with_containerd(release: Release, ways: &[First]) {
    let containerd = or_skip!(Containerd::start(release));
    without_the_first(("containerd", "containerd/"), ways, |_, folder, name| {
        let pulled = containerd.pull_with_hosts(folder, name);
        containerd.ctr(&["image", "rm", "--sync", name]);
        pulled
    });
}

#[test]
fn containerd_1_6_goes_on_at_the_second_gateway_and_nowhere_else() {
    with_containerd(Release::Debian, &DOWN);
}

#[test]
fn containerd_1_7_goes_on_at_the_second_gateway_and_nowhere_else() {
    with_containerd(Release::V1_7, &DOWN);
}

#[test]
fn containerd_2_4_goes_on_at_the_second_gateway_and_nowhere_else() {
    with_containerd(Release::V2_4, &DOWN_OR_GONE);
}

#[test]
fn podman_goes_on_at_the_second_gateway_and_nowhere_else() {
    let podman = or_skip!(Podman::find());
    without_the_first(("podman", "containers/"), &DOWN, |written, _, name| {
        podman.pull_with(&written[0], name)
    });
}

#[test]
fn both_gateways_deny_before_any_registry_is_asked() {
    let pair = or_skip!(Pair::open());
    let image = pair.image("team/app");
    let [first, _] = pair.urls();
    let (hosts, _) = pair.node("containerd", &first);
    for release in Release::ALL {
        let containerd = or_skip!(Containerd::start(release));
        let pulled = containerd.pull_with_hosts(hosts.path(), &pair.name(&image));
        let denied = pulled.expect_failure();
        assert!(denied.contains("sekisho: not-scanned"), "{denied}");
    }
    let podman = or_skip!(Podman::find());
    let (_files, written) = pair.node("podman", &first);
    let denied = podman.pull_with(&written[0], &pair.name(&image));
    let denied = denied.expect_failure();
    assert!(denied.contains("sekisho: not-scanned"), "{denied}");
    for agent in ["containerd/", "containers/"] {
        let asked = pair.origin.requests_by(agent);
        assert!(asked.is_empty(), "{asked:#?}");
    }
}

#[test]
fn docker_tries_each_mirror_of_its_list() {
    let origin = or_skip!(Origin::start());
    let setup = Setup::new()
        .upstream("docker.io", "docker.io", origin.address())
        .listener("mirror_of = \"docker.io\"\n");
    let mut gateways = [Gateway::start(&setup), Gateway::start(&setup)];
    let image = origin.image("team/app", "1");
    gateways[1].admit("docker.io", &image);
    gateways[0].kill();
    let [first, second] = [0, 1].map(|index| gateways[index].address().to_owned());
    let mirrors = format!("{{\"registry-mirrors\": [\"http://{first}\", \"http://{second}\"]}}");
    let docker = or_skip!(Docker::start_with(&mirrors));
    docker.pull("team/other:1").expect_failure();
    docker.pull("team/app:1").expect_ok();
    let asked = origin.requests_by("docker/");
    assert!(asked.is_empty(), "{asked:#?}");
}

#[test]
fn the_doctor_calls_two_gateways_closed_and_a_third_host_open() {
    let pair = or_skip!(Pair::open());
    let [first, second] = pair.urls();
    let (hosts, _) = pair.node("containerd", &first);
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("config.toml");
    let text = format!(
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"{}\"\n",
        hosts.path().display()
    );
    fs::write(&file, text).unwrap();
    for release in Release::ALL {
        let containerd = or_skip!(Containerd::start(release));
        let doctor = |gateways: &[&str]| -> Value {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sekisho"));
            command.args(["doctor", "node", "--runtime", "containerd"]);
            command.args(["--output", "json"]).args(gateways);
            command.arg("--containerd-config").arg(&file);
            command.arg("--containerd-address").arg(containerd.socket());
            let path = std::env::var("PATH").unwrap_or_default();
            let programs = containerd.programs().display();
            command.env("PATH", format!("{programs}:{path}"));
            let said = outcome(&mut command);
            serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{}", said.text()))
        };
        let both = doctor(&["--gateway", &first, "--gateway", &second]);
        assert_eq!(both["closed"], true, "{both:#}");
        assert_eq!(both["gateways"], serde_json::json!([first, second]));
        let one = doctor(&["--gateway", &first, "--files-only"]);
        assert_eq!(one["closed"], false, "{one:#}");
        assert!(one.to_string().contains("another [host]"), "{one:#}");
    }
}
