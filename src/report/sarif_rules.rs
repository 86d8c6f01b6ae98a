//! The rules of a SARIF run: what they rate, and which of them a result is of.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::{Few, each};
use super::{MAX_FINDINGS, ReportError, Severity, field, rating};

/// Tags of results that are no vulnerabilities.
const OTHER_RESULT_TAGS: [&str; 3] = ["misconfiguration", "secret", "license"];

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

#[derive(Default, Deserialize)]
struct RuleProperties<'a> {
    #[serde(borrow, rename = "security-severity")]
    score: Option<&'a RawValue>,
    #[serde(borrow)]
    severity: Option<&'a RawValue>,
    tags: Option<Few<String>>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) markdown: String,
}

/// A plugin of the tool, which has rules of its own.
#[derive(Deserialize)]
pub(super) struct Extension<'a> {
    #[serde(borrow)]
    rules: Option<&'a RawValue>,
}

/// Which rule a result is of, where it says that in one place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleReference {
    pub(super) id: Option<String>,
    pub(super) index: Option<i64>,
    pub(super) tool_component: Option<ComponentReference>,
}

/// Which extension's; the driver's where there is none.
#[derive(Deserialize)]
pub(super) struct ComponentReference {
    index: Option<i64>,
}

/// The rules of a run.
pub(super) struct Rules {
    /// The driver's, and then each extension's.
    components: Vec<Vec<Rated>>,
    /// Component and place of each id.
    by_id: HashMap<String, (usize, usize)>,
    /// Those that stand there more than once, as one.
    repeated: HashMap<String, Rated>,
}

impl Rules {
    pub(super) fn read(
        driver: Option<&RawValue>,
        extensions: &[Extension<'_>],
    ) -> Result<Self, ReportError> {
        let mut rules = Self {
            components: Vec::new(),
            by_id: HashMap::new(),
            repeated: HashMap::new(),
        };
        let mut count = 0;
        let lists = std::iter::once(driver).chain(extensions.iter().map(|it| it.rules));
        for (component, list) in lists.enumerate() {
            rules.components.push(Vec::new());
            each("rules", list, |rule: Rule<'_>| {
                count += 1;
                if count > MAX_FINDINGS {
                    return Err(ReportError::TooManyFindings(MAX_FINDINGS));
                }
                rules.add(component, rated(rule)?);
                Ok(())
            })?;
        }
        Ok(rules)
    }

    fn add(&mut self, component: usize, rule: Rated) {
        let id = rule.id.clone();
        match self.by_id.get(&id) {
            None => {
                let place = (component, self.components[component].len());
                self.by_id.insert(id, place);
            }
            Some((known, at)) => {
                let first = &self.components[*known][*at];
                let all = self.repeated.entry(id).or_insert_with(|| first.clone());
                all.add(&rule);
            }
        }
        self.components[component].push(rule);
    }

    /// The rule at a place of a component; of one that is not named by its own place, none.
    pub(super) fn at(
        &self,
        component: Option<&ComponentReference>,
        place: Option<i64>,
    ) -> Option<&Rated> {
        let component = match component {
            None => 0,
            Some(extension) => usize::try_from(extension.index?).ok()?.checked_add(1)?,
        };
        let place = usize::try_from(place?).ok()?;
        self.components.get(component)?.get(place)
    }

    /// The rule of an id, or of the part of it before a `/`: what follows says more of the
    /// result (3.27.5).
    pub(super) fn named(&self, id: &str) -> Option<&Rated> {
        let whole = std::iter::once(id.len());
        let mut ends = whole.chain(id.rmatch_indices('/').map(|(at, _)| at));
        ends.find_map(|end| self.called(&id[..end]))
    }

    /// The rule of an id.
    pub(super) fn called(&self, id: &str) -> Option<&Rated> {
        let (component, place) = self.by_id.get(id)?;
        let only = || self.components.get(*component)?.get(*place);
        self.repeated.get(id).or_else(only)
    }
}

impl Rated {
    /// Whether an id means it, as far as it goes.
    pub(super) fn is_called(&self, id: &str) -> bool {
        let rest = id.strip_prefix(&*self.id);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Makes of two rules of one id one that is as grave as either.
    fn add(&mut self, other: &Self) {
        self.is_partly_unrated |= self.severity.is_some() != other.severity.is_some();
        self.severity = self.severity.max(other.severity);
        self.identifiers.extend_from_slice(&other.identifiers);
        self.mentioned.extend_from_slice(&other.mentioned);
        self.is_scored &= other.is_scored;
        self.is_error |= other.is_error;
        self.is_vulnerability |= other.is_vulnerability;
    }
}

/// A rule, as far as its results need it.
#[derive(Clone)]
pub(super) struct Rated {
    pub(super) id: String,
    /// Ids that stand in what it is called.
    pub(super) identifiers: Vec<String>,
    /// Ids that stand in its texts and links.
    pub(super) mentioned: Vec<String>,
    pub(super) severity: Option<Severity>,
    /// One of several of its id leaves it to policy how grave it is, and policy may say more.
    pub(super) is_partly_unrated: bool,
    /// It has a score, which may say nothing.
    pub(super) is_scored: bool,
    pub(super) is_error: bool,
    pub(super) is_vulnerability: bool,
}

/// The gravest of the score and the words.
fn rated(rule: Rule<'_>) -> Result<Rated, ReportError> {
    let properties = rule.properties.unwrap_or_default();
    let (score, tags) = (properties.score, properties.tags.unwrap_or_default().0);
    let words = tags.iter().filter_map(|tag| word(tag)).max();
    let severity = words.max(worded(properties.severity)).max(scored(score));
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
        is_partly_unrated: false,
        is_vulnerability: tags.iter().any(|tag| tag == "vulnerability")
            || !tags.iter().any(|tag| OTHER_RESULT_TAGS.contains(&&**tag)),
    })
}

/// The ids that stand in texts, each once.
fn all_in<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<String>, ReportError> {
    let mut ids = field::Aliases::new("rules", "");
    for text in texts {
        ids.add_within(text)?;
    }
    Ok(ids.listed().0)
}

/// A score, as text or as a number, or a word in its place. What is neither rates
/// nothing, unless it begins with a number: some tools write `undefined`.
pub(super) fn scored(score: Option<&RawValue>) -> Option<Severity> {
    let Ok(rated) = rating::of_score("security-severity", score) else {
        let text: Option<String> = serde_json::from_str(score?.get()).ok();
        return rating::leading_score(&text?);
    };
    rated
}

/// A severity word in any case.
pub(super) fn word(text: &str) -> Option<Severity> {
    let word = text.trim().to_ascii_uppercase();
    Severity::from_trivy(&word).ok().flatten()
}

/// A severity word, where a property holds one.
pub(super) fn worded(property: Option<&RawValue>) -> Option<Severity> {
    let text: Option<String> = serde_json::from_str(property?.get()).ok();
    word(&text?)
}
