//! Two replicas over one PostgreSQL on a real node: whoever goes, nobody's pull fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::postgres::{PASSWORD, Postgres, Settings};
use crate::kubernetes::cluster::pod;
use crate::kubernetes::objects::program::program_image;
use crate::lab::kubernetes::{ControlPlane, Kubectl, Node};
use crate::lab::{Authority, Haproxy, Helm, Missing, Origin, free_port, get, or_skip};

const WITHIN: Duration = Duration::from_secs(180);
const DEPLOYMENT: [&str; 4] = ["deployment", "sekisho", "-n", "sekisho"];
const PODS: [&str; 5] = [
    "pods",
    "-n",
    "sekisho",
    "-l",
    "app.kubernetes.io/name=sekisho",
];
const PULLED: &str = "origin/team/sleeper:1";
const MANIFEST: &str = "/v2/origin/team/sleeper/manifests/1";

/// All that stands around the release.
struct Site {
    balancer: Haproxy,
    kubectl: Kubectl,
    helm: Helm,
    image: String,
    database: String,
    gateway: String,
    upstream: u16,
    ledger: u16,
    _authority: Authority,
    _node: Node,
    _server: Postgres,
    _origin: Origin,
    _control: ControlPlane,
}

impl Site {
    fn open() -> Result<Self, Missing> {
        let authority = Authority::create();
        let server = Postgres::start_with(Settings::default().tls(&authority))?;
        server.sql("postgres", "CREATE DATABASE gate OWNER sekisho");
        let origin = Origin::start()?;
        let image = program_image(&origin)?;
        let control = ControlPlane::with_controllers()?;
        let node = Node::join(&control, &origin)?;
        let kubectl = control.kubectl();
        let gateway = node.gateway();
        let [upstream, ledger] = [free_port(), free_port()];
        let balancer = Haproxy::start(&[
            (format!("{gateway}:{upstream}"), origin.port()),
            (format!("{gateway}:{ledger}"), server.port()),
        ])?;
        kubectl.create_namespace("sekisho");
        kubectl.applied(&secret(&authority).to_string());
        Ok(Self {
            balancer,
            helm: Helm::beside(&kubectl)?,
            kubectl,
            image,
            database: "gate".to_owned(),
            gateway,
            upstream,
            ledger,
            _authority: authority,
            _node: node,
            _server: server,
            _origin: origin,
            _control: control,
        })
    }

    /// The values, with a line that needs a restart.
    fn values(&self, record: &str) -> String {
        let Self {
            gateway,
            upstream,
            ledger,
            database,
            ..
        } = self;
        let config = format!(
            r#"data_dir = "/var/lib/sekisho"
[[listeners]]
address = "0.0.0.0:5080"
insecure = true
[webhook]
address = "0.0.0.0:5443"
tls = {{ certificate = "secrets/tls.crt", key = "secrets/tls.key" }}
[ops]
address = "0.0.0.0:5082"
[[clusters]]
name = "lab"
gateway = "{balancer}"
[[upstreams]]
name = "origin.example"
path = "origin"
url = "http://{gateway}:{upstream}"
default = true
[environments.production]
mode = "audit"
[ledger]
url = "postgres://sekisho@{gateway}:{ledger}/{database}?sslmode=verify-ca"
ca = "secrets/ca.crt"
password_file = "secrets/ledger-password"
[cache]
max_size = "1GiB"
min_free = "1MiB"
[audit]
record = "{record}"
"#,
            balancer = self.balancer.address()
        );
        let storage = json!({ "emptyDir": true });
        json!({ "image": self.image, "config": config, "storage": storage }).to_string()
    }

    /// The replicas' addresses by their names.
    fn replicas(&self) -> Vec<(String, String)> {
        let mut found = self.kubectl.get(&PODS).unwrap();
        let Value::Array(pods) = found["items"].take() else {
            return Vec::new();
        };
        let text = |pod: &Value, at: &str| Some(pod.pointer(at)?.as_str()?.to_owned());
        pods.iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .filter_map(|pod| Some((text(pod, "/metadata/name")?, text(pod, "/status/podIP")?)))
            .collect()
    }

    /// Tells the load balancer of who is there, and does not end.
    fn look(&mut self) {
        let addresses = self.replicas().into_iter().map(|(_, address)| address);
        self.balancer.lead_to(&addresses.collect::<Vec<_>>());
    }

    /// Goes on with that until two are available and `is` holds.
    fn follow(&mut self, what: &str, is: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + WITHIN;
        loop {
            self.look();
            let deployment = self.kubectl.get(&DEPLOYMENT).unwrap();
            if rolled_out(&deployment) && is(&deployment) {
                return;
            }
            assert!(Instant::now() < deadline, "{what}: {deployment:#}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn asked_of_each(&self) -> Vec<u64> {
        let statistics = self.balancer.statistics();
        let ours = statistics
            .lines()
            .filter(|line| line.starts_with("registry,s"));
        let total = |line: &str| line.split(',').nth(7).and_then(|field| field.parse().ok());
        ours.filter_map(total).filter(|total| *total > 0).collect()
    }
}

fn rolled_out(deployment: &Value) -> bool {
    let status = &deployment["status"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && status["updatedReplicas"] == 2
        && status["availableReplicas"] == 2
        && status["replicas"] == 2
}

fn secret(authority: &Authority) -> Value {
    let (certificate, key) = authority.leaf("registry.example");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "sekisho-secrets", "namespace": "sekisho" },
        "stringData": {
            "tls.crt": read(&certificate),
            "tls.key": read(&key),
            "ca.crt": read(&authority.certificate()),
            "ledger-password": PASSWORD,
        },
    })
}

/// Pulls a manifest again and again, over a new connection each time, until it is dropped.
struct Load {
    ends: Arc<AtomicBool>,
    pulls: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
}

impl Load {
    fn begin(address: String) -> Self {
        let this = Self {
            ends: Arc::default(),
            pulls: Arc::default(),
            failed: Arc::default(),
        };
        for _ in 0..2 {
            let (ends, address) = (this.ends.clone(), address.clone());
            let (pulls, failed) = (this.pulls.clone(), this.failed.clone());
            thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    if let Some(told) = failure(&address) {
                        failed.lock().unwrap().push(told);
                    }
                    pulls.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
        this
    }

    /// How many, and those that failed.
    fn end(self) -> (usize, Vec<String>) {
        self.ends.store(true, Ordering::Relaxed);
        let failed = std::mem::take(&mut *self.failed.lock().unwrap());
        (self.pulls.load(Ordering::Relaxed), failed)
    }
}

fn failure(address: &str) -> Option<String> {
    let began = Instant::now();
    let answer = get(address, MANIFEST);
    if answer.as_ref().is_some_and(|it| it.status == 200) {
        return None;
    }
    let told = answer.map(|it| format!("{} {}", it.status, it.text()));
    Some(format!("after {:?}: {told:?}", began.elapsed()))
}

/// Makes a Pod of an image that is pulled anew, through the load balancer.
fn make(site: &mut Site, name: &str) {
    let image = format!("{}/{PULLED}", site.balancer.address());
    let text =
        pod("default", name, &image).replace("name: main,", "name: main, imagePullPolicy: Always,");
    site.kubectl.applied(&text);
    site.look();
}

#[test]
fn no_pull_fails_while_a_replica_is_deleted_and_while_all_are_replaced() {
    let mut site = or_skip!(Site::open());
    site.helm.install(&site.values("changes"), &[]).expect_ok();
    site.follow("both replicas answer", |_| true);
    let address = site.balancer.address();
    crate::lab::eventually("the load balancer finds a gateway", WITHIN, || {
        get(&address, MANIFEST).filter(|it| it.status == 200)
    });
    let load = Load::begin(address);
    let first = site.kubectl.get(&DEPLOYMENT).unwrap();

    let (gone, _) = site.replicas().swap_remove(0);
    let delete = ["delete", "pod", "-n", "sekisho", "--wait=false", &gone];
    site.kubectl.run(&delete).expect_ok();
    for number in 0..4 {
        make(&mut site, &format!("meanwhile-{number}"));
    }
    site.follow("another one takes its place", |_| true);
    assert!(site.replicas().iter().all(|(name, _)| *name != gone));

    site.helm
        .install(&site.values("all"), &["--no-hooks"])
        .expect_ok();
    for number in 4..8 {
        make(&mut site, &format!("meanwhile-{number}"));
    }
    site.follow("all are replaced", |now| {
        now["metadata"]["generation"] != first["metadata"]["generation"]
    });
    for number in 0..8 {
        let name = format!("meanwhile-{number}");
        site.kubectl.wait(&["pod", &name], WITHIN, |pod| {
            pod["status"]["phase"] == "Running"
        });
    }
    let (pulls, failed) = load.end();
    assert_eq!(failed, [""; 0], "of {pulls}");
    assert!(pulls > 100, "{pulls}");
    assert!(
        site.asked_of_each().len() >= 4,
        "{:?}",
        site.asked_of_each()
    );
    let events = site.kubectl.get(&["events"]).unwrap().to_string();
    assert!(!events.contains("Failed to pull"), "{events}");
}
