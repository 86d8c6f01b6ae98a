//! SARIF 2.1.0, as scanners write it for code hosts. It can deny, and is no pass:
//! it leaves out when and with which database, and its levels do not tell high
//! from critical.
//!
//! What counts is the rule's `security-severity` or the severity word among its
//! tags. The level counts where there is neither: an error may be as grave as any.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, each};
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, Tool, field,
    identifiers, rating,
};
use crate::oci::{Digest, printable};

/// Tags of results that are no vulnerabilities.
const OTHER_RESULT_TAGS: [&str; 3] = ["misconfiguration", "secret", "license"];

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    runs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Run<'a> {
    #[serde(borrow)]
    tool: RunTool<'a>,
    #[serde(borrow)]
    results: Option<&'a RawValue>,
    #[serde(borrow)]
    invocations: Option<Few<Invocation<'a>>>,
    properties: Option<About>,
}

#[derive(Deserialize)]
struct RunTool<'a> {
    #[serde(borrow)]
    driver: Driver<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: String,
    version: Option<String>,
    semantic_version: Option<String>,
    #[serde(borrow)]
    rules: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: Option<bool>,
    #[serde(borrow)]
    end_time_utc: Option<&'a RawValue>,
}

/// What Trivy says of the image.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    image_name: Option<String>,
    repo_digests: Option<Few<String>>,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    id: String,
    #[serde(borrow)]
    properties: Option<RuleProperties<'a>>,
    name: Option<String>,
    short_description: Option<Message>,
    full_description: Option<Message>,
    help: Option<Message>,
    help_uri: Option<String>,
    #[serde(borrow)]
    default_configuration: Option<RuleConfiguration<'a>>,
}

#[derive(Deserialize)]
struct RuleConfiguration<'a> {
    #[serde(borrow)]
    level: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RuleProperties<'a> {
    #[serde(borrow, rename = "security-severity")]
    score: Option<&'a RawValue>,
    tags: Option<Few<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    level: Option<Cow<'a, str>>,
    rule_id: Option<String>,
    rule_index: Option<i64>,
    message: Option<Message>,
    suppressions: Option<Few<Suppression>>,
    #[serde(borrow)]
    properties: Option<OutcomeProperties<'a>>,
}

/// Some tools rate the result, and not its rule.
#[derive(Deserialize)]
struct OutcomeProperties<'a> {
    #[serde(borrow, rename = "security-severity")]
    score: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    text: String,
    #[serde(default)]
    markdown: String,
}

#[derive(Deserialize)]
struct Suppression {
    #[serde(default)]
    kind: String,
}

/// A rule, as far as its results need it.
struct Rated {
    id: String,
    /// Ids that stand in what it is called.
    identifiers: Vec<String>,
    /// Ids that stand in its texts and links.
    mentioned: Vec<String>,
    severity: Option<Severity>,
    /// It has a score, which may say nothing.
    is_scored: bool,
    is_error: bool,
    is_vulnerability: bool,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    if document.version != "2.1.0" {
        return Err(ReportError::field("version", "only SARIF 2.1.0 is read"));
    }
    let mut gathered = Gathered::default();
    each("runs", document.runs, |run| gathered.add(run))?;
    let Some(tool) = gathered.tool else {
        return Err(ReportError::field("runs", "there is no run"));
    };
    Ok(ScanReport {
        format: Format::Sarif,
        tool,
        subject: gathered.subject,
        scanned_at: gathered.scanned_at,
        database_at: None,
        incomplete: gathered.incomplete,
        end_of_life: false,
        malware: 0,
        secrets: 0,
        findings: gathered.findings.distinct(),
        packages: Vec::new(),
    })
}

/// What the runs add up to.
#[derive(Default)]
struct Gathered {
    tool: Option<Tool>,
    subject: ReportSubject,
    scanned_at: Option<jiff::Timestamp>,
    incomplete: Vec<Incomplete>,
    findings: Findings,
}

impl Gathered {
    fn add(&mut self, run: Run<'_>) -> Result<(), ReportError> {
        let driver = &run.tool.driver;
        let version = driver.semantic_version.as_ref().or(driver.version.as_ref());
        self.tool.get_or_insert(Tool {
            name: printable(&driver.name, 64).to_ascii_lowercase(),
            version: version.map(|version| printable(version, 64)),
        });
        self.note_invocations(run.invocations.unwrap_or_default().0)?;
        self.note_subject(run.properties.unwrap_or_default())?;
        let rules = rules(driver.rules)?;
        let by_id: HashMap<&str, &Rated> = rules.iter().map(|rule| (&*rule.id, rule)).collect();
        each("results", run.results, |outcome: Outcome<'_>| {
            let rule = outcome.rule(&rules, &by_id);
            if outcome.is_no_finding() || rule.is_some_and(|rule| !rule.is_vulnerability) {
                return Ok(());
            }
            self.findings.push(finding(outcome, rule)?)
        })
    }

    fn note_invocations(&mut self, invocations: Vec<Invocation<'_>>) -> Result<(), ReportError> {
        for invocation in invocations {
            if invocation.execution_successful == Some(false) {
                let why = "its invocation was not successful".to_owned();
                self.incomplete.push(Incomplete::Failed(why));
            }
            let ended = field::time("endTimeUtc", invocation.end_time_utc)?;
            self.scanned_at = self.scanned_at.max(ended);
        }
        Ok(())
    }

    fn note_subject(&mut self, about: About) -> Result<(), ReportError> {
        let digests = about.repo_digests.unwrap_or_default().0;
        let digests = digests.iter().map(|text| field::repo_digest(text));
        let manifests = field::digests("repoDigests", digests)?;
        let image_id = field::digest("imageID", &about.image_id.unwrap_or_default())?;
        let known = &mut self.subject;
        agree(known.image_id.as_ref(), image_id.as_ref())?;
        known.image_id = image_id.or_else(|| known.image_id.take());
        known.manifests.extend(manifests);
        let name = about.image_name.map(|name| printable(&name, 512));
        known.name = known.name.take().or(name);
        Ok(())
    }
}

/// Runs are of one image.
fn agree(first: Option<&Digest>, other: Option<&Digest>) -> Result<(), ReportError> {
    match (first, other) {
        (Some(first), Some(other)) if first != other => Err(ReportError::SeveralImages {
            first: first.to_string(),
            other: other.to_string(),
        }),
        _ => Ok(()),
    }
}

fn rules(list: Option<&RawValue>) -> Result<Vec<Rated>, ReportError> {
    let mut rules = Vec::new();
    each("rules", list, |rule: Rule<'_>| {
        if rules.len() == super::MAX_FINDINGS {
            return Err(ReportError::TooManyFindings(super::MAX_FINDINGS));
        }
        rules.push(rated(rule)?);
        Ok(())
    })?;
    Ok(rules)
}

/// The gravest of the score and the words.
fn rated(rule: Rule<'_>) -> Result<Rated, ReportError> {
    let (score, tags) = match rule.properties {
        Some(properties) => (properties.score, properties.tags.unwrap_or_default().0),
        None => (None, Vec::new()),
    };
    let words = tags.iter().filter_map(|tag| Severity::from_trivy(tag).ok());
    let severity = words.flatten().max().max(scored(score));
    let texts = [rule.short_description, rule.full_description, rule.help];
    let texts = texts
        .iter()
        .flatten()
        .flat_map(|it| [&it.text, &it.markdown]);
    let words = std::iter::once(&rule.id).chain(&tags).chain(&rule.name);
    let identifiers = all_in(words)?;
    let mentioned = all_in(texts.chain(&rule.help_uri))?;
    let level = rule.default_configuration.and_then(|it| it.level);
    Ok(Rated {
        identifiers,
        mentioned,
        is_scored: score.is_some(),
        is_error: level.as_deref() == Some("error"),
        id: rule.id,
        severity,
        is_vulnerability: tags.iter().any(|tag| tag == "vulnerability")
            || !tags.iter().any(|tag| OTHER_RESULT_TAGS.contains(&&**tag)),
    })
}

/// The ids that stand in texts, each once.
        source: None,
fn all_in<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<String>, ReportError> {
    let mut ids = field::Aliases::new("rules", "");
    for text in texts {
        ids.add_within(text)?;
    }
    Ok(ids.listed().0)
}

/// A score, as text or as a number, or a word in its place. What is neither rates
/// nothing, unless it begins with a number: some tools write `undefined`.
fn scored(score: Option<&RawValue>) -> Option<Severity> {
    let Ok(rated) = rating::of_score("security-severity", score) else {
        let text: Option<String> = serde_json::from_str(score?.get()).ok();
        return rating::leading_score(&text?);
    };
    rated
}

impl Outcome<'_> {
    /// It says of something that it is in order, or not asked for.
    fn is_no_finding(&self) -> bool {
        matches!(self.kind.as_deref(), Some("pass" | "notApplicable"))
    }

    /// What an error counts as that nothing rates: scanners call high and critical so.
    fn unrated_error(&self, rule: Option<&Rated>) -> Option<Severity> {
        let is_error = match self.level.as_deref() {
            Some(level) => level == "error",
            None => rule.is_some_and(|rule| rule.is_error),
        };
        let lost = is_error && !rule.is_some_and(|rule| rule.is_scored);
        lost.then_some(Severity::Critical)
    }

    fn rule<'r>(&self, rules: &'r [Rated], by_id: &HashMap<&str, &'r Rated>) -> Option<&'r Rated> {
        let index = self.rule_index.and_then(|at| usize::try_from(at).ok());
        let by_index = index.and_then(|at| rules.get(at));
        let named = self.rule_id.as_deref();
        by_index
            .filter(|rule| named.is_none_or(|id| id == rule.id))
            .or_else(|| by_id.get(named?).copied())
    }
}

fn finding(outcome: Outcome<'_>, rule: Option<&Rated>) -> Result<Finding, ReportError> {
    let error = outcome.unrated_error(rule);
    let own = scored(outcome.properties.and_then(|it| it.score));
    let ruled = outcome.rule_id.or_else(|| rule.map(|rule| rule.id.clone()));
    let ruled_severity = rule.and_then(|rule| rule.severity);
    let (id, package) = named_by(&ruled.unwrap_or_default());
    let id = field::id("ruleId", id)?;
    let said_twice = outcome
        .message
        .map(|message| (message.text, message.markdown));
    let (text, markdown) = said_twice.unwrap_or_default();
    let line = |name: &str| said(&text, name).unwrap_or_default().to_owned();
    let suppressed = outcome.suppressions.unwrap_or_default().0;
    let written = Severity::from_trivy(&line("Severity")).ok().flatten();
    let listed = rule.iter().flat_map(|it| &it.identifiers).cloned();
    let mut aliases = field::Aliases::naming("rules", &id, listed)?;
    let of_rule = rule.iter().flat_map(|it| &it.mentioned);
    let mut texts = of_rule.chain([&text, &markdown]);
    texts.try_for_each(|it| aliases.add_mentioned(it))?;
    let (aliases, mentioned) = aliases.listed();
    let package = match line("Package") {
        written if written.is_empty() => package,
        written => written,
    };
    Ok(Finding {
        aliases,
        mentioned,
        id,
        package: field::text("Package", package)?,
        purl: None,
        installed: field::text("Installed Version", line("Installed Version"))?,
        fixed: field::for_people(&line("Fixed Version")),
        severity: ruled_severity.max(own).max(written).or(error),
        severity_source: None,
        status: suppressed.first().map(|it| field::suppressed(&it.kind)),
    })
}

/// The vulnerability that a rule is of, and the package where the rule is of one alone:
/// `CVE-2026-1234-zlib` is Grype's, `CVE-2026-1234/zlib` was Trivy's.
fn named_by(rule: &str) -> (String, String) {
    match identifiers::only_in(rule) {
        None => (rule.to_owned(), String::new()),
        Some((id, rest)) => {
            let package = rest
                .strip_prefix(['-', '/', '_', ':', '@'])
                .unwrap_or_default();
            let is_suffix = rule.trim_start().len() == id.len() + rest.len();
            let is_package = is_suffix && !package.contains(char::is_whitespace);
            let package = Some(package).filter(|_| is_package);
            (id, package.unwrap_or_default().to_owned())
        }
    }
}

/// What Trivy writes on a line of its message: `Package: zlib`.
fn said<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut lines = text.lines();
    let rest = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
    Some(rest.trim())
}
