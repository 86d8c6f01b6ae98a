//! Verdicts of the gateway on running images.

use std::collections::BTreeMap;

use crate::app::config::ClusterConfig;
use crate::cli::client::ApiClient;
use crate::cli::verify::{self, VerifiedAs, VerifiedImage};
use crate::kubernetes::doctor::{ImageAnswer, RunningImage};
use crate::trust::{DenialReason, Exposure};

/// Asks for each, as internal and as external; without an answer to one there is none
/// to any.
pub(super) async fn ask(
    client: &ApiClient,
    cluster: &ClusterConfig,
    questions: Vec<RunningImage>,
) -> Vec<(RunningImage, ImageAnswer)> {
    let (external, internal) = questions
        .into_iter()
        .partition(|question| question.external);
    let mut answers = Vec::new();
    for (exposure, questions) in [
        (Exposure::External, external),
        (Exposure::Internal, internal),
    ] {
        let environment = cluster.environment.clone();
        let question = verify::VerifyScope {
            environment,
            exposure: Some(exposure),
        };
        answers.extend(ask_all(client, &question, questions).await);
    }
    answers
}

async fn ask_all(
    client: &ApiClient,
    question: &verify::VerifyScope,
    questions: Vec<RunningImage>,
) -> Vec<(RunningImage, ImageAnswer)> {
    let images = questions
        .iter()
        .map(|asked| (asked.image.clone(), Vec::new()))
        .collect();
    let judged = match verify::ask_all(client, question, images).await {
        Ok(judged) => judged,
        Err(failure) => {
            let unknown = ImageAnswer::Unknown(failure.message().to_owned());
            return questions
                .into_iter()
                .map(|asked| (asked, unknown.clone()))
                .collect();
        }
    };
    let answers: BTreeMap<&str, ImageAnswer> = judged
        .iter()
        .map(|judged| (judged.image(), answer(judged)))
        .collect();
    let of = |asked: RunningImage| {
        let answer = answers.get(asked.image.as_str()).cloned();
        let none = || ImageAnswer::Unknown("it was not answered".to_owned());
        let answer = answer.unwrap_or_else(none);
        (asked, answer)
    };
    questions.into_iter().map(of).collect()
}

fn answer(judged: &VerifiedImage) -> ImageAnswer {
    match judged.verified_as() {
        VerifiedAs::Allowed => ImageAnswer::Allowed,
        VerifiedAs::Undecided => ImageAnswer::Unknown(judged.line()),
        VerifiedAs::Denied => ImageAnswer::Denied {
            is_revoked: judged.word() == DenialReason::Revoked.code(),
            message: judged.line(),
            next_step: judged.next_step().unwrap_or_default(),
        },
    }
}
