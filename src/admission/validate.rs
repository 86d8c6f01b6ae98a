//! The validating webhook: what a pull of each image would be told.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::Nodes;
use super::answer::{Judged, allowed, of_pod, of_template};
use super::images::Slot;
use super::pod::Subject;
use super::review::AdmissionResponse;
use super::review_call::{ReviewCall, target};
use crate::gate::{Admission, Admitted};
use crate::trust::NamedImage;
use crate::trust::{Denial, DenialReason, Mode};

/// Different images that one request can ask about.
const IMAGES: usize = 256;

impl ReviewCall<'_> {
    pub(super) async fn validate(&self) -> AdmissionResponse {
        let request = &self.request;
        if request.is_beyond_question() || self.cluster.is_exempt(request.namespace()) {
            return allowed(&request.uid);
        }
        match request.subject() {
            None => allowed(&request.uid),
            Some(Subject::Pod) => {
                let judged = self.judge(false).await;
                let answer = of_pod(&request.uid, &judged);
                self.tell_owner(&judged, &answer);
                answer
            }
            Some(Subject::Template) => of_template(&request.uid, &self.judge(true).await),
        }
    }

    /// Every image that the request brings, the same one once. A template is only
    /// tried, and may leave images for others to fill in.
    async fn judge(&self, is_template: bool) -> Vec<Judged> {
        let mut slots = self.request.slots();
        slots.retain(|slot| !is_template || slot.image.is_some());
        let reached_by = match slots.is_empty() {
            true => None,
            false => self.reached_by(),
        };
        let place = self.place();
        let admission = Admission {
            dry_run: is_template || self.request.is_dry_run(),
            ..self.admission(&place, reached_by.as_deref())
        };
        let mut questions: Vec<Question<'_>> = Vec::new();
        let mut asked: HashMap<Question<'_>, usize> = HashMap::new();
        let at: Vec<usize> = slots
            .iter()
            .map(|slot| {
                let question = Question::new(slot, is_template);
                *asked.entry(question).or_insert_with(|| {
                    questions.push(question);
                    questions.len() - 1
                })
            })
            .collect();
        let answers = questions
            .iter()
            .enumerate()
            .map(|(at, question)| self.answer_in_time(admission, *question, at));
        let answers = join_all(answers).await;
        let judged = slots.iter().zip(at).map(|(slot, at)| Judged {
            place: slot.place(),
            image: slot.image.unwrap_or_default().to_owned(),
            admitted: answers[at].clone(),
        });
        judged.collect()
    }

    async fn answer_in_time(
        &self,
        admission: Admission<'_>,
        question: Question<'_>,
        at: usize,
    ) -> Admitted {
        if at >= IMAGES {
            let why = format!("more than {IMAGES} images in one object");
            return self.undecided(admission, &why);
        }
        let deadline = tokio::time::Instant::from_std(self.deadline.answer);
        let answered = self.answer_one(admission, question);
        let answered = tokio::time::timeout_at(deadline, answered).await;
        answered.unwrap_or_else(|_| self.undecided(admission, "no answer in time"))
    }

    async fn answer_one(&self, admission: Admission<'_>, question: Question<'_>) -> Admitted {
        let gate = &self.webhook.gate;
        let Ok(_turn) = self.webhook.turns.acquire().await else {
            return self.undecided(admission, "stopping");
        };
        match self.permitted(question) {
            Ok(image) => {
                let reference = image.reference();
                gate.admit(admission, &target(&image), &reference).await
            }
            Err(denial) => {
                let image = question.image.unwrap_or_default();
                gate.refuse_image(admission, image, denial).await
            }
        }
    }

    /// The image, if its name alone does not rule it out.
    fn permitted(&self, question: Question<'_>) -> Result<NamedImage, Denial> {
        let text = question.image.ok_or_else(imageless)?;
        let image = self.cluster.names.read(text)?;
        let is_never = question.is_never_pulled && !self.cluster.allow_never;
        if is_never && image.digest.is_none() {
            return Err(never_pulled());
        }
        let passes_by = self.cluster.nodes == Nodes::RewriteOnly
            && !image.is_by_gateway
            && !question.is_template
            && !question.is_never_pulled;
        match passes_by {
            true => Err(self.past_the_gateway(&image)),
            false => Ok(image),
        }
    }

    fn past_the_gateway(&self, image: &NamedImage) -> Denial {
        let name = self.cluster.names.repository_at_gateway(&image.repository);
        Denial::new(
            DenialReason::RegistryNotPermitted,
            "nodes would pull it past the gateway",
            format!("write {}", name.unwrap_or_default()),
        )
    }

    /// No word from the gate. Nothing is recorded: the mode alone decides.
    fn undecided(&self, admission: Admission<'_>, why: &str) -> Admitted {
        let denial = Denial::undecidable(why);
        let mode = self.webhook.gate.mode_of(admission);
        Admitted {
            digest: None,
            denial: (mode == Mode::Enforce).then_some(denial),
            answer: None,
            warnings: Vec::new(),
            mode,
            rulebook: self.webhook.gate.rulebook().revision(),
        }
    }
}

/// What is asked about one image.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Question<'a> {
    image: Option<&'a str>,
    is_never_pulled: bool,
    is_template: bool,
}

impl<'a> Question<'a> {
    fn new(slot: &Slot<'a>, is_template: bool) -> Self {
        Self {
            image: slot.image,
            is_never_pulled: slot.is_never_pulled,
            is_template,
        }
    }
}

fn imageless() -> Denial {
    Denial::new(
        DenialReason::AmbiguousReference,
        "no image is named",
        "name one",
    )
}

/// A tag means whatever the node holds under it, which nobody judged.
fn never_pulled() -> Denial {
    Denial::new(
        DenialReason::NotScanned,
        "with imagePullPolicy Never a tag runs whatever the node holds",
        "name the digest, or leave Never out",
    )
}
