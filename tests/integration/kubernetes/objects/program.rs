//! The tested program as a Pod has it: an image, a configuration with the files that it
//! names, and a disk.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lab::{Authority, Missing, Origin, installed, outcome};

/// The user of the program's image.
const NOBODY: u32 = 65532;
pub const CONFIG: &str = r#"
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

/// A configuration with the files that it names, and a disk.
pub fn furnished() -> TempDir {
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

pub fn secret(folder: &Path) -> Value {
    let read = |name: &str| fs::read_to_string(folder.join("secrets").join(name)).unwrap();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "sekisho-secrets", "namespace": "sekisho" },
        "stringData": { "tls.crt": read("tls.crt"), "tls.key": read("tls.key") },
    })
}

/// A volume for the claim, which nobody provides here by itself.
pub fn disk(folder: &Path) -> Value {
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
pub fn program_image(registry: &Origin) -> Result<String, Missing> {
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
