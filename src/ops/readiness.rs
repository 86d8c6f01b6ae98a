//! What readiness means: admitted content that is cached can be served.

use std::sync::Arc;

use serde::Serialize;

/// How one part of the program does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "health", content = "detail", rename_all = "lowercase")]
pub enum Health {
    Ok,
    /// It serves what it has and lacks something: an upstream that is down, a
    /// disk that fills. Says what, in a few words without secrets.
    Degraded(String),
    /// Without it nothing can be served.
    Failed(String),
}

/// A part under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthPart {
    pub name: String,
    #[serde(flatten)]
    pub health: Health,
}

impl HealthPart {
    pub fn new(name: impl Into<String>, health: Health) -> Self {
        Self {
            name: name.into(),
            health,
        }
    }
}

/// Asks all parts. The question must be answered from memory, at once.
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> Vec<HealthPart> + Send + Sync>);

/// The body of `/readyz`: the parts that are not well.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ReadinessReport {
    pub(super) ready: bool,
    degraded: Vec<HealthPart>,
}

impl Readiness {
    pub fn new(ask: impl Fn() -> Vec<HealthPart> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(super) fn report(&self) -> ReadinessReport {
        let mut degraded = (self.0)();
        degraded.retain(|part| part.health != Health::Ok);
        let failed = |part: &HealthPart| matches!(part.health, Health::Failed(_));
        ReadinessReport {
            ready: !degraded.iter().any(failed),
            degraded,
        }
    }
}
