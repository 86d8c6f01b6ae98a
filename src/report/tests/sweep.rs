//! A sweep over mutated documents: whatever key is lost, renamed or of another type, at
//! whatever depth, a document that denies an image does not become one that passes it,
//! unless a finding is gone whole.

use serde_json::{Map, Value, json};

use crate::oci::{ChainId, Digest, Platform};
use crate::report::{BindTarget, ScanReport, Severity, read};

const TRIVY: &str = include_str!("../../../tests/fixtures/reports/trivy-findings.json");
const SUPPRESSED: &str = include_str!("../../../tests/fixtures/reports/trivy-suppressed.json");
const GRYPE: &str = include_str!("../../../tests/fixtures/reports/grype-findings.json");
const GITLAB: &str = include_str!("../../../tests/fixtures/reports/gitlab-findings.json");
const HARBOR: &str = include_str!("../../../tests/fixtures/reports/harbor-findings.json");
const AQUA: &str = include_str!("../../../tests/fixtures/reports/aqua-scannercli.json");
const AQUA_PAGE: &str = include_str!("../../../tests/fixtures/reports/aqua-page.json");
const AQUA_IMAGE: &str = include_str!("../../../tests/fixtures/reports/aqua-image.json");
const COSIGN: &str = include_str!("../../../tests/fixtures/reports/cosign-vuln.json");
const SARIF: &str = include_str!("../../../tests/fixtures/reports/sarif.json");
const CYCLONEDX: &str = include_str!("../../../tests/fixtures/reports/cyclonedx.json");
const IN_TOTO: &str = include_str!("../../../tests/fixtures/reports/in-toto-vulns.json");

/// What stands in the place of a value.
const REPLACEMENTS: [fn(&Value) -> Value; 8] = [
    |_| Value::Null,
    |_| json!(""),
    |_| json!([]),
    |_| json!({}),
    |_| json!(0),
    |_| json!(false),
    |value| json!(value.to_string()),
    |value| json!([value]),
];

type Path = Vec<String>;

/// Each way to mutate a document in one place: the place, and the document.
fn mutations(document: &Value) -> Vec<(Path, Value)> {
    let mut mutated = Vec::new();
    for path in paths(document, &Vec::new()) {
        let (key, parent) = path.split_last().unwrap();
        let at = |document: &mut Value| {
            let parent = parent.iter().fold(document, |value, key| step(value, key));
            std::mem::take(parent)
        };
        let mut put = |change: &dyn Fn(Value) -> Value| {
            let mut copy = document.clone();
            let changed = change(at(&mut copy));
            *parent.iter().fold(&mut copy, |value, key| step(value, key)) = changed;
            mutated.push((path.clone(), copy));
        };
        put(&|parent| without(parent, key));
        if matches!(follow(document, parent), Value::Object(_)) {
            for name in [format!("{key}x"), swap_case(key)] {
                put(&|parent| renamed(parent, key, &name));
            }
        }
        for replacement in REPLACEMENTS {
            put(&|mut parent| {
                let value = step(&mut parent, key);
                *value = replacement(value);
                parent
            });
        }
    }
    mutated
}

fn paths(value: &Value, here: &Path) -> Vec<Path> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, it)| (key.clone(), it)).collect(),
        Value::Array(list) => (0..).map(|at: usize| at.to_string()).zip(list).collect(),
        _ => Vec::new(),
    };
    let mut paths = Vec::new();
    for (key, value) in inner {
        let path: Path = here.iter().cloned().chain([key]).collect();
        let below = self::paths(value, &path);
        paths.push(path);
        paths.extend(below);
    }
    paths
}

fn step<'v>(value: &'v mut Value, key: &str) -> &'v mut Value {
    match value {
        Value::Object(object) => &mut object[key],
        Value::Array(list) => &mut list[key.parse::<usize>().unwrap()],
        _ => unreachable!("a path leads through lists and objects"),
    }
}

fn follow<'v>(document: &'v Value, path: &[String]) -> &'v Value {
    path.iter().fold(document, |value, key| match value {
        Value::Array(list) => &list[key.parse::<usize>().unwrap()],
        other => &other[key],
    })
}

fn without(mut parent: Value, key: &str) -> Value {
    match &mut parent {
        Value::Object(object) => drop(object.remove(key)),
        Value::Array(list) => drop(list.remove(key.parse().unwrap())),
        _ => unreachable!("only lists and objects hold anything"),
    }
    parent
}

fn renamed(parent: Value, key: &str, name: &str) -> Value {
    let Value::Object(object) = parent else {
        unreachable!("only objects have keys")
    };
    let rename = |(own, value): (String, Value)| match own == key {
        true => (name.to_owned(), value),
        false => (own, value),
    };
    Value::Object(object.into_iter().map(rename).collect::<Map<_, _>>())
}

fn swap_case(key: &str) -> String {
    let swap = |it: char| match it.is_uppercase() {
        true => it.to_ascii_lowercase(),
        false => it.to_ascii_uppercase(),
    };
    key.chars().map(swap).collect()
}

/// Whether the image passes on this report alone, under that ceiling. A format that can
/// only deny passes here if it does not deny; what it left unrated policy rates.
fn passes(document: &Value, ceiling: Severity) -> bool {
    let Ok(report) = read(document.to_string().as_bytes(), None) else {
        return false;
    };
    let unrated = match report.format.can_satisfy() {
        true => Severity::Medium,
        false => Severity::Critical,
    };
    let severe = report.findings.iter();
    let severe = severe.filter(|it| it.severity.unwrap_or(unrated) > ceiling);
    is_of_the_image(&report)
        && report.incomplete.is_empty()
        && !report.end_of_life
        && report.malware == 0
        && severe.count() == 0
}

fn is_of_the_image(report: &ScanReport) -> bool {
    let layers = [Digest::sha256(b"layer 1"), Digest::sha256(b"layer 2")];
    let mut platforms = ["linux/amd64", "linux/arm64/v8"].into_iter();
    let binds = |platform| {
        report.subject.binding(&BindTarget {
            manifest: &Digest::sha256(b"manifest"),
            index: Some(&Digest::sha256(b"index")),
            config: &Digest::sha256(b"config"),
            platform: &Platform::parse(platform).unwrap(),
            chain_id: ChainId::of(&layers).as_ref(),
            declared: true,
        })
    };
    platforms.any(|platform| binds(platform).is_ok())
}

/// A document, and what a sweep must know of its format.
struct Swept {
    name: &'static str,
    text: &'static str,
    /// Where lists of findings lie, with `*` for any key.
    findings: &'static [&'static str],
    /// What else changes with the findings that are listed.
    recount: fn(&mut Value, listed: u64),
    /// Keys that the format itself leaves out, so that nobody can miss them.
    optional: &'static [&'static str],
}

impl Swept {
    const fn new(
        name: &'static str,
        text: &'static str,
        findings: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            text,
            findings,
            recount: |_, _| {},
            optional: &[],
        }
    }

    /// The document with each of its findings alone, and where that lies. Nothing else
    /// denies there: without the finding it passes.
    fn documents(&self, ceiling: Severity) -> Vec<(Value, Path)> {
        let whole: Value = serde_json::from_str(self.text).unwrap();
        let is_finding = |path: &Path| self.findings.iter().any(|it| matches(it, path));
        let all = paths(&whole, &Vec::new()).into_iter().filter(is_finding);
        let all: Vec<Path> = all.collect();
        let mut clean = only(&whole, &all, None).0;
        (self.recount)(&mut clean, 0);
        assert!(
            self.name == "page" || passes(&clean, ceiling),
            "{}: {clean}",
            self.name
        );
        let alone = all.iter().map(|kept| {
            let (mut document, at) = only(&whole, &all, Some(kept));
            (self.recount)(&mut document, 1);
            (document, at.unwrap())
        });
        alone
            .filter(|(document, _)| !passes(document, ceiling))
            .collect()
    }

    /// What made a document pass that denied, and how many there were.
    fn sweep(&self) -> (Vec<String>, usize) {
        let mut slipped = Vec::new();
        let mut swept = 0;
        for ceiling in [Severity::Low, Severity::High] {
            for (document, finding) in self.documents(ceiling) {
                swept += 1;
                for (path, mutated) in mutations(&document) {
                    let optional = self.optional.contains(&&**path.last().unwrap());
                    if !finding.starts_with(&path) && !optional && passes(&mutated, ceiling) {
                        let (name, value) = (self.name, follow(&document, &path));
                        slipped.push(format!(
                            "{name} {} above {ceiling}: {value}",
                            path.join("/")
                        ));
                    }
                }
            }
        }
        slipped.dedup();
        (slipped, swept)
    }
}

fn matches(pattern: &str, path: &Path) -> bool {
    let parts: Vec<&str> = pattern.split(' ').collect();
    let same = |(part, key): (&&str, &String)| *part == "*" || part == key;
    parts.len() == path.len() && parts.iter().zip(path).all(same)
}

/// The document with one of its findings or none, and where that then lies.
fn only(whole: &Value, all: &[Path], kept: Option<&Path>) -> (Value, Option<Path>) {
    let mut document = whole.clone();
    let mut at = kept.cloned();
    // From the last on, so that the places of the others stay.
    for path in all.iter().rev().filter(|path| Some(*path) != kept) {
        let (key, parent) = path.split_last().unwrap();
        let list = parent
            .iter()
            .fold(&mut document, |value, key| step(value, key));
        *list = without(std::mem::take(list), key);
        if let Some((own, beside)) = at.as_mut().and_then(|at| at.split_last_mut())
            && *beside == *parent
        {
            let (place, removed): (usize, usize) = (own.parse().unwrap(), key.parse().unwrap());
            *own = (place - usize::from(removed < place)).to_string();
        }
    }
    (document, at)
}

/// The gravest that Aqua rates anything, as its summaries count it.
fn recount_aqua(document: &mut Value, listed: u64) {
    let text = document.to_string();
    let word = ["high", "medium", "low", "negligible"];
    let word = word
        .into_iter()
        .find(|word| text.contains(&format!("severity\":\"{word}\"")));
    let counts = json!({"total": listed, word.unwrap_or("unknown"): listed});
    for summary in ["vulnerability_summary", "cves_counts"] {
        if document.get(summary).is_some() {
            document[summary] = counts.clone();
        }
    }
}

const TRIVY_LISTS: &[&str] = &[
    "Results * Vulnerabilities *",
    "Results * ExperimentalModifiedFindings *",
];
const GRYPE_LISTS: &[&str] = &["matches *", "ignoredMatches *"];

const ALL: [Swept; 12] = [
    Swept::new("trivy", TRIVY, TRIVY_LISTS),
    Swept {
        // What is past its end of life passes nowhere here.
        recount: |document, _| document["Metadata"]["OS"]["EOSL"] = json!(false),
        ..Swept::new("suppressed", SUPPRESSED, TRIVY_LISTS)
    },
    Swept::new("grype", GRYPE, GRYPE_LISTS),
    Swept::new("gitlab", GITLAB, &["vulnerabilities *"]),
    Swept {
        recount: |document, listed| {
            let report = document
                .as_object_mut()
                .unwrap()
                .values_mut()
                .next()
                .unwrap();
            let severity = &report["vulnerabilities"][0]["severity"];
            report["severity"] = match listed {
                0 => json!("None"),
                _ => severity.clone(),
            };
        },
        ..Swept::new("harbor", HARBOR, &["* vulnerabilities *"])
    },
    Swept {
        recount: recount_aqua,
        ..Swept::new("aqua", AQUA, &["resources * vulnerabilities *"])
    },
    Swept {
        recount: |document, listed| document["count"] = json!(listed),
        // NVD's rating beside Aqua's own, and what an advisory mends: not every
        // vulnerability has them.
        optional: &["nvd_cvss3_score", "referenced_vulnerabilities"],
        ..Swept::new("page", AQUA_PAGE, &["result *"])
    },
    Swept {
        recount: recount_aqua,
        ..Swept::new("aqua image", AQUA_IMAGE, &["cves *"])
    },
    Swept::new(
        "cosign",
        COSIGN,
        &["predicate scanner result Results * Vulnerabilities *"],
    ),
    Swept::new("sarif", SARIF, &["runs * results *"]),
    Swept::new("cyclonedx", CYCLONEDX, &["vulnerabilities *"]),
    Swept::new("in-toto", IN_TOTO, &["predicate scanner result *"]),
];

#[test]
fn no_mutation_of_a_document_that_denies_makes_it_pass() {
    let mut all = Vec::new();
    for swept in ALL {
        let (slipped, documents) = swept.sweep();
        assert!(documents > 0, "{} denies nothing", swept.name);
        all.extend(slipped);
    }
    assert!(all.is_empty(), "{}:\n{}", all.len(), all.join("\n"));
}

macro_rules! fault {
    ($file:literal) => {
        include_str!(concat!("../../../tests/fixtures/reports/faults/", $file))
    };
}

/// Nothing in these is too severe: they say that a scan failed, or show none that ended.
#[test]
fn no_mutation_of_a_document_without_a_whole_scan_makes_it_pass() {
    let clean = include_str!("../../../tests/fixtures/reports/gitlab-clean.json");
    let failed = clean.replace("\"success\"", "\"failure\"");
    let invalid = fault!("grype-matches-null.json").replace("\"matches\": null", "\"matches\": []");
    let invalid = invalid.replace("\"valid\": true", "\"valid\": false");
    for (text, optional) in [
        (&*failed, &[][..]),
        (&*invalid, &[]),
        (fault!("cosign-vuln-wraps-sarif.json"), &[]),
        (fault!("cosign-vuln-wraps-cyclonedx.json"), &[]),
        (fault!("aqua-no-proof-of-a-scan.json"), &[]),
        (fault!("aqua-empty-summary.json"), &[]),
        (fault!("harbor-names-no-image.json"), &[]),
        (fault!("page-of-repositories.json"), &[]),
        (fault!("page-of-tickets.json"), &[]),
        // An empty list there is an answer.
        (fault!("grype-matches-null.json"), &["matches"]),
        (fault!("trivy-secrets-only.json"), &[]),
    ] {
        let document: Value = serde_json::from_str(text).unwrap();
        assert!(!passes(&document, Severity::High), "{text}");
        for (path, mutated) in mutations(&document) {
            let optional = optional.contains(&&**path.last().unwrap());
            let passes = passes(&mutated, Severity::High);
            assert!(optional || !passes, "{}: {mutated}", path.join("/"));
        }
    }
}

macro_rules! vendor {
    ($file:literal, $findings:expr) => {
        (
            $file,
            include_str!(concat!("../../../tests/fixtures/reports/", $file, ".json")),
            &$findings[..],
        )
    };
}

/// Each of these holds one critical finding and some below: it alone denies.
#[test]
fn no_mutation_of_another_vendors_document_that_denies_makes_it_pass() {
    let features = ["data Layer Features * Vulnerabilities *"];
    let clair = [
        "vulnerabilities *",
        "package_vulnerabilities *",
        "package_vulnerabilities * *",
    ];
    for (name, text, findings) in [
        vendor!("trivy-operator", ["report vulnerabilities *"]),
        vendor!("ecr-basic", ["imageScanFindings findings *"]),
        vendor!("ecr-enhanced", ["imageScanFindings enhancedFindings *"]),
        vendor!("inspector", ["findings *"]),
        vendor!("prisma", ["results * vulnerabilities *"]),
        vendor!("snyk", ["vulnerabilities *"]),
        vendor!("clair", clair),
        vendor!("quay", features),
        vendor!("anchore", ["vulnerabilities *"]),
    ] {
        let document: Value = serde_json::from_str(text).unwrap();
        assert!(!passes(&document, Severity::High), "{name}");
        let listed = paths(&document, &Vec::new());
        let is_finding = |path: &&Path| findings.iter().any(|it| matches(it, path));
        let listed: Vec<&Path> = listed.iter().filter(is_finding).collect();
        for (path, mutated) in mutations(&document) {
            let whole_finding = listed.iter().any(|finding| finding.starts_with(&path));
            let passes = passes(&mutated, Severity::High);
            assert!(whole_finding || !passes, "{name}: {}", path.join("/"));
        }
    }
}
