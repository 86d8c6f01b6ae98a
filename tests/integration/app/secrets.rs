//! Where secrets must not turn up: everything that the program says, at its loudest.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho::demo::DemoRegistry;
use sekisho::tasks::Tasks;
use serde_json::json;

use super::served::Served;
use crate::kit::lab::{Ask, NAME, config, named, sample};

/// What every secret of these tests begins with.
const MARK: &str = "m4rk3d";

const REST: &str = r#"
[environments.production]
[[upstreams]]
name = "closed.example"
url = "http://127.0.0.1:9"
credentials = { username = "robot", password_file = "password" }
[[upstreams]]
name = "docker.example"
url = "http://127.0.0.1:9"
credentials = { docker_config = "config.json" }
[[upstreams]]
name = "command.example"
url = "http://127.0.0.1:9"
credentials = { command = ["cat", "printed"] }
[[notify]]
name = "on-call"
url_file = "hook"
secret_file = "signing"
"#;

/// Writes the files of the configuration, each with a secret of its own.
fn write_secrets(folder: &Path) {
    let encoded = BASE64_STANDARD.encode(format!("robot:{MARK}-docker"));
    let docker = format!("{{\"auths\":{{\"docker.example\":{{\"auth\":\"{encoded}\"}}}}}}");
    for (name, text) in [
        ("password", format!("{MARK}-password\n")),
        ("config.json", docker),
        ("printed", format!("robot:{MARK}-printed\n")),
        ("hook", format!("http://127.0.0.1:9/{MARK}-hook\n")),
        ("signing", format!("{MARK}-signing\n")),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// Everything in a folder that the program wrote, but for the token that it keeps there for
/// its owner.
fn written(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(written(&path)),
            false if path.ends_with("admin.token") => {}
            false => found.push((path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
    found
}

/// As it is, and as Basic credentials carry it.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    forms.push(
        BASE64_STANDARD
            .encode(format!("robot:{secret}"))
            .into_bytes(),
    );
    forms
}

fn assert_nowhere(said: &[(String, Vec<u8>)], secrets: &[String]) {
    for (place, bytes) in said {
        for secret in secrets {
            for form in forms(secret) {
                let found = bytes.windows(form.len()).any(|some| some == form);
                assert!(!found, "{place} holds {secret}");
            }
        }
    }
}

#[tokio::test]
async fn marked_secrets_are_told_nowhere() {
    let (tasks, folder) = (Tasks::new(), tempfile::tempdir().unwrap());
    let registry = DemoRegistry::start(&tasks).await.unwrap();
    let file = folder.path().join("sekisho.toml");
    write_secrets(folder.path());
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\nauth = \"token\"\n";
    fs::write(&file, config(&registry.origin(), listener, REST)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    command.args(["serve", "--log", "trace", "--config", "sekisho.toml"]);
    let log = folder.path().join("log");
    let mut served = Served::of(&mut command, folder.path(), &log).await;
    let admin = fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
    let admin = admin.trim().to_owned();
    let mut said = Vec::new();
    let mut secrets: Vec<String> = ["password", "docker", "printed", "hook", "signing", "guess"]
        .map(|kind| format!("{MARK}-{kind}"))
        .to_vec();
    let wanted = json!({"name": "node", "role": "puller"});
    let ask = Ask::new(served.admin, "POST", "/api/v1/tokens").token(&admin);
    let made = ask.json(&wanted).send().await.expect(200);
    let puller = made["secret"].as_str().unwrap().to_owned();
    secrets.extend([admin.clone(), puller.clone()]);
    let image = sample("secret", "amd64");
    registry.put_image(NAME, &image);
    let basic = BASE64_STANDARD.encode(format!("robot:{MARK}-guess"));
    for upstream in [
        "registry.example",
        "closed.example",
        "docker.example",
        "command.example",
    ] {
        let path = format!("/v2/{upstream}/{NAME}/manifests/{}", image.manifest.digest);
        for credentials in [
            format!(
                "Basic {}",
                BASE64_STANDARD.encode(format!("robot:{puller}"))
            ),
            format!("Bearer {MARK}-guess"),
            format!("Basic {basic}"),
        ] {
            let ask = Ask::new(served.registry, "GET", &path).header("authorization", &credentials);
            let answer = ask.send().await;
            said.push((
                path.clone(),
                [answer.head.into_bytes(), answer.body].concat(),
            ));
        }
    }
    let revoked = json!({"image": named(NAME, &image.manifest.digest), "reason": "leaks a key"});
    let ask = Ask::new(served.admin, "POST", "/api/v1/revocations").token(&admin);
    ask.json(&revoked).send().await.expect(200);
    for path in [
        "/api/v1/status",
        "/api/v1/decisions",
        "/api/v1/acts",
        "/api/v1/tokens",
        "/api/v1/exceptions",
        "/metrics",
        "/readyz",
        "/",
        "/denials",
        "/nothing",
    ] {
        for token in [admin.clone(), format!("{MARK}-guess")] {
            let answer = Ask::new(served.admin, "GET", path)
                .token(&token)
                .send()
                .await;
            said.push((
                path.to_owned(),
                [answer.head.into_bytes(), answer.body].concat(),
            ));
        }
    }
    for name in ["cmdline", "environ"] {
        let of_process = fs::read(format!("/proc/{}/{name}", served.id()));
        said.push((name.to_owned(), of_process.unwrap_or_default()));
    }
    served.signal("TERM");
    served.ended().await;
    said.push(("the log".to_owned(), fs::read(&log).unwrap()));
    said.extend(written(&folder.path().join("data")));
    assert_nowhere(&said, &secrets);
    drop(served);
    tasks.drain(std::time::Duration::ZERO).await;
}

#[test]
fn what_is_wrong_with_a_file_of_secrets_is_told_without_them() {
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    let file = folder.path().join("sekisho.toml");
    for wrong in [
        format!("url = \"https://robot:{MARK}@registry.example\""),
        format!(
            "url = \"https://registry.example\"\ncredentials = {{ username = \"robot\", password = \"{MARK}\" }}"
        ),
        "url = \"https://registry.example\"\ncredentials = { docker_config = \"password\" }"
            .to_owned(),
        "url = \"https://registry.example\"\nca = \"password\"".to_owned(),
        "url = \"https://registry.example\"\n[[notify]]\nname = \"a\"\nurl_file = \"password\""
            .to_owned(),
        format!(
            "url = \"https://registry.example\"\n[ledger]\nurl = \"postgres://robot:{MARK}@127.0.0.1/x\""
        ),
    ] {
        fs::write(
            &file,
            format!("[[upstreams]]\nname = \"registry.example\"\n{wrong}\n"),
        )
        .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        let output = command
            .args(["check-config", "--config"])
            .arg(&file)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        // The file's own line may be shown where it is plain text there.
        assert!(!said.contains(MARK), "{wrong}: {said}");
    }
}

#[tokio::test]
async fn a_serving_process_leaves_no_core_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sekisho.toml");
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";
    let rest = "[environments.production]\n";
    fs::write(&file, config("http://127.0.0.1:9", listener, rest)).unwrap();
    let mut command = Command::new("sh");
    let unlimited = "ulimit -c unlimited 2>/dev/null; exec \"$0\" serve --config \"$1\"";
    command
        .args(["-c", unlimited])
        .arg(env!("CARGO_BIN_EXE_sekisho"))
        .arg(&file);
    let served = Served::of(&mut command, folder.path(), &folder.path().join("log")).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", served.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    // What may not be looked into belongs to root, whoever runs it.
    use std::os::unix::fs::MetadataExt as _;
    let owner = fs::metadata(format!("/proc/{}/mem", served.id()))
        .unwrap()
        .uid();
    assert_eq!(owner, 0);
}
