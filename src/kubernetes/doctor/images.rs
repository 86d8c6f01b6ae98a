//! Running images, judged as if they were pulled now.

use std::collections::BTreeMap;

use super::expected::ExpectedCluster;
use super::listed::some_of;
use super::pod::running;
use super::snapshot::{Snapshot, name_of, namespace_of};
use crate::diagnosis::Diagnosis;

/// Different images that are asked about; beyond them it is said so.
const MAX_IMAGES: usize = 2000;

/// One image that runs, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningImage {
    pub image: String,
    /// Whether any Pod of it counts as external.
    pub external: bool,
    /// Namespace and name, in order.
    pub pods: Vec<String>,
}

/// What the gateway says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageAnswer {
    Allowed,
    Denied {
        /// The gravest reason is a revocation.
        is_revoked: bool,
        /// The line that a client would read.
        message: String,
        next_step: String,
    },
    /// No answer; why.
    Unknown(String),
}

/// What to ask: each running image once for each exposure, exempt namespaces left out.
pub fn questions(snapshot: &Snapshot, expected: &ExpectedCluster) -> Vec<RunningImage> {
    let mut found: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
    for pod in snapshot.pods.items() {
        let (namespace, name) = (namespace_of(pod), name_of(pod));
        if expected.is_exempt(snapshot, namespace) {
            continue;
        }
        let is_reached =
            |reached: &super::ExposedPod| reached.namespace == namespace && reached.pod == name;
        let external = !expected.internal || snapshot.exposed_pods.iter().any(is_reached);
        for image in running(pod) {
            let pods = found.entry((image, external)).or_default();
            pods.push(format!("{namespace}/{name}"));
        }
    }
    let question = |((image, external), pods)| RunningImage {
        image,
        external,
        pods,
    };
    found.into_iter().map(question).take(MAX_IMAGES).collect()
}

/// What would be denied if it started again now.
pub fn judge_images(answers: &[(RunningImage, ImageAnswer)]) -> Vec<Diagnosis> {
    let mut found: Vec<Diagnosis> = answers.iter().filter_map(denied).collect();
    found.extend(unanswered(answers));
    if answers.len() >= MAX_IMAGES {
        found.push(
            Diagnosis::unknown(format!("only {MAX_IMAGES} images were asked about"))
                .why("more run in this cluster")
                .next("ask about the others with `sekisho verify`"),
        );
    }
    found
}

fn denied((question, answer): &(RunningImage, ImageAnswer)) -> Option<Diagnosis> {
    let ImageAnswer::Denied {
        is_revoked,
        message,
        next_step,
    } = answer
    else {
        return None;
    };
    let pods = some_of(&question.pods);
    let what = match is_revoked {
        true => format!("{} was revoked and still runs in {pods}", question.image),
        false => format!("{} runs in {pods} and would be denied now", question.image),
    };
    let next = match is_revoked {
        true => "replace it, then delete the Pods: a revocation stops no running Pod",
        false => next_step,
    };
    Some(Diagnosis::wrong(what).why(message.clone()).next(next))
}

fn unanswered(answers: &[(RunningImage, ImageAnswer)]) -> Option<Diagnosis> {
    let mut images = Vec::new();
    let mut first = None;
    for (question, answer) in answers {
        if let ImageAnswer::Unknown(why) = answer {
            images.push(question.image.clone());
            first.get_or_insert(why);
        }
    }
    let why = first?;
    Some(
        Diagnosis::unknown(format!("no verdict on {}", some_of(&images)))
            .why(why.clone())
            .next("ask one of them with `sekisho explain`"),
    )
}
