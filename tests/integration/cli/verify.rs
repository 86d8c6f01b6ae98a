//! `sekisho verify` against a gateway that runs, and against servers that fail.

use std::path::{Path, PathBuf};

use quick_xml::events::Event;
use serde_json::Value;

use super::program::{Api, Program, Run, scratch};
use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME, trivy};

/// A gateway with one image that may be pulled and one that may not.
struct Dock {
    lab: Lab,
    good: String,
    bad: String,
}

impl Dock {
    async fn start() -> Self {
        Self::with("").await
    }

    /// With this for the end of the configuration.
    async fn with(rest: &str) -> Self {
        let lab = Lab::with(LISTENERS, &format!("{ENVIRONMENTS}{rest}")).await;
        let (image, good) = lab.put(NAME, "1");
        lab.submit(&lab.token, &good, &trivy(&image, &[]))
            .await
            .expect(200);
        let (_, bad) = lab.put(NAME, "2");
        Self { lab, good, bad }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.lab.folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Verifies for staging, which asks for a scan alone.
    async fn verify(&self, path: &Path, more: &[&str], input: &str) -> Run {
        let program = Program::new(&["verify", "--environment", "staging"])
            .arg(path)
            .env("SEKISHO_SERVER", &self.lab.server())
            .env("SEKISHO_TOKEN", &self.lab.token)
            .input(input);
        let program = more.iter().fold(program, |run, word| run.arg(word));
        tokio::task::spawn_blocking(|| program.run()).await.unwrap()
    }
}

fn deployment(name: &str, images: &[&str]) -> String {
    let containers: String = images
        .iter()
        .enumerate()
        .map(|(at, image)| format!("      - {{ name: c{at}, image: '{image}' }}\n"))
        .collect();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: {name}, namespace: shop }}\n\
         spec:\n  template:\n    spec:\n      containers:\n{containers}---\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_images_exit_0() {
    let dock = Dock::start().await;
    let text = deployment("web", &[&dock.good]) + &deployment("api", &[&dock.good]);
    let file = dock.write("all.yaml", &text);
    let junit = dock.lab.folder.path().join("verify.xml");
    let run = dock
        .verify(&file, &["--junit", junit.to_str().unwrap()], "")
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    for part in [
        "1 image in 2 objects: 1 allowed, 0 denied (for staging)",
        "Deployment/shop/web and 1 more",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    let cases = cases(&junit);
    assert_eq!(cases.len(), 2, "{cases:?}");
    assert!(cases.iter().all(|case| case.failure.is_none()), "{cases:?}");

    let stdin = dock.verify(Path::new("-"), &[], &text).await;
    assert_eq!(stdin.code, 0, "{stdin:?}");
    let none = "kind: Namespace\nmetadata: { name: shop }\n---\nreplicas: 2\n";
    let run = dock.verify(Path::new("-"), &[], none).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("no images in 1 object"), "{run:?}");
    assert!(run.stderr.contains("for want of a kind: 1"), "{run:?}");
    dock.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_image_exits_3_and_is_reported_with_its_places() {
    let dock = Dock::start().await;
    dock.write(
        "deploy/a/web.yaml",
        &deployment("web", &[&dock.good, &dock.bad]),
    );
    dock.write("deploy/api.yml", &deployment("api", &[&dock.bad]));
    let folder = dock.lab.folder.path().join("deploy");
    let junit = dock.lab.folder.path().join("verify.xml");
    let more = ["--junit", junit.to_str().unwrap()];
    let run = dock.verify(&folder, &more, "").await;
    assert_eq!(run.code, 3, "{run:?}");
    for part in [
        "2 images in 2 objects: 1 allowed, 1 denied (for staging)",
        "DENIED  registry.example/team/app@",
        "sekisho: not-scanned: ",
        "next: ",
        "at Deployment/shop/web spec.template.spec.containers[1].image (c1) in ",
        "deploy/api.yml:1",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    let cases = cases(&junit);
    let failed: Vec<&Case> = cases.iter().filter(|case| case.failure.is_some()).collect();
    assert_eq!((cases.len(), failed.len()), (3, 2), "{cases:?}");
    for (case, object) in failed
        .iter()
        .zip(["Deployment/shop/web", "Deployment/shop/api"])
    {
        assert_eq!((&*case.class, &*case.name), (object, &*dock.bad));
        let (word, message) = case.failure.as_ref().unwrap();
        assert_eq!(word, "not-scanned");
        assert!(message.starts_with("sekisho: not-scanned: "), "{message}");
    }
    assert_eq!(
        suite(&junit),
        [
            ("name", "staging"),
            ("tests", "3"),
            ("failures", "2"),
            ("errors", "0")
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );

    let run = dock.verify(&folder, &["--output", "json"], "").await;
    assert_eq!(run.code, 3, "{run:?}");
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&json["environment"], &json["objects"]),
        (&"staging".into(), &2.into())
    );
    let bad = json["images"].as_array().unwrap().iter();
    let bad = bad
        .clone()
        .find(|image| image["image"] == *dock.bad)
        .unwrap();
    assert_eq!(
        (&bad["allowed"], &bad["error"]),
        (&false.into(), &Value::Null)
    );
    assert_eq!(bad["verdict"]["reasons"][0]["reason"], "not-scanned");
    let place = &bad["places"][0];
    assert_eq!(place["path"], "spec.template.spec.containers[1].image");
    assert_eq!(
        (&place["kind"], &place["line"]),
        (&"Deployment".into(), &1.into())
    );
    dock.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_pulled_counts_as_denied() {
    let dock = Dock::start().await;
    let absent = format!("registry.example/{NAME}:none");
    for (image, word, part) in [
        (
            "quay.io/a/b:1",
            "unknown-upstream",
            "quay.io is no upstream of this gateway",
        ),
        (&absent, "not-found", "push it first"),
        (
            "https://registry.example/a",
            "ambiguous-reference",
            "without a scheme",
        ),
        (
            "registry.example/Team/a:1",
            "ambiguous-reference",
            "cannot be read",
        ),
        ("a\u{1b}[31m<&b:1", "ambiguous-reference", "cannot be read"),
    ] {
        let image = image.replace('\u{1b}', "\\x1b");
        let text = deployment("web", &[&dock.good, &image]).replace('\'', "\"");
        let run = dock.verify(Path::new("-"), &[], &text).await;
        assert_eq!(run.code, 3, "{image}: {run:?}");
        for part in [word, part, "1 allowed, 1 denied"] {
            assert!(run.stdout.contains(part), "{part}: {run:?}");
        }
        assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
        let junit = dock.lab.folder.path().join("names.xml");
        let more = ["--output", "json", "--junit", junit.to_str().unwrap()];
        let run = dock.verify(Path::new("-"), &more, &text).await;
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        let refused = json["images"].as_array().unwrap().iter();
        let refused = refused
            .clone()
            .find(|image| image["allowed"] == false)
            .unwrap();
        assert_eq!(refused["verdict"], Value::Null, "{json}");
        assert_eq!(refused["reason"], word, "{json}");
        assert!(refused["error"].as_str().unwrap().contains(part), "{json}");
        let failed = cases(&junit).into_iter().find_map(|case| case.failure);
        assert_eq!(failed.unwrap().0, word);
    }
    dock.lab.stop().await;
}

/// A cluster whose gateway names lead to the upstream of the lab.
const CLUSTER: &str = "
[webhook]
address = \"127.0.0.1:0\"
[[clusters]]
name = \"shop\"
environment = \"staging\"
gateway = \"gateway.shop:5080\"
nodes = \"mirror\"
";

#[tokio::test(flavor = "multi_thread")]
async fn reads_names_as_the_webhook_reads_them() {
    let dock = Dock::with(CLUSTER).await;
    let (_, digest) = dock.good.split_once('@').unwrap();
    for (image, code, part) in [
        (
            format!("gateway.shop:5080/registry.example/{NAME}@{digest}"),
            0,
            "1 allowed, 0 denied",
        ),
        (
            format!("gateway.shop:5080/elsewhere/{NAME}@{digest}"),
            3,
            "elsewhere is no upstream of this gateway",
        ),
        (
            format!("registry.example:443/{NAME}@{digest}"),
            3,
            "ambiguous-reference",
        ),
        (
            format!("registry-1.docker.io/{NAME}@{digest}"),
            3,
            "ambiguous-reference",
        ),
        (
            "docker.io:443/library/nginx:1".to_owned(),
            3,
            "ambiguous-reference",
        ),
        ("a".repeat(64), 3, "64 hexadecimal digits are no image name"),
    ] {
        let text = deployment("web", &[&image]);
        let run = dock.verify(Path::new("-"), &[], &text).await;
        assert_eq!(run.code, code, "{image}: {run:?}");
        assert!(run.stdout.contains(part), "{image}: {run:?}");
    }
    dock.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_was_looked_at_and_what_was_not_understood() {
    let dock = Dock::start().await;
    let object = |version: &str, kind: &str, spec: &str| {
        format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{ name: x }}\nspec: {spec}\n---\n")
    };
    let database = object(
        "example.com/v1",
        "Database",
        &format!("{{ engine: {{ image: '{}' }} }}", dock.bad),
    );
    let workflow = object(
        "argoproj.io/v1alpha1",
        "Workflow",
        &format!(
            "{{ templates: [{{ container: {{ image: '{}' }} }}] }}",
            dock.good
        ),
    );
    let text = workflow + &database;
    let run = dock.verify(Path::new("-"), &[], &text).await;
    assert_eq!(run.code, 0, "{run:?}");
    for part in [
        "looked at: 1 Workflow of argoproj.io/v1alpha1 (1 image)",
        "not understood, and no image found there: 1 Database of example.com/v1",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    let run = dock
        .verify(Path::new("-"), &["--output", "json"], &text)
        .await;
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let kinds = json["kinds"].as_array().unwrap().iter();
    let strange = kinds.filter(|kind| kind["not_understood"] == true);
    let strange: Vec<&Value> = strange.map(|kind| &kind["kind"]).collect();
    assert_eq!(strange, ["Database"]);

    let paths = "[[images]]\nkind = \"Database\"\npath = \"spec.engine.image\"\n";
    let config = dock.write("paths.toml", paths);
    let more = ["--config", config.to_str().unwrap()];
    let run = dock.verify(Path::new("-"), &more, &text).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stdout.contains("1 allowed, 1 denied"), "{run:?}");
    assert!(!run.stderr.contains("not understood"), "{run:?}");
    dock.lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_is_no_pass() {
    let dock = Dock::start().await;
    let good = deployment("web", &[&dock.good]);
    let nameless = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n\
                    spec: { template: { spec: { containers: [{ name: c }] } } }\n";
    for (text, more, parts) in [
        (
            "kind: {{ .Values.kind }}",
            &[][..],
            ["stdin", "render templates first"],
        ),
        ("", &[], ["no Kubernetes object", "helm template"]),
        (
            nameless,
            &[],
            [
                "Deployment/web spec.template.spec.containers[0].image (c)",
                "names no image",
            ],
        ),
        (
            &good,
            &["--environment", "prod"],
            ["no environment is called prod", "production, staging"],
        ),
        (
            &good,
            &["--token", "sks_wrong"],
            ["unknown, expired or revoked", &dock.good],
        ),
        (
            &good,
            &["--junit", "/nowhere/at/all.xml"],
            ["--junit", "no folder /nowhere/at"],
        ),
    ] {
        // A flag stands once.
        let run = match more {
            ["--environment", name] => elsewhere(&dock, name, text).await,
            more => dock.verify(Path::new("-"), more, text).await,
        };
        assert_eq!(run.code, 1, "{text}: {run:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "{part}: {run:?}");
        }
        assert!(run.stdout.is_empty(), "{run:?}");
    }
    let run = dock.verify(Path::new("/none.yaml"), &[], "").await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("/none.yaml"), "{run:?}");
    dock.lab.stop().await;
}

async fn elsewhere(dock: &Dock, environment: &str, text: &str) -> Run {
    let program = Program::new(&["verify", "-", "--environment", environment])
        .env("SEKISHO_SERVER", &dock.lab.server())
        .env("SEKISHO_TOKEN", &dock.lab.token)
        .input(text);
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

#[test]
fn a_server_that_fails_is_a_failure_and_leaves_no_report() {
    let folder = scratch();
    let junit = folder.path().join("verify.xml");
    let api = Api::answering(
        503,
        r#"{"error":{"code":"unavailable","message":"not now"}}"#,
    );
    let text = deployment("web", &["a:1", "b:1", "c:1"]);
    for (server, part) in [
        (&*api.url, "a:1: not now"),
        ("http://127.0.0.1:1", "cannot reach http://127.0.0.1:1"),
    ] {
        let run = Program::new(&["verify", "-", "--environment", "production", "--server"])
            .arg(server)
            .arg("--token=sks_token")
            .arg("--junit")
            .arg(&junit)
            .input(&text)
            .run();
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains(part), "{run:?}");
        assert!(run.stdout.is_empty() && !junit.exists(), "{run:?}");
    }
}

#[test]
fn every_image_is_asked_for_once() {
    let body = r#"{"error":{"code":"refused","message":"no"}}"#;
    let api = Api::answering(422, body);
    let text = deployment("web", &["a:1", "a:1"]) + &deployment("api", &["a:1"]);
    let line = [
        "verify",
        "-",
        "--environment",
        "production",
        "--exposure",
        "internal",
    ];
    let run = Program::new(&line)
        .env("SEKISHO_SERVER", &api.url)
        .env("SEKISHO_TOKEN", "sks_token")
        .input(&text)
        .run();
    assert_eq!(run.code, 3, "{run:?}");
    let asked = api.request();
    assert!(
        asked.starts_with(
            "GET /api/v1/verdicts?environment=production&exposure=internal&image=docker.io%2Flibrary%2Fa%3A1 "
        ),
        "{asked}"
    );
    assert!(
        run.stdout
            .contains("1 image in 2 objects: 0 allowed, 1 denied"),
        "{run:?}"
    );
    assert_eq!(api.pending(), 0, "asked again");
}

#[test]
fn a_path_and_an_environment_are_needed() {
    for line in [
        &["verify", "x.yaml"][..],
        &["verify", "--environment", "production"],
    ] {
        assert_eq!(Program::new(line).run().code, 2, "{line:?}");
    }
}

/// A test case of a JUnit report; type and message of its failure.
#[derive(Debug, Default)]
struct Case {
    class: String,
    name: String,
    failure: Option<(String, String)>,
}

type Attributes = Vec<(String, String)>;

/// Every element that begins, with its attributes unquoted.
fn elements(file: &Path) -> Vec<(String, Attributes)> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut found = Vec::new();
    loop {
        let element = match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => element,
            Event::Eof => return found,
            _ => continue,
        };
        let attributes = element.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = quick_xml::escape::unescape(&attribute.value).unwrap();
            (attribute.key.as_ref().to_owned(), value.into_owned())
        });
        let attributes = attributes.collect();
        let name = element.name().as_ref().to_owned();
        found.push((name, attributes));
    }
}

fn attribute(attributes: &Attributes, wanted: &str) -> String {
    let found = attributes.iter().find(|(name, _)| name == wanted);
    found.unwrap().1.clone()
}

fn suite(file: &Path) -> Attributes {
    let suites = elements(file).into_iter();
    let mut suites = suites.filter(|(name, _)| name == "testsuite");
    let (_, attributes) = suites.next().unwrap();
    assert!(suites.next().is_none());
    attributes
}

fn cases(file: &Path) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (name, attributes) in elements(file) {
        match name.as_str() {
            "testcase" => cases.push(Case {
                class: attribute(&attributes, "classname"),
                name: attribute(&attributes, "name"),
                failure: None,
            }),
            "failure" => {
                let told = (
                    attribute(&attributes, "type"),
                    attribute(&attributes, "message"),
                );
                cases.last_mut().unwrap().failure = Some(told);
            }
            _ => {}
        }
    }
    cases
}
