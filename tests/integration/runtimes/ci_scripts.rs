//! The scripts of the GitLab component, as far as they need no gateway: a project
//! is built, scanned and pushed, and its digest set in the manifests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::{
    CLEAN, CRITICAL, Image, MEDIUM, Manifests, Missing, Origin, Pipeline, SCRIPTS, Trivy,
    digest_of, installed, or_skip, outcome,
};

#[test]
fn every_script_is_read_by_a_posix_shell() {
    for script in scripts() {
        outcome(Command::new("sh").arg("-n").arg(script)).expect_ok();
    }
}

#[test]
fn shellcheck_finds_nothing_in_the_scripts() {
    let mut shellcheck = Command::new(or_skip!(installed("shellcheck")));
    outcome(shellcheck.arg("--external-sources").args(scripts())).expect_ok();
}

#[test]
fn each_script_names_the_variable_that_is_missing_and_what_to_give() {
    let pipeline = or_skip!(Pipeline::of(CLEAN));
    let needed = [
        (
            "gate.sh",
            "SEKISHO_IMAGE is not set: say where the image will be pushed",
        ),
        ("push.sh", "SEKISHO_IMAGE is not set: say where to push"),
        (
            "bind.sh",
            "SEKISHO_SERVER is not set: give the address of Sekisho's admin API",
        ),
        (
            "promote.sh",
            "SEKISHO_ENVIRONMENT is not set: name an environment",
        ),
        (
            "set-image.sh",
            "SEKISHO_MANIFESTS is not set: give the https address",
        ),
        (
            "verify.sh",
            "SEKISHO_ENVIRONMENT is not set: name an environment",
        ),
        (
            "merge-request.sh",
            "SEKISHO_MANIFESTS is not set: give the https address",
        ),
        (
            "rescan.sh",
            "SEKISHO_SERVER is not set: give the address of Sekisho's admin API",
        ),
        ("scan.sh", "image-id is missing: run build.sh first"),
    ];
    for (script, expected) in needed {
        let said = pipeline.run(script);
        assert_eq!(said.code, Some(1), "{script}: {}", said.text());
        assert!(said.stderr.contains(expected), "{script}: {}", said.text());
    }
    let server = ("SEKISHO_SERVER", "http://127.0.0.1:1");
    let said = pipeline.run_with("bind.sh", &[server]);
    assert!(
        said.stderr.contains("SEKISHO_TOKEN is not set"),
        "{}",
        said.text()
    );
    assert!(said.stderr.contains("--role scanner"), "{}", said.text());
}

#[test]
fn the_built_image_is_scanned_whole_and_pushed_as_it_was_scanned() {
    let trivy = or_skip!(Trivy::find());
    let pipeline = or_skip!(Pipeline::of(CRITICAL)).with(trivy);
    let (_folder, registry) = or_skip!(empty_registry());
    fs::write(pipeline.checkout().join(".trivyignore"), "CVE-2026-10001\n").unwrap();
    fs::write(pipeline.checkout().join("trivy.yaml"), "severity: [LOW]\n").unwrap();
    pipeline.run("build.sh").expect_ok();
    let filters = [("TRIVY_SEVERITY", "LOW"), ("TRIVY_IGNORE_UNFIXED", "true")];
    pipeline.run_with("scan.sh", &filters).expect_ok();
    let id = pipeline.left("image-id");
    let report: Value = serde_json::from_str(&pipeline.left("report.json")).unwrap();
    assert_eq!(report["Metadata"]["ImageID"], id.trim());
    assert_eq!(vulnerabilities(&report), ["CVE-2026-10001"]);
    let scanner: Value = serde_json::from_str(&pipeline.left("scanner.json")).unwrap();
    assert!(
        scanner["VulnerabilityDB"]["UpdatedAt"].is_string(),
        "{scanner}"
    );

    let image = format!("{}/team/app", registry.address());
    pipeline
        .run_with("push.sh", &[("SEKISHO_IMAGE", &image)])
        .expect_ok();
    let pushed = Image::read(registry.address(), "team/app", "1a2b3c4d");
    assert_eq!(
        pipeline.left("pushed"),
        format!("{image}@{}\n", pushed.digest)
    );
    assert_eq!(pushed.config, id.trim());
}

#[test]
fn a_project_may_say_where_its_recipe_lies() {
    let pipeline = or_skip!(Pipeline::of(MEDIUM));
    let checkout = pipeline.checkout();
    fs::create_dir(checkout.join("build")).unwrap();
    fs::rename(checkout.join("Dockerfile"), checkout.join("build/Recipe")).unwrap();
    let refused = pipeline.run("build.sh").expect_failure();
    assert!(refused.contains("./Dockerfile does not exist"), "{refused}");
    let recipe = [
        ("SEKISHO_DOCKERFILE", "build/Recipe"),
        ("CI_COMMIT_SHA", "1a2b"),
    ];
    pipeline.run_with("build.sh", &recipe).expect_ok();
    let id = pipeline.left("image-id");
    let config = format!("image/blobs/{}", id.trim().replace(':', "/"));
    let config = pipeline.left(&config);
    assert_eq!(digest_of(config.as_bytes()), id.trim());
    assert!(
        config.contains(r#""org.opencontainers.image.revision":"1a2b""#),
        "{config}"
    );
}

#[test]
fn the_digest_is_set_on_marked_lines_of_a_branch_of_its_own() {
    let pipeline = or_skip!(Pipeline::of(CLEAN));
    let manifests = or_skip!(Manifests::with(&[
        ("app/pod.yaml", POD),
        ("kustomization.yml", KUSTOMIZATION),
        ("notes.txt", POD),
    ]));
    let digest = digest_of(b"pushed");
    let variables = deployment(
        &pipeline,
        &manifests,
        &format!("r.example:5000/team/app@{digest}"),
    );
    let variables = borrowed(&variables);
    for script in ["set-image.sh", "merge-request.sh"] {
        pipeline.run_with(script, &variables).expect_ok();
    }
    let branch = format!("sekisho/production-app-{}", &digest[7..19]);
    assert_eq!(manifests.branches(), ["main", &branch]);
    let expected = POD.replace("old:1", &format!("r.example:5000/team/app@{digest}"));
    assert_eq!(manifests.file(&branch, "app/pod.yaml"), expected);
    let expected = KUSTOMIZATION.replace("sha256:0", &digest);
    assert_eq!(manifests.file(&branch, "kustomization.yml"), expected);
    assert_eq!(manifests.file(&branch, "notes.txt"), POD);
    assert_eq!(manifests.file("main", "app/pod.yaml"), POD);
    for option in [
        "create",
        "target=main",
        "title=Set app to ",
        "remove_source_branch",
    ] {
        let option = format!("merge_request.{option}");
        assert!(manifests.push_options().contains(&option), "{option}");
    }
    for script in ["set-image.sh", "merge-request.sh"] {
        pipeline.run_with(script, &variables).expect_ok();
    }
    assert_eq!(
        manifests.branches().len(),
        2,
        "run again, it is the same branch"
    );
}

#[test]
fn nothing_is_pushed_without_a_mark_or_without_a_change() {
    let pipeline = or_skip!(Pipeline::of(CLEAN));
    let pushed = format!("r.example/team/app@{}", digest_of(b"pushed"));
    let unmarked = format!("image: {pushed}   # sekisho: r.example/team/app-two\n");
    let manifests = or_skip!(Manifests::with(&[("pod.yaml", &unmarked)]));
    let variables = deployment(&pipeline, &manifests, &pushed);
    let refused = pipeline.run_with("set-image.sh", &borrowed(&variables));
    let mark = "ends with the mark: # sekisho: r.example/team/app\n";
    assert!(refused.stderr.contains(mark), "{}", refused.text());
    assert_eq!(refused.code, Some(1));

    let marked = format!("image: {pushed}   # sekisho: r.example/team/app\n");
    let manifests = or_skip!(Manifests::with(&[("pod.yaml", &marked)]));
    let variables = deployment(&pipeline, &manifests, &pushed);
    for script in ["set-image.sh", "merge-request.sh"] {
        pipeline.run_with(script, &borrowed(&variables)).expect_ok();
    }
    assert_eq!(manifests.branches(), ["main"]);
}

#[test]
fn the_token_of_the_manifests_is_given_to_git_and_to_nobody_else() {
    let pipeline = or_skip!(Pipeline::of(CLEAN));
    let manifests = or_skip!(Manifests::with(&[("pod.yaml", POD)]));
    let pushed = format!("r.example:5000/team/app@{}", digest_of(b"pushed"));
    let mut variables = deployment(&pipeline, &manifests, &pushed);
    variables.push(("SEKISHO_MANIFESTS_TOKEN", "himitsu".to_owned()));
    variables.push(("GIT_TRACE", "1".to_owned()));
    let traced = pipeline.run_with("set-image.sh", &borrowed(&variables));
    assert!(
        traced.ok() && traced.text().contains("clone"),
        "{}",
        traced.text()
    );
    assert!(!traced.text().contains("himitsu"), "{}", traced.text());

    let asked = "cd \"$1\" && . ./shared.sh && . ./git.sh && printf 'protocol=https\\nhost=h\\n' | git_ credential fill";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", asked, "sh", SCRIPTS])
        .envs(borrowed(&variables));
    let said = outcome(shell.env_remove("GIT_TRACE")).expect_ok();
    assert!(
        said.contains("username=oauth2\npassword=himitsu\n"),
        "{said}"
    );

    let address = "https://robot:himitsu@gitlab.example/manifests.git";
    let refused = pipeline.run_with("set-image.sh", &[("SEKISHO_MANIFESTS", address)]);
    assert!(
        refused.stderr.contains("holds a user or a token"),
        "{}",
        refused.text()
    );
    assert!(!refused.text().contains("himitsu"), "{}", refused.text());
}

const POD: &str = "spec:\n  containers:\n    - image: old:1   # sekisho: r.example:5000/team/app\n      \
    name: app\n    - image: old:2   # sekisho: r.example:5000/team/app-two\n";
const KUSTOMIZATION: &str =
    "images:\n  - name: app\n    digest: sha256:0   # sekisho: r.example:5000/team/app\n";

fn scripts() -> Vec<PathBuf> {
    let entries = fs::read_dir(SCRIPTS).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn empty_registry() -> Result<(TempDir, Origin), Missing> {
    let folder = tempfile::tempdir().unwrap();
    let registry = Origin::on_storage(folder.path())?;
    Ok((folder, registry))
}

fn vulnerabilities(report: &Value) -> Vec<&str> {
    let results = report["Results"].as_array().unwrap().iter();
    let found = results.filter_map(|result| result["Vulnerabilities"].as_array());
    found
        .flatten()
        .map(|found| found["VulnerabilityID"].as_str().unwrap())
        .collect()
}

/// The variables of the jobs that deploy, after a push of this name.
fn deployment(
    pipeline: &Pipeline,
    manifests: &Manifests,
    pushed: &str,
) -> Vec<(&'static str, String)> {
    let out = pipeline.checkout().join("sekisho-out");
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("pushed"), format!("{pushed}\n")).unwrap();
    vec![
        ("SEKISHO_MANIFESTS", manifests.address()),
        ("SEKISHO_ENVIRONMENT", "production".to_owned()),
    ]
}

fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    let borrow = |(name, value): &'a (&'static str, String)| (*name, value.as_str());
    variables.iter().map(borrow).collect()
}
