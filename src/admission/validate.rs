//! The validating webhook: gives each image the verdict that a pull would get.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::NodeRouting;
use super::answer::{JudgedImage, Unjudged, allowed, of_pod, of_template};
use super::images::ImageField;
use super::pod::ReviewedKind;
use super::review::AdmissionResponse;
use super::review_call::{ReviewCall, target};
use crate::gate::{AdmissionContext, AdmissionOutcome};
use crate::trust::NamedImage;
use crate::trust::{Denial, DenialReason, Mode};

/// Different images that one request can ask about.
const MAX_IMAGES: usize = 256;

const NEVER_JUDGED: &str =
    "with imagePullPolicy Never what the node holds runs, and was not judged";

impl ReviewCall<'_> {
    pub(super) async fn validate(&self) -> AdmissionResponse {
        let request = &self.request;
        if request.is_exempt() || self.cluster.is_exempt(request.namespace()) {
            return allowed(&request.uid);
        }
        match request.subject() {
            None => allowed(&request.uid),
            Some(ReviewedKind::Pod) => {
                let judged = self.judge(false).await;
                let answer = of_pod(&request.uid, &judged);
                self.notify_owner(&judged, &answer);
                answer
            }
            Some(ReviewedKind::Template) => of_template(&request.uid, &self.judge(true).await),
        }
    }

    /// The answer where nothing can be looked at: it holds up Pods alone, and those by the mode.
    pub(super) fn unjudged(&self, why: Unjudged) -> AdmissionResponse {
        let request = &self.request;
        let is_exempt = self.cluster.is_exempt(request.namespace());
        let is_pod = request.subject() == Some(ReviewedKind::Pod) && !is_exempt;
        let place = self.place();
        let mode = self.webhook.gate.mode_of(self.admission(&place, None));
        why.answer(&request.uid, is_pod && mode == Mode::Enforce)
    }

    /// Every image that the request brings, the same one once. A template is only
    /// tried, and may leave images for others to fill in.
    async fn judge(&self, is_template: bool) -> Vec<JudgedImage> {
        let mut slots = self.request.image_fields();
        slots.retain(|slot| !is_template || slot.image.is_some());
        let place = self.place();
        let admission = AdmissionContext {
            dry_run: is_template || self.request.is_dry_run(),
            ..self.admission(&place, self.reached_by.as_deref())
        };
        let mut questions: Vec<ImageQuestion<'_>> = Vec::new();
        let mut asked: HashMap<ImageQuestion<'_>, usize> = HashMap::new();
        let at: Vec<usize> = slots
            .iter()
            .map(|slot| {
                let question = ImageQuestion::new(slot, is_template);
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
        let judged = slots.iter().zip(at).map(|(slot, at)| JudgedImage {
            place: slot.place(),
            image: slot.image.unwrap_or_default().to_owned(),
            admitted: answers[at].clone(),
        });
        judged.collect()
    }

    async fn answer_in_time(
        &self,
        admission: AdmissionContext<'_>,
        question: ImageQuestion<'_>,
        at: usize,
    ) -> AdmissionOutcome {
        if at >= MAX_IMAGES {
            return self.undecided(admission, too_many());
        }
        let deadline = tokio::time::Instant::from_std(self.deadline.answer);
        let answered = self.answer_one(admission, question);
        let answered = tokio::time::timeout_at(deadline, answered).await;
        answered
            .unwrap_or_else(|_| self.undecided(admission, Denial::undecidable("no answer in time")))
    }

    async fn answer_one(
        &self,
        admission: AdmissionContext<'_>,
        question: ImageQuestion<'_>,
    ) -> AdmissionOutcome {
        let gate = &self.webhook.gate;
        let Some(_turn) = self.turn().await else {
            return self.undecided(admission, Denial::undecidable("stopping"));
        };
        if question
            .image
            .is_some_and(|image| self.lets_be(question, image))
        {
            return AdmissionOutcome {
                warnings: vec![NEVER_JUDGED.to_owned()],
                ..self.unrecorded(admission)
            };
        }
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
    fn permitted(&self, question: ImageQuestion<'_>) -> Result<NamedImage, Denial> {
        let text = question.image.ok_or_else(no_image)?;
        let image = self.cluster.names.read_by_node(text)?;
        if question.is_never_pulled && image.digest.is_none() {
            return Err(never_pulled());
        }
        let passes_by = self.cluster.nodes == NodeRouting::RewriteOnly
            && !image.is_by_gateway
            && !question.is_template
            && !question.is_never_pulled;
        match passes_by {
            true => Err(self.bypasses_gateway(&image)),
            false => Ok(image),
        }
    }

    /// Whether it runs what the node holds under a name, and the operator lets it: nobody knows
    /// what that is, and what lies upstream under the name says nothing of it. A digest does.
    fn lets_be(&self, question: ImageQuestion<'_>, image: &str) -> bool {
        question.is_never_pulled && self.cluster.allow_never && !image.contains('@')
    }

    fn bypasses_gateway(&self, image: &NamedImage) -> Denial {
        let name = self.cluster.names.repository_at_gateway(&image.repository);
        let name = name.unwrap_or_default();
        // A digest leaves no room in the line for what comes before it.
        let next = match (&image.tag, &image.digest) {
            (_, Some(_)) => format!("write {name}, with its digest"),
            (Some(tag), None) => format!("write {name}:{tag}"),
            (None, None) => format!("write {name}"),
        };
        Denial::new(
            DenialReason::RegistryNotPermitted,
            "nodes would pull it past the gateway",
            next,
        )
    }

    /// The gate gave no verdict, or none in time: `undecidable`. Nothing is recorded; the mode
    /// decides.
    fn undecided(&self, admission: AdmissionContext<'_>, denial: Denial) -> AdmissionOutcome {
        let outcome = self.unrecorded(admission);
        AdmissionOutcome {
            denial: (outcome.mode == Mode::Enforce).then_some(denial),
            ..outcome
        }
    }

    /// What the gate was not asked about.
    fn unrecorded(&self, admission: AdmissionContext<'_>) -> AdmissionOutcome {
        AdmissionOutcome {
            digest: None,
            denial: None,
            answer: None,
            warnings: Vec::new(),
            mode: self.webhook.gate.mode_of(admission),
            rulebook: self.webhook.gate.rulebook().revision(),
        }
    }
}

/// What is asked about one image.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ImageQuestion<'a> {
    image: Option<&'a str>,
    is_never_pulled: bool,
    is_template: bool,
}

impl<'a> ImageQuestion<'a> {
    fn new(slot: &ImageField<'a>, is_template: bool) -> Self {
        Self {
            image: slot.image,
            is_never_pulled: slot.is_never_pulled,
            is_template,
        }
    }
}

/// What never heals by itself.
fn too_many() -> Denial {
    Denial::new(
        DenialReason::Undecidable,
        format!("not a policy denial: more than {MAX_IMAGES} images in one object"),
        "make several objects of it",
    )
}

fn no_image() -> Denial {
    Denial::new(
        DenialReason::AmbiguousReference,
        "no image is named",
        "name one",
    )
}

/// The denial for `imagePullPolicy: Never`: the node may hold anything under that name,
/// and it was never judged.
fn never_pulled() -> Denial {
    Denial::new(
        DenialReason::NotScanned,
        "with imagePullPolicy Never a tag runs whatever the node holds",
        "name the digest, or leave Never out",
    )
}
