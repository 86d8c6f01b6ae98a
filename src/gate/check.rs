//! Verdicts: the remembered one while it holds, else a new one.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Gate, Refusal};
use crate::trust::{
    Denial, Evidence, Exposure, ExposureSource, JudgedFinding, Mode, Rulebook, Settings, Standing,
    Subject, Verdict,
};

/// Everything a verdict depends on besides evidence.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) rulebook: &'a Rulebook,
    pub(super) subject: &'a Subject,
    pub(super) exposure: Asked,
    pub(super) now: Timestamp,
    /// How many other verdicts this one is asked for.
    pub(super) depth: u8,
}

/// Where an exposure is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The listener's, unless a rule for the repository says otherwise.
    Listener(Exposure),
    /// Stated by the one who asks for a verdict.
    Stated(Exposure),
    /// Outside requests reach what runs it, whatever the rules say. It is judged,
    /// and remembered, like a pull from an external listener.
    Raised,
}

impl Question<'_> {
    pub(super) fn exposure(&self) -> (Exposure, ExposureSource) {
        match self.exposure {
            Asked::Listener(own) => self.rulebook.exposure(&self.subject.repository, own),
            Asked::Stated(exposure) => (exposure, ExposureSource::Asked),
            Asked::Raised => (Exposure::External, ExposureSource::Listener),
        }
    }

    pub(super) fn verdict(&self, evidence: &Evidence) -> Verdict {
        self.rulebook
            .judge(self.subject, evidence, self.exposure(), self.now)
    }

    pub(super) fn verdict_in_full(&self, evidence: &Evidence) -> (Verdict, Vec<JudgedFinding>) {
        self.rulebook
            .judge_in_full(self.subject, evidence, self.exposure(), self.now)
    }

    /// A verdict that no evidence can change.
    pub(super) fn refused(&self, denial: Denial) -> Verdict {
        Verdict::refused(
            self.subject,
            self.mode(),
            self.exposure(),
            self.rulebook.revision(),
            denial,
        )
    }

    /// What the environment demands of the repository.
    pub(super) fn settings(&self) -> Option<&Settings> {
        let environment = self.rulebook.environment(&self.subject.environment)?;
        Some(environment.settings(&self.subject.repository))
    }

    fn mode(&self) -> Mode {
        self.settings()
            .map_or_else(Mode::default, |settings| settings.mode)
    }
}

impl Gate {
    /// The remembered verdict, if it still holds. Memory only: no await, no SQL.
    pub(super) fn check(&self, question: Question<'_>) -> Option<Arc<Standing>> {
        let exposure = match question.exposure {
            Asked::Listener(own) => question
                .rulebook
                .exposure_of(&question.subject.repository, own),
            Asked::Stated(exposure) => exposure,
            Asked::Raised => Exposure::External,
        };
        self.ledger
            .index()
            .standing(question.subject, exposure)
            .filter(|standing| standing.is_current(question.rulebook.revision(), question.now))
    }

    /// The verdict on a subject, judged anew when none is remembered.
    pub(super) async fn verdict(&self, question: Question<'_>) -> Result<Arc<Verdict>, Refusal> {
        let remembered = (!self.ledger.is_silent(question.now))
            .then(|| self.check(question))
            .flatten();
        match remembered {
            Some(standing) => Ok(standing.verdict.clone()),
            None => self.judge(question).await,
        }
    }
}
