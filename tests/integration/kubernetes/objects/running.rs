//! The printed workload, made to run by a real kubelet: its volumes, its user, its
//! probes.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lab::kubernetes::{ControlPlane, Node};
use crate::lab::{Authority, Missing, Origin, installed, or_skip, outcome, run};

const WITHIN: Duration = Duration::from_secs(120);
/// The user of the program's image.
const NOBODY: u32 = 65532;
const CONFIG: &str = r#"
data_dir = "/var/lib/sekisho"
exceptions_dir = "exceptions"

[[listeners]]
address = "0.0.0.0:5080"
tls = { certificate = "secrets/tls.crt", key = "secrets/tls.key" }

[webhook]
address = "0.0.0.0:5443"
tls = { certificate = "secrets/tls.crt", key = "secrets/tls.key" }

[ops]
address = "0.0.0.0:5082"

[[clusters]]
name = "lab"
gateway = "registry.example:5080"

[cache]
max_size = "1GiB"
min_free = "1MiB"
"#;

#[test]
fn what_is_printed_becomes_a_ready_program() {
    let control = or_skip!(ControlPlane::with_controllers());
    let origin = or_skip!(Origin::start());
    let image = or_skip!(program_image(&origin));
    let _node = or_skip!(Node::join(&control, &origin));
    let (folder, kubectl) = (furnished(), control.kubectl());
    kubectl.applied(&printed(folder.path(), &image));
    kubectl.applied(&secret(folder.path()).to_string());
    kubectl.applied(&disk(&folder.path().join("disk")).to_string());

    let deployment = ["deployment", "sekisho", "-n", "sekisho"];
    let ready = kubectl.wait(&deployment, WITHIN, |deployment| {
        deployment["status"]["availableReplicas"] == 1
    });
    assert_eq!(ready["status"]["replicas"], 1);
    assert!(folder.path().join("disk/ledger.db").is_file());
}

/// What the command prints for this folder's configuration.
fn printed(folder: &Path, image: &str) -> String {
    let config = folder.join("sekisho.toml");
    let manifests = ["kubernetes", "manifests", "--image", image, "--config"];
    run(&[&manifests[..], &[config.to_str().unwrap()]].concat()).expect_ok()
}

/// A configuration with the files that it names, and a disk.
fn furnished() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("sekisho.toml"), CONFIG).unwrap();
    for name in ["secrets", "exceptions", "disk"] {
        fs::create_dir(at(name)).unwrap();
    }
    chown(at("disk"), Some(NOBODY), Some(NOBODY)).unwrap();
    let authority = Authority::create();
    let (certificate, key) = authority.leaf("registry.example");
    fs::copy(certificate, at("secrets/tls.crt")).unwrap();
    fs::copy(key, at("secrets/tls.key")).unwrap();
    folder
}

fn secret(folder: &Path) -> Value {
    let read = |name: &str| fs::read_to_string(folder.join("secrets").join(name)).unwrap();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "sekisho-secrets", "namespace": "sekisho" },
        "stringData": { "tls.crt": read("tls.crt"), "tls.key": read("tls.key") },
    })
}

/// A volume for the claim, which nobody provides here by itself.
fn disk(folder: &Path) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": "disk" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": { "storage": "100Gi" },
            "claimRef": { "namespace": "sekisho", "name": "sekisho" },
            "hostPath": { "path": folder },
        },
    })
}

/// The tested program as an image of the registry, with the libraries that it is
/// linked to, if any.
fn program_image(registry: &Origin) -> Result<String, Missing> {
    let buildah = installed("buildah")?;
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path().join("context");
    for file in libraries() {
        let target = context.join("root").join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
    let program = context.join("root/usr/bin/sekisho");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_sekisho"), program).unwrap();
    let recipe = "FROM scratch\nCOPY root /\nENTRYPOINT [\"/usr/bin/sekisho\"]\n";
    fs::write(context.join("Dockerfile"), recipe).unwrap();
    let named = format!("{}/platform/sekisho:1", registry.address());
    let target = format!("docker://{named}");
    for arguments in [
        &[
            "bud",
            "--isolation",
            "chroot",
            "-q",
            "-t",
            "program",
            context.to_str().unwrap(),
        ][..],
        &["push", "-q", "--tls-verify=false", "program", &target],
    ] {
        let mut command = Command::new(&buildah);
        command.args(["--storage-driver", "vfs", "--root"]);
        command.arg(folder.path().join("storage")).arg("--runroot");
        command.arg(folder.path().join("run")).args(arguments);
        outcome(&mut command).expect_ok();
    }
    Ok(named)
}

/// By `ldd`, which finds none in a static program.
fn libraries() -> Vec<PathBuf> {
    let listed = outcome(Command::new("ldd").arg(env!("CARGO_BIN_EXE_sekisho"))).stdout;
    let words = listed.split_whitespace();
    words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}
