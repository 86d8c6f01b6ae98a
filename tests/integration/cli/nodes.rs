//! `node-config` writes what closes the way round.

use std::fs;

use super::program::{Program, scratch};

const GATEWAY: [&str; 3] = ["node-config", "containerd", "--gateway"];

#[test]
fn every_directory_that_lies_there_gets_a_file() {
    let folder = scratch();
    fs::create_dir(folder.path().join("quay.io")).unwrap();
    fs::write(folder.path().join("quay.io/ca.crt"), "old").unwrap();
    let run = Program::new(&GATEWAY)
        .arg("https://gateway.corp:5080")
        .arg("--output")
        .arg(folder.path())
        .run();
    assert_eq!(run.code, 0, "{run:?}");
    for registry in ["_default", "docker.io", "quay.io"] {
        let file = folder.path().join(registry).join("hosts.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.contains("server = \"https://gateway.corp:5080\""),
            "{registry}: {text}"
        );
        assert!(run.stdout.contains(&file.display().to_string()), "{run:?}");
    }
}

#[test]
fn prints_when_no_directory_is_named() {
    let run = Program::new(&[
        "node-config",
        "podman",
        "--gateway",
        "https://gateway.corp:5080",
    ])
    .arg("--registry")
    .arg("quay.io")
    .run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("# /etc/containers/"), "{run:?}");
    assert!(run.stdout.contains("blocked = true"), "{run:?}");
    assert!(run.stderr.contains("--output /etc/containers"), "{run:?}");
}

#[test]
fn the_upstreams_of_the_configuration_are_the_default() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    let text = "[[upstreams]]\nname = \"registry.corp:5000\"\npath = \"corp\"\n";
    fs::write(&file, text).unwrap();
    let run = Program::new(&[
        "node-config",
        "crio",
        "--gateway",
        "https://gateway.corp:5080",
    ])
    .config(&file)
    .run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("gateway.corp:5080/corp"), "{run:?}");
}

#[test]
fn a_gateway_with_a_path_is_refused() {
    let run = Program::new(&GATEWAY).arg("https://gateway.corp/x").run();
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("without a path"), "{run:?}");
}

/// Debian installs short names there, which no order can hurt.
#[test]
fn podman_is_configured_beside_what_debian_installs() {
    let folder = scratch();
    let files = folder.path().join("registries.conf.d");
    fs::create_dir(&files).unwrap();
    let stock = "[aliases]\n  \"debian\" = \"docker.io/library/debian\"\n";
    fs::write(files.join("shortnames.conf"), stock).unwrap();
    let write = || {
        let line = [
            "node-config",
            "podman",
            "--registry",
            "docker.io",
            "--gateway",
        ];
        let run = Program::new(&line).arg("https://gateway.corp:5080");
        run.arg("--output").arg(folder.path()).run()
    };
    for _ in 0..2 {
        let run = write();
        assert_eq!(run.code, 0, "{run:?}");
        assert!(files.join("zz-sekisho.conf").exists(), "{run:?}");
    }
    fs::write(files.join("zzz-local.conf"), "").unwrap();
    let run = write();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("zzz-local.conf"), "{run:?}");
}

/// A certificate authority as a file of this machine.
fn authority(folder: &std::path::Path) -> std::path::PathBuf {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["gateway.corp".to_owned()]).unwrap();
    let file = folder.join("corp-ca.crt");
    fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
    file
}

#[test]
fn files_for_other_machines_name_nothing_of_this_one() {
    let folder = scratch();
    let ca = authority(folder.path());
    for (runtime, written) in [
        ("containerd", "sekisho-ca.crt"),
        ("docker", "certs.d/gateway.corp:5080/ca.crt"),
        ("podman", "certs.d/gateway.corp:5080/ca.crt"),
        ("crio", "certs.d/gateway.corp:5080/ca.crt"),
    ] {
        let output = folder.path().join(runtime);
        let gateway = ["--gateway", "https://gateway.corp:5080"];
        let line = [&["node-config", runtime][..], &gateway].concat();
        let named = Program::new(&line).arg("--ca").arg(&ca);
        let run = named.arg("--output").arg(&output).run();
        assert_eq!(run.code, 0, "{run:?}");
        let certificate = fs::read(output.join(written)).unwrap();
        assert_eq!(certificate, fs::read(&ca).unwrap(), "{runtime}");
        let here = folder.path().display().to_string();
        for path in run.stdout.lines() {
            let text = fs::read_to_string(path).unwrap();
            assert!(!text.contains(&here), "{path}: {text}");
            for line in text.lines().filter(|line| line.trim().starts_with("ca = ")) {
                let named = line.split('"').nth(1).unwrap();
                let beside = std::path::Path::new(path).with_file_name(named);
                assert!(beside.exists(), "{path}: {line}");
            }
        }
        let printed = Program::new(&line).arg("--ca").arg(&ca).run();
        assert!(!printed.stdout.contains(&here), "{printed:?}");
        assert!(printed.stdout.contains("BEGIN CERTIFICATE"), "{printed:?}");
    }
}

#[test]
fn a_ca_that_nodes_must_not_get_is_refused() {
    let folder = scratch();
    let file = folder.path().join("ca.pem");
    let key = rcgen::KeyPair::generate().unwrap();
    for text in ["no certificate".to_owned(), key.serialize_pem()] {
        fs::write(&file, text).unwrap();
        let run = Program::new(&GATEWAY).arg("https://gateway.corp:5080");
        let run = run.arg("--ca").arg(&file).run();
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains("ca.pem"), "{run:?}");
        assert!(run.stdout.is_empty(), "{run:?}");
    }
}

#[test]
fn an_ipv6_gateway_is_refused_where_the_runtime_cannot_name_it() {
    for runtime in ["crio", "podman", "docker"] {
        let line = [
            "node-config",
            runtime,
            "--gateway",
            "https://[fd00::1]:5080",
        ];
        let run = Program::new(&line).run();
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains("DNS name"), "{run:?}");
        assert!(run.stdout.is_empty(), "{run:?}");
    }
}
