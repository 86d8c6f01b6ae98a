//! `tls = "auto"`: the program's own certificates, as clients meet them.

use std::fs;
use std::path::Path;

use sekisho::app::App;
use sekisho::app::config::Config;
use tempfile::TempDir;

use super::certificates::{ask, connect_to};
use crate::cli::program::{Program, Run};
use crate::kit::lab::Lab;

const AUTO: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n\
                    tls = \"auto\"\n";
const REST: &str = "[environments.production]\n";

fn bundle(folder: &Path) -> String {
    fs::read_to_string(folder.join("data/authority/current/ca.crt")).unwrap()
}

async fn greets(lab: &Lab, roots: &str) -> bool {
    match connect_to(lab.app().registries()[0], roots, None).await {
        Ok(mut stream) => ask(&mut stream, "/v2/").await.unwrap().status == 200,
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_listener_makes_its_certificate_and_keeps_its_authority() {
    let lab = Lab::with(AUTO, REST).await;
    let roots = bundle(lab.folder.path());
    let told = lab.app().parts().authority.as_ref().unwrap().bundle();
    assert_eq!(told.borrow().as_ref(), roots);
    assert!(greets(&lab, &roots).await);
    let metrics = lab.nobody("GET", "/metrics").send().await.text();
    let sample = format!(
        "sekisho_certificate_expiry_seconds{{listener=\"{}\"}} 77",
        lab.app().registries()[0]
    );
    assert!(metrics.contains(&sample), "90 days, in seconds: {metrics}");
    assert_eq!(lab.nobody("GET", "/readyz").send().await.status, 200);
    let lab = lab.restarted().await;
    assert!(greets(&lab, &roots).await, "the same CA");
    lab.stop().await;
}

#[tokio::test]
async fn files_that_are_broken_stop_the_start_and_are_left_alone() {
    let lab = Lab::with(AUTO, REST).await;
    let (file, folder) = (lab.file(), lab.folder.path().to_owned());
    let _ended = lab.ended().await;
    let key = folder.join("data/authority/current/ca.key");
    fs::write(&key, "half").unwrap();
    let config = Config::load(Some(&file), |_| None, jiff::Timestamp::now()).unwrap();
    let Err(error) = App::start(config).await else {
        panic!("it started");
    };
    let error = error.to_string();
    assert!(error.contains("ca.key holds no usable"), "{error}");
    assert_eq!(fs::read_to_string(&key).unwrap(), "half");
}

async fn run(program: Program) -> Run {
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

fn node_config(runtime: &str, config: &Path) -> Program {
    let line = [
        "node-config",
        runtime,
        "--gateway",
        "https://gateway.corp:5080",
    ];
    Program::new(&line).config(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_get_the_bundle_of_the_gateway() {
    let lab = Lab::with(AUTO, REST).await;
    let (file, roots) = (lab.file(), bundle(lab.folder.path()));
    for (runtime, ca) in [
        ("containerd", "sekisho-ca.crt"),
        ("docker", "certs.d/gateway.corp:5080/ca.crt"),
        ("podman", "certs.d/gateway.corp:5080/ca.crt"),
    ] {
        let output = TempDir::new().unwrap();
        let made = node_config(runtime, &file)
            .arg("--output")
            .arg(output.path());
        let made = run(made).await;
        assert_eq!(made.code, 0, "{made:?}");
        let written = output.path().join(ca);
        assert_eq!(fs::read_to_string(&written).unwrap(), roots, "{runtime}");
        assert!(
            made.stdout.contains(&written.display().to_string()),
            "{made:?}"
        );
    }
    let printed = run(node_config("containerd", &file)).await.stdout;
    assert!(
        printed.contains("ca = \"/etc/containerd/certs.d/sekisho-ca.crt\""),
        "{printed}"
    );
    assert!(printed.contains(&roots), "{printed}");
    let named = node_config("containerd", &file)
        .arg("--ca")
        .arg("/etc/ssl/corp.pem");
    let named = run(named).await.stdout;
    assert!(
        named.contains("/etc/ssl/corp.pem") && !named.contains(&roots),
        "{named}"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_authority_no_file_for_nodes_is_written() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("sekisho.toml");
    fs::write(
        &file,
        "data_dir = \"data\"\n[[listeners]]\ntls = \"auto\"\n",
    )
    .unwrap();
    let refused = run(node_config("containerd", &file)).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("--ca") && refused.stdout.is_empty(),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_the_same_machine_trust_the_admin_api() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("sekisho.toml");
    let text = |admin: &str| {
        format!(
            "data_dir = \"data\"\n[[listeners]]\naddress = \"127.0.0.1:0\"\n\
             [admin]\naddress = \"{admin}\"\ntls = \"auto\"\n"
        )
    };
    fs::write(&file, text("127.0.0.1:0")).unwrap();
    let config = Config::load(Some(&file), |_| None, jiff::Timestamp::now()).unwrap();
    let app = App::start(config).await.unwrap();
    fs::write(&file, text(&app.admin().to_string())).unwrap();
    let status = run(Program::new(&["status"]).config(&file)).await;
    assert_eq!(status.code, 0, "{status:?}");
    let stranger = Program::new(&["status", "--token", "t", "--server"]);
    let stranger = run(stranger.arg(format!("https://{}", app.admin()))).await;
    assert_eq!(stranger.code, 1, "{stranger:?}");
    app.stop().await;
}
