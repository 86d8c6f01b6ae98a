//! The whole pipeline of the GitLab component against real registries, the real
//! Trivy and the real gateway: from the build to the merge request for Argo CD,
//! each job with its own token.

use tempfile::TempDir;

use crate::lab::{
    CLEAN, CRITICAL, Gateway, Manifests, Missing, Origin, Outcome, Package, Pipeline, Setup, Site,
    Trivy, or_skip,
};

/// Exit code of commands, and so of jobs, for "denied".
const DENIED: Option<i32> = Some(3);

/// A script, and whose token its job has.
type Job = (&'static str, &'static str);

const BUILD: &[Job] = &[("build.sh", ""), ("scan.sh", "")];
const GATE: Job = ("gate.sh", "scanner");
const PUSH: &[Job] = &[("push.sh", ""), ("bind.sh", "scanner")];
const PROMOTE: Job = ("promote.sh", "promoter");
const SET: Job = ("set-image.sh", "");
const VERIFY: Job = ("verify.sh", "viewer");
const REQUEST: Job = ("merge-request.sh", "");

#[test]
fn a_clean_image_goes_from_the_build_to_the_merge_request() {
    let team = or_skip!(Team::open(CLEAN));
    team.run_all(BUILD);
    let gated = team.run(GATE).expect_ok();
    assert!(gated.contains("as if promoted to production"), "{gated}");
    assert!(team.written().is_empty(), "pushed before the gate");
    team.run_all(PUSH);
    assert!(team.pull().contains("not-promoted"), "{}", team.pull());
    team.run(PROMOTE).expect_ok();
    assert_eq!(team.pull(), "");
    team.run_all(&[SET, VERIFY, REQUEST]);
    let junit = team.pipeline.left("junit.xml");
    assert!(junit.contains("<testsuite"), "{junit}");
    assert!(!junit.contains("<failure"), "{junit}");

    let pushed = team.pushed();
    let digest = pushed.rsplit(':').next().unwrap();
    let branch = format!("sekisho/production-app-{}", &digest[..12]);
    assert_eq!(team.manifests.branches(), ["main", &branch]);
    let deployment = team.manifests.file(&branch, "app/deployment.yaml");
    assert!(
        deployment.contains(&format!("image: {pushed}   #")),
        "{deployment}"
    );
    let options = team.manifests.push_options();
    assert!(options.contains("merge_request.create"), "{options}");
}

#[test]
fn an_image_that_would_be_denied_is_never_pushed_until_it_is_fixed() {
    let team = or_skip!(Team::open(CRITICAL));
    team.run_all(BUILD);
    let denied = team.run(GATE);
    assert_eq!(denied.code, DENIED, "{}", denied.text());
    for part in [
        "too-severe",
        "CVE-2026-10001",
        "sekisho-demo-openssl",
        "3.0.2-1",
    ] {
        assert!(denied.text().contains(part), "{part}: {}", denied.text());
    }
    assert!(team.written().is_empty(), "{:?}", team.written());
    let refused = team.run(PROMOTE);
    assert!(
        refused.stderr.contains("run push.sh first"),
        "{}",
        refused.text()
    );

    team.pipeline.change(CLEAN);
    team.run_all(BUILD);
    team.run(GATE).expect_ok();
    team.run_all(PUSH);
    team.run(PROMOTE).expect_ok();
    assert_eq!(team.pull(), "");
}

#[test]
fn without_the_binding_a_scan_counts_for_no_digest() {
    let team = or_skip!(Team::open(CLEAN));
    team.run_all(BUILD);
    team.run(GATE).expect_ok();
    team.run(("push.sh", "")).expect_ok();
    let denied = team.run(PROMOTE);
    assert_eq!(denied.code, DENIED, "{}", denied.text());
    assert!(denied.text().contains("not-scanned"), "{}", denied.text());
    let refused = team.run(("bind.sh", "promoter"));
    assert!(!refused.ok(), "a promoter bound: {}", refused.text());
    team.run(("bind.sh", "scanner")).expect_ok();
    team.run(PROMOTE).expect_ok();
}

#[test]
fn manifests_with_an_image_that_is_not_promoted_get_no_merge_request() {
    let team = or_skip!(Team::open(CLEAN));
    team.run_all(BUILD);
    team.run(GATE).expect_ok();
    team.run_all(PUSH);
    team.run(SET).expect_ok();
    let denied = team.run(VERIFY);
    assert_eq!(denied.code, DENIED, "{}", denied.text());
    assert!(denied.text().contains("not-promoted"), "{}", denied.text());
    let junit = team.pipeline.left("junit.xml");
    assert!(junit.contains("<failure"), "{junit}");
    assert_eq!(team.manifests.branches(), ["main"]);
}

#[test]
fn manifests_are_verified_as_a_command_renders_them() {
    let team = or_skip!(Team::open(CLEAN));
    team.run_all(BUILD);
    team.run(GATE).expect_ok();
    team.run_all(PUSH);
    team.run(PROMOTE).expect_ok();
    team.run(SET).expect_ok();
    let render = |command| team.run_with(VERIFY, &[("SEKISHO_RENDER", command)]);
    render("cat app/*.yaml").expect_ok();
    let denied = render("sed 's/@sha256:.*/:latest/' app/deployment.yaml");
    assert_eq!(denied.code, DENIED, "{}", denied.text());
    let failed = render("cat app/*.yaml; exit 7");
    assert_eq!(failed.code, Some(1), "{}", failed.text());
    assert!(
        failed.stderr.contains("SEKISHO_RENDER failed"),
        "{}",
        failed.text()
    );
}

#[test]
fn what_is_due_is_scanned_at_its_own_registry() {
    let trivy = or_skip!(Trivy::find());
    let mut site = or_skip!(Site::open());
    let mut pipeline = or_skip!(Pipeline::of(CLEAN)).with(trivy);
    pipeline.set("SEKISHO_SERVER", &site.gateway.server());
    pipeline.set("SEKISHO_TOKEN", &site.gateway.token("rescan", "scanner"));
    let (clean, critical) = (site.image("team/clean"), site.image("team/critical"));
    for image in [&clean, &critical] {
        let path = format!(
            "/v2/development/{}/manifests/{}",
            image.repository, image.digest
        );
        assert_eq!(site.gateway.get(&path).status, 403);
    }
    let decided = site
        .gateway
        .metric("sekisho_decisions_total", "door=\"registry\"");
    let said = pipeline.run("rescan.sh");
    assert!(said.ok(), "{}", said.text());
    assert!(
        said.stderr.contains("scanned 2, failed 0"),
        "{}",
        said.text()
    );
    assert!(!site.development.requests_by("trivy/").is_empty());
    let after = site
        .gateway
        .metric("sekisho_decisions_total", "door=\"registry\"");
    assert_eq!(decided, after, "the gateway was asked for an image");
    for (image, reason) in [(&clean, "not-promoted"), (&critical, "too-severe")] {
        let name = site.upstream_name(image);
        let explained = site.gateway.command(&["explain", &name]);
        assert_eq!(explained.code, DENIED);
        assert!(explained.text().contains(reason), "{}", explained.text());
        assert!(
            !explained.text().contains("not-scanned"),
            "{}",
            explained.text()
        );
    }
    let again = pipeline.run("rescan.sh");
    assert!(
        again.stderr.contains("scanned 0, failed 0"),
        "{}",
        again.text()
    );

    let spare = site.image("team/medium");
    site.gateway
        .get(&format!("/v2/development/{}/manifests/1", spare.repository));
    site.development.stop();
    let failed = pipeline.run("rescan.sh");
    assert_eq!(failed.code, Some(1), "{}", failed.text());
    let named = format!("not scanned: {}", site.upstream_name(&spare));
    assert!(failed.stderr.contains(&named), "{}", failed.text());
}

/// A team's project, registry and manifests, and the gateway before its cluster.
struct Team {
    pipeline: Pipeline,
    manifests: Manifests,
    registry: Origin,
    gateway: Gateway,
    tokens: Vec<(&'static str, String)>,
    _storage: TempDir,
}

impl Team {
    fn open(packages: &[Package]) -> Result<Self, Missing> {
        let trivy = Trivy::find()?;
        let storage = tempfile::tempdir().unwrap();
        let registry = Origin::on_storage(storage.path())?;
        let address = registry.address().to_owned();
        let gateway = Gateway::start(&Setup::new().upstream("team", &address, &address));
        let image = format!("{address}/team/app");
        let manifests = Manifests::with(&[("app/deployment.yaml", &deployment(&image))])?;
        let mut pipeline = Pipeline::of(packages)?.with(trivy);
        pipeline.set("SEKISHO_SERVER", &gateway.server());
        pipeline.set("SEKISHO_IMAGE", &image);
        pipeline.set("SEKISHO_ENVIRONMENT", "production");
        pipeline.set("SEKISHO_MANIFESTS", &manifests.address());
        let roles = ["scanner", "promoter", "viewer"];
        Ok(Self {
            tokens: roles.map(|role| (role, gateway.token(role, role))).into(),
            pipeline,
            manifests,
            registry,
            gateway,
            _storage: storage,
        })
    }

    fn run(&self, job: Job) -> Outcome {
        self.run_with(job, &[])
    }

    fn run_with(&self, (script, role): Job, variables: &[(&str, &str)]) -> Outcome {
        let tokens = self.tokens.iter().filter(|(name, _)| *name == role);
        let token = tokens.map(|(_, secret)| ("SEKISHO_TOKEN", secret.as_str()));
        let variables: Vec<(&str, &str)> = token.chain(variables.iter().copied()).collect();
        let outcome = self.pipeline.run_with(script, &variables);
        for (_, secret) in &self.tokens {
            assert!(!outcome.text().contains(secret), "{script} shows a token");
        }
        outcome
    }

    fn run_all(&self, jobs: &[Job]) {
        for job in jobs {
            self.run(*job).expect_ok();
        }
    }

    /// `host/name@digest`, as push.sh left it.
    fn pushed(&self) -> String {
        self.pipeline.left("pushed").trim().to_owned()
    }

    /// Why the cluster gets the pushed image not; empty if it does.
    fn pull(&self) -> String {
        let pushed = self.pushed();
        let digest = pushed.rsplit('@').next().unwrap();
        let answer = self
            .gateway
            .get(&format!("/v2/team/team/app/manifests/{digest}"));
        match answer.status {
            200 => String::new(),
            status => format!("{status} {}", answer.text()),
        }
    }

    /// What the registry was asked to store.
    fn written(&self) -> Vec<String> {
        let requests = self.registry.requests().into_iter();
        let writes = requests.filter(|request| !matches!(&*request.method, "GET" | "HEAD"));
        writes.map(|request| request.path).collect()
    }
}

fn deployment(image: &str) -> String {
    let container = format!("- name: app\n          image: {image}:none   # sekisho: {image}");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\nspec:\n  template:\n    \
         spec:\n      containers:\n        {container}\n"
    )
}
