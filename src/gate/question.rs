//! The inputs of a verdict, and the source of its exposure.

use std::pin::Pin;

use jiff::Timestamp;

use crate::trust::{
    Denial, Evidence, Exposure, ExposureSource, JudgedFinding, Mode, Rulebook, Settings, Subject,
    Verdict,
};

/// Everything a verdict depends on besides evidence.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) rulebook: &'a Rulebook,
    pub(super) subject: &'a Subject,
    pub(super) exposure: ExposureInput,
    pub(super) now: Timestamp,
    /// How many other verdicts this one is asked for.
    pub(super) depth: u8,
}

/// Where an exposure is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposureInput {
    /// The listener's, unless a rule for the repository says otherwise.
    Listener(Exposure),
    /// Stated by the one who asks for a verdict.
    Stated(Exposure),
    /// Outside requests reach what runs it, whatever the rules say. It is judged,
    /// and remembered, like a pull from an external listener.
    Reached,
}

/// Verdicts on other subjects, on which a verdict may rest.
pub(super) trait OtherVerdicts: Sync {
    /// Whether a pull of the subject would be permitted now.
    fn permits<'a>(&'a self, question: Question<'a>) -> BoxedFuture<'a, bool>;
}

/// Boxed, since a verdict may be asked for within another.
pub(super) type BoxedFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl<'a> Question<'a> {
    pub(super) fn exposure(&self) -> (Exposure, ExposureSource) {
        match self.exposure {
            ExposureInput::Listener(own) => self.rulebook.exposure(&self.subject.repository, own),
            ExposureInput::Stated(exposure) => (exposure, ExposureSource::Asked),
            ExposureInput::Reached => (Exposure::External, ExposureSource::Listener),
        }
    }

    /// The same without its source. Allocates nothing.
    pub(super) fn bare_exposure(&self) -> Exposure {
        match self.exposure {
            ExposureInput::Listener(own) => {
                self.rulebook.exposure_of(&self.subject.repository, own)
            }
            ExposureInput::Stated(exposure) => exposure,
            ExposureInput::Reached => Exposure::External,
        }
    }

    /// The same of another subject, one verdict deeper.
    pub(super) fn of_another(self, subject: &'a Subject) -> Self {
        Self {
            subject,
            depth: self.depth + 1,
            ..self
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
