//! A CA that changes while the API server asks: announced, published, in use.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sekisho::tls::authority::{Authority, Files, Lifetimes};

use super::guarded::{AUDITED, Guarded, pod};
use crate::lab::kubernetes::{ControlPlane, Kubectl, Version};
use crate::lab::{Missing, eventually, or_skip};

const SHOWN_WITHIN: Duration = Duration::from_secs(60);
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);
const EXPIRY: &str = "sekisho_certificate_expiry_seconds";

/// A cluster whose Pods wait for the webhook, and the folder of its authority.
struct Lab {
    cluster: Guarded,
    folder: PathBuf,
}

impl Lab {
    fn start() -> Result<Self, Missing> {
        let control = ControlPlane::start(Version::V1_37)?;
        let cluster = Guarded::around(control, "failure_policy = \"fail\"")?;
        cluster.guard(&["webhooks"]);
        let folder = cluster.site.gateway.data().join("authority");
        Ok(Self { cluster, folder })
    }

    fn stored(&self) -> Authority {
        let entries = fs::read_dir(self.folder.join("current")).unwrap();
        let read = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        };
        let files: Files = entries.map(Result::unwrap).map(read).collect();
        Authority::from_files(&files).unwrap().unwrap()
    }

    /// As another program of the same authority stores it.
    fn store(&self, name: &str, authority: &Authority) {
        let folder = self.folder.join(name);
        fs::create_dir(&folder).unwrap();
        for (file, contents) in authority.to_files() {
            fs::write(folder.join(file), contents).unwrap();
        }
        symlink(name, self.folder.join(".link")).unwrap();
        fs::rename(self.folder.join(".link"), self.folder.join("current")).unwrap();
    }

    /// Until the program shows a certificate that is valid for longer than its own.
    fn until_shown(&self) {
        let (gateway, year) = (&self.cluster.site.gateway, YEAR.as_secs_f64());
        eventually("the other certificate", SHOWN_WITHIN, || {
            (gateway.metric(EXPIRY, "") > year).then_some(())
        });
    }
}

/// Under which the steps of five years are due within seconds.
fn terms() -> Lifetimes {
    Lifetimes {
        leaf: YEAR * 15,
        authority: YEAR * 20,
        overlap: SignedDuration::from_secs(1),
        backdate: YEAR * 4 + SignedDuration::from_hours(1),
    }
}

/// The next step of an authority, as if four years had passed.
fn stepped(authority: &Authority, after: SignedDuration) -> Authority {
    let now = Timestamp::now() + YEAR * 4 + after;
    let names = authority.names().clone();
    authority.rotated(&names, &terms(), now).unwrap().unwrap()
}

/// Whatever became of Pods that were tried until the end, if they were not made.
fn failures(kubectl: &Kubectl, ends: &AtomicBool) -> (usize, Vec<String>) {
    let (mut tried, mut failures) = (0, Vec::new());
    while !ends.load(Ordering::Relaxed) {
        let outcome = kubectl.tried(&pod(AUDITED, "loop", "user/app:1"));
        tried += 1;
        if !outcome.ok() {
            failures.push(outcome.text());
        }
    }
    (tried, failures)
}

#[test]
fn no_pod_fails_while_the_authority_changes_under_load() {
    let mut lab = or_skip!(Lab::start());
    let (ends, kubectl) = (AtomicBool::new(false), lab.cluster.kubectl());
    let announced = stepped(&lab.stored(), SignedDuration::ZERO);
    let changed = stepped(&announced, SignedDuration::from_secs(5));
    assert!(announced.bundle().contains(&changed_ca(&changed)));
    let (tried, failures) = thread::scope(|scope| {
        let load = scope.spawn(|| failures(&kubectl, &ends));
        lab.store("announced", &announced);
        lab.cluster.guard(&["webhooks"]);
        lab.store("changed", &changed);
        lab.until_shown();
        lab.cluster.until_rewritten();
        ends.store(true, Ordering::Relaxed);
        load.join().unwrap()
    });
    assert!(tried > 10, "{tried}");
    assert_eq!(failures, Vec::<String>::new());
    // Its connections are made anew, under the CA that it was told of before.
    lab.cluster.site.gateway.crash_and_restart();
    kubectl
        .tried(&pod(AUDITED, "anew", "user/app:1"))
        .expect_ok();
}

/// The CA that signs stands first in the bundle.
fn changed_ca(authority: &Authority) -> String {
    let bundle = authority.bundle();
    let end = "-----END CERTIFICATE-----\n";
    let (first, _) = bundle.split_once(end).unwrap();
    format!("{first}{end}")
}
