//! What the gateway says now of the images that run.

use std::collections::BTreeMap;

use crate::app::config::{ClusterConfig, Config};
use crate::cli::client::Client;
use crate::cli::verify::{self, Judged};
use crate::kubernetes::doctor::{Answer, Question};
use crate::trust::Exposure;

/// Asks for each, as internal and as external; without an answer to one there is none
/// to any.
pub(super) async fn ask(
    client: &Client,
    config: &Config,
    cluster: &ClusterConfig,
    questions: Vec<Question>,
) -> Vec<(Question, Answer)> {
    let (external, internal) = questions
        .into_iter()
        .partition(|question| question.external);
    let mut answers = Vec::new();
    for (exposure, questions) in [
        (Exposure::External, external),
        (Exposure::Internal, internal),
    ] {
        let environment = cluster.environment.clone();
        let question = verify::Question {
            environment,
            exposure: Some(exposure),
        };
        answers.extend(ask_all(client, config, cluster, &question, questions).await);
    }
    answers
}

async fn ask_all(
    client: &Client,
    config: &Config,
    cluster: &ClusterConfig,
    question: &verify::Question,
    questions: Vec<Question>,
) -> Vec<(Question, Answer)> {
    let upstream = |asked: &Question| upstream_name(config, cluster, &asked.image);
    let images = questions
        .iter()
        .map(|asked| (upstream(asked), Vec::new()))
        .collect();
    let judged = match verify::ask_all(client, question, images).await {
        Ok(judged) => judged,
        Err(failure) => {
            let unknown = Answer::Unknown(failure.message().to_owned());
            return questions
                .into_iter()
                .map(|asked| (asked, unknown.clone()))
                .collect();
        }
    };
    let answers: BTreeMap<&str, Answer> = judged
        .iter()
        .map(|judged| (judged.image(), answer(judged)))
        .collect();
    let of = |asked: Question| {
        let answer = answers.get(upstream(&asked).as_str()).cloned();
        let none = || Answer::Unknown("it was not answered".to_owned());
        let answer = answer.unwrap_or_else(none);
        (asked, answer)
    };
    questions.into_iter().map(of).collect()
}

fn answer(judged: &Judged) -> Answer {
    match judged.is_allowed() {
        true => Answer::Allowed,
        false => Answer::Denied {
            reason: judged.word(),
            message: judged.line(),
            next_step: judged.next_step().unwrap_or_default(),
        },
    }
}

/// The image as its registry knows it, where it is named by the gateway.
fn upstream_name(config: &Config, cluster: &ClusterConfig, image: &str) -> String {
    let below = image.strip_prefix(&format!("{}/", cluster.gateway));
    let parts = below.and_then(|below| below.split_once('/'));
    let named = parts.and_then(|(path, rest)| {
        let upstream = config
            .upstreams
            .iter()
            .find(|upstream| upstream.path == path)?;
        Some(format!("{}/{rest}", upstream.name))
    });
    named.unwrap_or_else(|| image.to_owned())
}
