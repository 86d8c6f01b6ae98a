//! The verdict on each image.

use serde::Serialize;

use super::super::failure::Exit;
use crate::api::{DenialView, ErrorCode, VerdictView};
use crate::kubernetes::images::{KindSeen, ManifestLocation};
use crate::oci::{counted, distinct, readable};
use crate::trust::{DenialReason, EnvironmentName};

/// The longest text of a message or step that is shown, in characters.
const MAX_TEXT_CHARS: usize = 400;

/// The whole answer.
#[derive(Debug)]
pub(super) struct VerifyReport {
    pub(super) environment: EnvironmentName,
    pub(super) objects: usize,
    pub(super) images: Vec<VerifiedImage>,
    /// The kinds that were met.
    pub(super) kinds: Vec<KindSeen>,
    /// What looks like an image where none is known.
    pub(super) overlooked: Vec<ManifestLocation>,
    /// What was read but not judged.
    pub(super) notes: Vec<String>,
}

/// One image, with everywhere it stands.
#[derive(Debug)]
pub struct VerifiedImage {
    pub(super) image: String,
    pub(super) places: Vec<ManifestLocation>,
    pub(super) answer: VerifyAnswer,
}

/// How an image stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifiedAs {
    Allowed,
    Denied,
    /// It cannot be judged now, and would not be pulled now; the same question may be
    /// answered a little later.
    Undecided,
}

#[derive(Debug)]
pub(super) enum VerifyAnswer {
    Verdict(Box<VerdictView>),
    Refused(NameRefusal),
}

/// A name that cannot be pulled, whatever the evidence.
#[derive(Debug)]
pub(super) struct NameRefusal {
    /// The API's word for it.
    pub(super) code: ErrorCode,
    /// For which pulls are denied, where there is one.
    pub(super) reason: Option<DenialReason>,
    pub(super) message: String,
    pub(super) next_step: Option<String>,
}

impl VerifyReport {
    /// Those that would not be pulled now.
    pub(super) fn refused(&self) -> impl Iterator<Item = &VerifiedImage> {
        self.images.iter().filter(|judged| !judged.is_allowed())
    }

    pub(super) fn exit(&self) -> Exit {
        let stands = |standing| self.images.iter().any(|it| it.verified_as() == standing);
        if stands(VerifiedAs::Denied) {
            Exit::Denied
        } else if stands(VerifiedAs::Undecided) {
            Exit::Failure
        } else {
            Exit::Done
        }
    }

    /// `12 images in 7 objects: 10 allowed, 2 denied`, and those that cannot be judged now.
    pub(super) fn summary(&self) -> String {
        let objects = counted(self.objects, "object");
        let count = |standing| {
            let alike = self.images.iter().filter(|it| it.verified_as() == standing);
            alike.count()
        };
        let (allowed, denied) = (count(VerifiedAs::Allowed), count(VerifiedAs::Denied));
        let undecided = match count(VerifiedAs::Undecided) {
            0 => String::new(),
            count => format!(", {count} not known now"),
        };
        match self.images.is_empty() {
            true => format!("no images in {objects}"),
            false => {
                let images = counted(self.images.len(), "image");
                format!("{images} in {objects}: {allowed} allowed, {denied} denied{undecided}")
            }
        }
    }

    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&VerifiedView {
            environment: &self.environment,
            objects: self.objects,
            images: self.images.iter().map(VerifiedImage::view).collect(),
            kinds: &self.kinds,
            not_looked_at: &self.overlooked,
            notes: &self.notes,
        })
    }
}

impl VerifiedImage {
    /// As it was asked about.
    pub fn image(&self) -> &str {
        &self.image
    }

    pub fn is_allowed(&self) -> bool {
        self.verified_as() == VerifiedAs::Allowed
    }

    pub fn verified_as(&self) -> VerifiedAs {
        match &self.answer {
            VerifyAnswer::Verdict(verdict) if verdict.allowed => VerifiedAs::Allowed,
            VerifyAnswer::Verdict(verdict) if verdict.is_undecided() => VerifiedAs::Undecided,
            VerifyAnswer::Verdict(_) | VerifyAnswer::Refused(_) => VerifiedAs::Denied,
        }
    }

    /// The gravest reason that stands against it.
    fn gravest(&self) -> Option<&DenialView> {
        match &self.answer {
            VerifyAnswer::Verdict(verdict) => verdict.reasons.iter().find(|reason| !reason.lifted),
            VerifyAnswer::Refused(_) => None,
        }
    }

    /// A stable word: of the reason that denies it, or of the refusal.
    pub fn word(&self) -> String {
        match &self.answer {
            VerifyAnswer::Verdict(_) => self
                .gravest()
                .map_or_else(|| "denied".to_owned(), |reason| reason.reason.to_string()),
            VerifyAnswer::Refused(refusal) => refusal.word(),
        }
    }

    /// All reasons in short, those that the mode lifts too.
    pub(super) fn reasons(&self) -> String {
        let VerifyAnswer::Verdict(verdict) = &self.answer else {
            return self.word();
        };
        let short = |denial: &DenialView| match denial.lifted {
            true => format!("{} (lifted)", denial.reason),
            false => denial.reason.to_string(),
        };
        distinct(verdict.reasons.iter().map(short)).join(", ")
    }

    /// The line that a client would read.
    pub fn line(&self) -> String {
        let line = match (&self.answer, self.gravest()) {
            (VerifyAnswer::Verdict(verdict), Some(reason)) if verdict.message.is_empty() => {
                format!("sekisho: {}: {}", reason.reason, reason.detail)
            }
            (VerifyAnswer::Verdict(verdict), _) => verdict.message.clone(),
            (VerifyAnswer::Refused(refusal), _) => {
                let word = refusal.word();
                let named = format!("{word}: ");
                let message = refusal.message.strip_prefix(&named);
                format!("sekisho: {word}: {}", message.unwrap_or(&refusal.message))
            }
        };
        readable(&line, MAX_TEXT_CHARS)
    }

    pub fn next_step(&self) -> Option<String> {
        let step = match &self.answer {
            VerifyAnswer::Verdict(_) => self.gravest().map(|reason| &reason.next_step),
            VerifyAnswer::Refused(refusal) => refusal.next_step.as_ref(),
        };
        step.map(|step| readable(step, MAX_TEXT_CHARS))
    }

    fn view(&self) -> JudgedView<'_> {
        let (verdict, error) = match &self.answer {
            VerifyAnswer::Verdict(verdict) => (Some(&**verdict), None),
            VerifyAnswer::Refused(_) => (None, Some(self.line())),
        };
        JudgedView {
            image: &self.image,
            allowed: self.is_allowed(),
            places: &self.places,
            reason: (!self.is_allowed()).then(|| self.word()),
            verdict,
            error,
        }
    }
}

impl NameRefusal {
    /// The reason's code, else the API's word.
    fn word(&self) -> String {
        match self.reason {
            Some(reason) => reason.code().to_owned(),
            None => word(self.code),
        }
    }
}

/// As it is written in the API's answers.
fn word(code: ErrorCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "refused".to_owned(),
    }
}

/// The answer as `--output json` prints it.
#[derive(Serialize)]
struct VerifiedView<'a> {
    environment: &'a EnvironmentName,
    objects: usize,
    images: Vec<JudgedView<'a>>,
    kinds: &'a [KindSeen],
    not_looked_at: &'a [ManifestLocation],
    notes: &'a [String],
}

#[derive(Serialize)]
struct JudgedView<'a> {
    image: &'a str,
    allowed: bool,
    places: &'a [ManifestLocation],
    /// Of what is denied: the stable word of the reason, else of the refusal.
    reason: Option<String>,
    /// None: its name was refused, and `error` says why.
    verdict: Option<&'a VerdictView>,
    error: Option<String>,
}
