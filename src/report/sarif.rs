//! SARIF 2.1.0, as scanners write it for code hosts. It can deny, and is no pass:
//! it leaves out when and with which database, and its levels do not tell high
//! from critical.
//!
//! What counts is the rule's `security-severity` or the severity word among its
//! tags. The level counts where there is neither: an error may be as grave as any.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, Findings, each};
use super::sarif_rules::{Extension, Message, Rated, RuleReference, Rules, scored, word, worded};
use super::{
    Finding, Format, Incomplete, ReportError, ReportSubject, ScanReport, Severity, Tool, field,
    identifiers,
};
use crate::oci::{Digest, printable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    runs: Option<&'a RawValue>,
    #[serde(borrow)]
    inline_external_properties: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    #[serde(borrow)]
    tool: RunTool<'a>,
    #[serde(borrow)]
    results: Option<&'a RawValue>,
    #[serde(borrow)]
    invocations: Option<Few<Invocation<'a>>>,
    /// Files that hold parts of the run.
    #[serde(borrow)]
    external_property_file_references: Option<&'a RawValue>,
    properties: Option<About>,
}

#[derive(Deserialize)]
struct RunTool<'a> {
    #[serde(borrow)]
    driver: Driver<'a>,
    #[serde(borrow)]
    extensions: Option<Few<Extension<'a>>>,
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
struct Outcome<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    level: Option<Cow<'a, str>>,
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
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
    #[serde(borrow)]
    severity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Suppression {
    #[serde(default)]
    kind: String,
}

/// Reads a document that is known to be strict JSON.
pub(super) fn read(document: &str) -> Result<ScanReport, ReportError> {
    let document: Document<'_> =
        serde_json::from_str(document).map_err(|error| ReportError::json(&error))?;
    if document.version != "2.1.0" {
        return Err(ReportError::field("version", "only SARIF 2.1.0 is read"));
    }
    let mut gathered = Gathered::default();
    gathered.note_unread(document.inline_external_properties);
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
        self.note_unread(run.external_property_file_references);
        let extensions = run.tool.extensions.unwrap_or_default().0;
        let rules = Rules::read(driver.rules, &extensions)?;
        each("results", run.results, |outcome: Outcome<'_>| {
            let rule = outcome.rule(&rules);
            if outcome.is_no_finding() || rule.is_some_and(|rule| !rule.is_vulnerability) {
                return Ok(());
            }
            let found = finding(outcome, rule)?;
            if rule.is_some_and(|rule| rule.is_partly_unrated) {
                let unrated = Finding {
                    severity: None,
                    ..found.clone()
                };
                self.findings.push(unrated)?;
            }
            self.findings.push(found)
        })
    }

    /// Results, rules or whatever else stands elsewhere than in its run.
    fn note_unread(&mut self, elsewhere: Option<&RawValue>) {
        let empty = |it: &RawValue| matches!(it.get(), "null" | "[]" | "{}");
        if elsewhere.is_some_and(|it| !empty(it)) {
            let which = "those in external properties are not read".to_owned();
            self.incomplete.push(Incomplete::Filtered(which));
        }
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

    /// By its place, if the rule there is called so; else by its id. One that is called by a part
    /// of the id alone comes behind one that has all of it.
    fn rule<'r>(&self, rules: &'r Rules) -> Option<&'r Rated> {
        let by_place = self.rule.as_ref().and_then(|it| it.index);
        let place = by_place.or(self.rule_index);
        let component = self.rule.as_ref().and_then(|it| it.tool_component.as_ref());
        let by_place = rules.at(component, place);
        let named = self.named();
        by_place
            .filter(|rule| named.is_none_or(|id| rule.id == id))
            .or_else(|| rules.called(named?))
            .or_else(|| by_place.filter(|rule| named.is_some_and(|id| rule.is_called(id))))
            .or_else(|| rules.named(named?))
    }

    fn named(&self) -> Option<&str> {
        let referred = || self.rule.as_ref()?.id.as_deref();
        self.rule_id.as_deref().or_else(referred)
    }
}

fn finding(outcome: Outcome<'_>, rule: Option<&Rated>) -> Result<Finding, ReportError> {
    let error = outcome.unrated_error(rule);
    let properties = outcome.properties.as_ref();
    let own = scored(properties.and_then(|it| it.score))
        .max(worded(properties.and_then(|it| it.severity)));
    let ruled = outcome.named().map(str::to_owned);
    let ruled = ruled.or_else(|| rule.map(|rule| rule.id.clone()));
    let ruled_severity = rule.and_then(|rule| rule.severity);
    let (id, package) = named_by(&ruled.unwrap_or_default());
    let id = field::id("ruleId", id)?;
    let said_twice = outcome
        .message
        .map(|message| (message.text, message.markdown));
    let (text, markdown) = said_twice.unwrap_or_default();
    let line = |name: &str| said(&text, name).unwrap_or_default().to_owned();
    let suppressed = outcome.suppressions.unwrap_or_default().0;
    let written = word(&line("Severity"));
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
        source: None,
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
