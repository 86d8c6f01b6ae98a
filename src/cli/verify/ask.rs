//! Asks the server for the verdict on each image.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};

use super::super::aside::ProgressLine;
use super::super::client::ApiClient;
use super::super::failure::Failure;
use super::answer::{NameRefusal, VerifiedImage, VerifyAnswer};
use crate::api::{ErrorCode, VERDICTS, VerdictQuery, VerdictView};
use crate::kubernetes::images::ManifestLocation;
use crate::oci::{RegistryHost, named_by_node, readable};
use crate::trust::{DenialReason, EnvironmentName, Exposure, ImageNames};

/// Questions at a time: each may read a manifest from its upstream.
const MAX_CONCURRENT_QUESTIONS: usize = 4;
/// From how many images on progress is shown.
const PROGRESS_FROM_IMAGES: usize = 4;

/// The environment and exposure that images are judged for.
pub struct VerifyScope {
    pub environment: EnvironmentName,
    pub exposure: Option<Exposure>,
}

/// Asks for every image. The first question without an answer ends it: what is
/// not known is no pass.
pub async fn all(
    client: &ApiClient,
    question: &VerifyScope,
    images: BTreeMap<String, Vec<ManifestLocation>>,
) -> Result<Vec<VerifiedImage>, Failure> {
    let total = images.len();
    let progress = ProgressLine::new(total > PROGRESS_FROM_IMAGES);
    let mut answers = stream::iter(images)
        .map(|(image, places)| judge(client, question, image, places))
        .buffered(MAX_CONCURRENT_QUESTIONS);
    let mut judged = Vec::new();
    while let Some(answer) = answers.next().await {
        judged.push(answer?);
        progress.show(&format!("judged {} of {total} images", judged.len()));
    }
    Ok(judged)
}

async fn judge(
    client: &ApiClient,
    question: &VerifyScope,
    image: String,
    places: Vec<ManifestLocation>,
) -> Result<VerifiedImage, Failure> {
    let answer = match ill_formed(&image) {
        None => ask(client, question, &image).await?,
        Some(refusal) => VerifyAnswer::Refused(refusal),
    };
    Ok(VerifiedImage {
        image,
        places,
        answer,
    })
}

/// No server need be asked about what no runtime could pull; it is told in the words of the
/// webhook, by whose parser it is read.
fn ill_formed(image: &str) -> Option<NameRefusal> {
    let names = ImageNames {
        gateways: Vec::new(),
        upstreams: Vec::new(),
        default_host: RegistryHost::docker_hub(),
    };
    let denial = names.read(image).err()?;
    // Which upstreams there are is the server's to say.
    (denial.reason != DenialReason::UnknownUpstream).then_some(NameRefusal {
        code: ErrorCode::Refused,
        reason: Some(denial.reason),
        message: denial.detail,
        next_step: Some(denial.next_step),
    })
}

async fn ask(
    client: &ApiClient,
    question: &VerifyScope,
    image: &str,
) -> Result<VerifyAnswer, Failure> {
    let query = VerdictQuery {
        image: named_by_node(image),
        environment: Some(question.environment.clone()),
        exposure: question.exposure,
        findings: false,
        any_gateway: false,
    };
    match client.get::<VerdictView>(VERDICTS, &query).await {
        Ok(answer) => Ok(VerifyAnswer::Verdict(Box::new(answer.body))),
        Err(failure) => match failure.code() {
            Some(code) if is_of_the_image(code) => {
                Ok(VerifyAnswer::Refused(refusal(code, &failure)))
            }
            Some(_) => Err(failure.about(&readable(image, 200))),
            None => Err(failure),
        },
    }
}

fn refusal(code: ErrorCode, failure: &Failure) -> NameRefusal {
    NameRefusal {
        code,
        reason: failure.reason(),
        message: failure.message().to_owned(),
        next_step: failure.next_step().map(str::to_owned),
    }
}

/// Whether the code says something about the image. Any other one means that there is no
/// answer: a wrong environment or token, or a failing upstream or server.
const fn is_of_the_image(code: ErrorCode) -> bool {
    match code {
        ErrorCode::NotFound | ErrorCode::Refused | ErrorCode::Denied => true,
        ErrorCode::BadRequest
        | ErrorCode::Unauthenticated
        | ErrorCode::Forbidden
        | ErrorCode::MethodNotAllowed
        | ErrorCode::Conflict
        | ErrorCode::TooLarge
        | ErrorCode::TooMany
        | ErrorCode::Upstream
        | ErrorCode::Unavailable
        | ErrorCode::Internal => false,
    }
}
