//! A configuration that cannot be used stops nobody who only asks the gateway.

use std::path::Path;

use serde_json::Value;

use super::program::{Program, Run};
use crate::kit::lab::{Lab, NAME, eventually};

const EXCEPTIONS: &str = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n";

/// What is broken, in addition to the folder of exceptions.
const BROKEN: [(&str, &str); 6] = [
    ("a file of exceptions", ""),
    ("a key that nobody knows", "colour = \"red\"\n"),
    (
        "a secret that is not here",
        "[[upstreams]]\nname = \"a.b\"\ncredentials = { username = \"u\", password_file = \"gone\" }\n",
    ),
    (
        "a certificate that is not here",
        "[[listeners]]\naddress = \"0.0.0.0:5080\"\n\
         tls = { certificate = \"gone\", key = \"gone\" }\n",
    ),
    (
        "an environment",
        "[environments.production]\nmode = \"lax\"\n",
    ),
    ("the syntax", "[environments.production]\nmode = \"audit\n"),
];

/// A configuration beside the running gateway's, by which a command finds it.
fn broken_config(lab: &Lab, more: &str) -> std::path::PathBuf {
    let folder = lab.folder.path().join("broken");
    std::fs::create_dir_all(folder.join("exceptions")).unwrap();
    std::fs::write(folder.join("exceptions/bad.toml"), "[[exception]\n").unwrap();
    let file = folder.join("sekisho.toml");
    let (data, admin) = (lab.data(), lab.app().admin());
    let data = data.display();
    let text = format!("data_dir = \"{data}\"\n{EXCEPTIONS}[admin]\naddress = \"{admin}\"\n{more}");
    // What stands at the top must stand before the tables.
    let text = match more.starts_with('[') {
        true => text,
        false => {
            format!("{more}data_dir = \"{data}\"\n{EXCEPTIONS}[admin]\naddress = \"{admin}\"\n")
        }
    };
    std::fs::write(&file, text).unwrap();
    file
}

async fn run(file: &Path, line: &str) -> Run {
    let words: Vec<&str> = line.split(' ').collect();
    let program = Program::new(&words).config(file);
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_works_by_an_address_and_a_token_alone() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    lab.pull(0, NAME, "1").await;
    let id = denial(&lab).await;
    for (at, (what, more)) in BROKEN.iter().enumerate() {
        let file = broken_config(&lab, more);
        let check = run(&file, "check-config").await;
        assert_eq!(check.code, 64, "{what}: {check:?}");
        let backup = lab.folder.path().join(format!("backup-{at}.db"));
        for (line, code) in [
            ("status".to_owned(), 0),
            ("denials".to_owned(), 0),
            (format!("explain {named} --environment production"), 3),
            (format!("explain {id}"), 3),
            (format!("revoke {named} --reason key"), 0),
            (format!("reinstate {named} --reason mistake"), 0),
            (
                format!(
                    "break-glass {named} --environment production --ticket T-{at} --hours 1 --reason down"
                ),
                0,
            ),
            (
                format!("mode production audit --hours 1 --ticket T-{at}"),
                0,
            ),
            ("exceptions list".to_owned(), 0),
            ("scan due".to_owned(), 0),
            ("token list".to_owned(), 0),
            (format!("token create --name ci-{at} --role scanner"), 0),
            (format!("ledger backup {}", backup.display()), 0),
        ] {
            let run = run(&file, &line).await;
            // A mode and a break-glass of the rounds before let it pass.
            let expected = if line.starts_with("explain reg") && at > 0 {
                0
            } else {
                code
            };
            assert_eq!(run.code, expected, "{what}: {line}: {run:?}");
        }
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_at_the_address_is_told_with_the_way_around() {
    let lab = Lab::start().await;
    for text in ["[admin]\naddress = \"here\"\n", "[admin]\naddress = 5081\n"] {
        let file = lab.folder.path().join("other.toml");
        std::fs::write(&file, text).unwrap();
        let status = run(&file, "status").await;
        assert_eq!(status.code, 64, "{status:?}");
        for part in ["other.toml:2:", "admin.address", "--server URL"] {
            assert!(status.stderr.contains(part), "{part}: {status:?}");
        }
        let server = format!("status --server {} --token {}", lab.server(), lab.token);
        let status = run(&file, &server).await;
        assert_eq!(status.code, 0, "{status:?}");
    }
    lab.stop().await;
}

/// What is lost with the syntax is never taken to be the default: the backup would be of
/// another ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_place_cannot_be_read_is_not_guessed() {
    let lab = Lab::start().await;
    let file = lab.folder.path().join("other.toml");
    let data = lab.data();
    let data = data.display();
    for text in [
        "data_dir = \"gone\nx = 1\n".to_owned(),
        format!("data_dir = \"{data}\"\n[ledger\nurl = \"sqlite://x.db\"\n"),
        format!("data_dir = \"{data}\"\n[ledger]\nurl = 5\n"),
    ] {
        std::fs::write(&file, &text).unwrap();
        let backup = run(&file, "ledger backup /nowhere/x.db").await;
        assert_eq!(backup.code, 64, "{text}: {backup:?}");
        assert!(backup.stderr.contains("other.toml"), "{backup:?}");
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mirror_files_need_upstreams_and_no_more() {
    let lab = Lab::start().await;
    for (what, more) in &BROKEN[..5] {
        let file = broken_config(&lab, more);
        let line = "node-config containerd --gateway https://gateway.corp:5080 --ca /ca.crt";
        let run = run(&file, line).await;
        assert_eq!(run.code, 0, "{what}: {run:?}");
    }
    lab.stop().await;
}

async fn denial(lab: &Lab) -> String {
    let list = || async {
        let listed = lab.api("GET", "/api/v1/decisions").send().await;
        listed.expect(200)["decisions"][0]["id"].clone()
    };
    eventually("the denial on record", || async {
        list().await.is_string()
    })
    .await;
    list().await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reinstates_where_nothing_is_revoked_is_told_what_is() {
    let lab = Lab::start().await;
    let (_, named) = lab.put(NAME, "1");
    lab.pull(0, NAME, "1").await;
    let file = broken_config(&lab, "");
    let here = "--environment production --reason key";
    let revoked = run(&file, &format!("revoke {named} {here}")).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let everywhere = run(&file, &format!("reinstate {named} --reason no")).await;
    assert_eq!(everywhere.code, 1, "{everywhere:?}");
    assert!(everywhere.stdout.is_empty(), "{everywhere:?}");
    for part in ["nothing ended", "revoked in production", "key"] {
        assert!(everywhere.stderr.contains(part), "{everywhere:?}");
    }
    let json = format!("reinstate {named} --environment staging --reason no --output json");
    let elsewhere = run(&file, &json).await;
    assert_eq!(elsewhere.code, 1, "{elsewhere:?}");
    let told: Value = serde_json::from_str(&elsewhere.stdout).unwrap();
    assert_eq!(told["ended"], 0);
    let ended = run(&file, &format!("reinstate {named} {here}")).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let unknown = format!("registry.example/{NAME}@sha256:{}", "0".repeat(64));
    let unknown = run(&file, &format!("reinstate {unknown} --reason no")).await;
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.stderr.contains("sekisho acts"), "{unknown:?}");
    lab.stop().await;
}
