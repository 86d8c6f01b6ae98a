//! Rules for namespaces by glob, as a condition.

use globset::Glob;

use super::{InstallationError, literal};

/// What holds for the namespaces that a glob matches; the first rule that matches
/// holds, and without one images are rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceRule {
    patterns: Vec<String>,
    rewrite: bool,
}

impl NamespaceRule {
    /// Namespaces by name; `*` stands for any letters.
    ///
    /// # Errors
    /// [`InstallationError`] where a glob is ill-formed.
    pub fn new(globs: &[String], rewrite: bool) -> Result<Self, InstallationError> {
        let patterns: Result<Vec<String>, InstallationError> =
            globs.iter().map(|glob| pattern(glob)).collect();
        Ok(Self {
            patterns: patterns?,
            rewrite,
        })
    }

    fn matches(&self) -> String {
        let patterns = self.patterns.join("|");
        format!("request.namespace.matches({})", literal::text(&patterns))
    }
}

/// The glob's own expression, for one that knows Unicode alone.
fn pattern(glob: &str) -> Result<String, InstallationError> {
    let parsed = Glob::new(glob);
    let parsed = parsed.map_err(|error| InstallationError::Glob(error.to_string()))?;
    let expression = parsed.regex();
    Ok(expression
        .strip_prefix("(?-u)")
        .unwrap_or(expression)
        .to_owned())
}

/// Whether the request's namespace is one whose images are rewritten; `None`: all are.
pub(super) fn rewritten(rules: &[NamespaceRule]) -> Option<String> {
    let last = rules.iter().rposition(|rule| !rule.rewrite)?;
    let decide = |otherwise: String, rule: &NamespaceRule| {
        format!("{} ? {} : {otherwise}", rule.matches(), rule.rewrite)
    };
    let rules = rules[..=last].iter().rev();
    Some(rules.fold("true".to_owned(), decide))
}
