//! What the verdicts on other subjects come to, where one that permits is enough: a referrer
//! rests on its subject's, an image on its base's.

use jiff::{SignedDuration, Timestamp};

use crate::gate::pull::{OtherVerdict, OtherVerdicts, Question};
use crate::gate::refusal::Refusal;
use crate::trust::Subject;

/// How long the verdict on another subject is reused. Short, so that a change of it takes
/// effect as fast as any other.
pub(super) const OTHER_VERDICT_TTL: SignedDuration = SignedDuration::from_millis(500);

/// Why nothing is said of one that rests on many.
const TOO_MANY: &str = "it may rest on many others, and not all are judged yet";

/// What keeps a verdict from being final that rests on others, none of which permits.
#[derive(Debug, Default)]
pub(in crate::gate) struct Doubts {
    /// From when on one of them may permit by time alone.
    until: Option<Timestamp>,
    /// Not all were asked, or one of them could not ask all that it rests on: it lies too
    /// deep below the first question. Elsewhere the answer may be another.
    pub(in crate::gate) cut_off: bool,
    /// Why one of them could not be had.
    pub(in crate::gate) failed: Option<Refusal>,
}

impl Doubts {
    /// Others that this one rests on are too deep to be asked.
    pub(super) fn of_depth(now: Timestamp) -> Self {
        Self {
            until: soon(now),
            cut_off: true,
            failed: None,
        }
    }

    /// The first of `subjects` that is permitted. What speaks against the others is noted
    /// only where none is.
    pub(super) async fn first_permitted(
        &mut self,
        question: Question<'_>,
        others: &dyn OtherVerdicts,
        subjects: Vec<Subject>,
    ) -> Option<Subject> {
        let within = usize::MAX;
        self.first_permitted_within(within, question, others, subjects)
            .await
    }

    /// The same, where `limit` of them at most are judged anew. What is judged is remembered, so
    /// that the next question comes further: until all are, none is said not to permit.
    pub(super) async fn first_permitted_within(
        &mut self,
        limit: usize,
        question: Question<'_>,
        others: &dyn OtherVerdicts,
        subjects: Vec<Subject>,
    ) -> Option<Subject> {
        let mut doubts = Self::default();
        let mut anew = 0;
        for subject in subjects {
            let asked = question.of_another(&subject);
            anew += usize::from(others.at_hand(asked).is_none());
            if anew > limit {
                doubts.merge(Self::of_too_many(question.now));
                break;
            }
            match others.judged(asked).await {
                Ok(verdict) if verdict.permitted => return Some(subject),
                Ok(verdict) => doubts.add(&verdict, question.now),
                Err(refusal) => doubts.fail(refusal, question.now),
            }
        }
        self.merge(doubts);
        None
    }

    /// Until when the answer that none is permitted holds; `None`: time does not end it.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.until = earlier(self.until, other.until);
        self.cut_off |= other.cut_off;
        self.failed = self.failed.take().or(other.failed);
    }

    fn add(&mut self, verdict: &OtherVerdict, now: Timestamp) {
        self.cut_off |= verdict.cut_off;
        if verdict.cut_off {
            self.until = earlier(self.until, soon(now));
        }
        let until = verdict.until.map(|until| until.max(now));
        self.until = earlier(self.until, until);
    }

    /// Not all of them are known.
    pub(super) fn of_too_many(now: Timestamp) -> Self {
        let mut doubts = Self::default();
        doubts.fail(Refusal::later(TOO_MANY), now);
        doubts
    }

    /// What is not there may be pushed later; anything else that keeps a verdict from being
    /// given says nothing of the subject.
    fn fail(&mut self, refusal: Refusal, now: Timestamp) {
        self.until = earlier(self.until, soon(now));
        if !refusal.is_absence() {
            self.failed.get_or_insert(refusal);
        }
    }
}

fn soon(now: Timestamp) -> Option<Timestamp> {
    Some(
        now.saturating_add(OTHER_VERDICT_TTL)
            .unwrap_or(Timestamp::MAX),
    )
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}
