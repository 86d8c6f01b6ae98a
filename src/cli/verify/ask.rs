//! One question per image.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

use futures_util::stream::{self, StreamExt};

use super::super::arguments;
use super::super::client::Client;
use super::super::failure::Failure;
use super::answer::{Answer, Judged, Refusal};
use crate::api::{ErrorCode, VERDICTS, VerdictQuery, VerdictView};
use crate::kubernetes::images::Place;
use crate::oci::printable;
use crate::trust::{EnvironmentName, Exposure};

/// Questions at a time: each may read a manifest from its upstream.
const AT_ONCE: usize = 4;
/// From how many images on progress is shown.
const MANY: usize = 4;

/// For where they are asked.
pub struct Question {
    pub environment: EnvironmentName,
    pub exposure: Option<Exposure>,
}

/// Asks for every image. The first question without an answer ends it: what is
/// not known is no pass.
pub async fn all(
    client: &Client,
    question: &Question,
    images: BTreeMap<String, Vec<Place>>,
) -> Result<Vec<Judged>, Failure> {
    let progress = Progress::new(images.len());
    let mut answers = stream::iter(images)
        .map(|(image, places)| judge(client, question, image, places))
        .buffered(AT_ONCE);
    let mut judged = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answer) => judged.push(answer),
            Err(failure) => {
                progress.clear();
                return Err(failure);
            }
        }
        progress.show(judged.len());
    }
    progress.clear();
    Ok(judged)
}

async fn judge(
    client: &Client,
    question: &Question,
    image: String,
    places: Vec<Place>,
) -> Result<Judged, Failure> {
    let answer = match arguments::image(&image) {
        Ok(_) => ask(client, question, &image).await?,
        Err(why) => Answer::Refused(ill_formed(&image, &why)),
    };
    Ok(Judged {
        image,
        places,
        answer,
    })
}

/// No server need be asked about what no runtime could pull.
fn ill_formed(image: &str, why: &str) -> Refusal {
    let image = printable(image, 200);
    Refusal {
        code: ErrorCode::BadRequest,
        message: format!("{image:?} is no image: {why}"),
        next_step: Some("write it as host/name:tag or host/name@DIGEST".to_owned()),
    }
}

async fn ask(client: &Client, question: &Question, image: &str) -> Result<Answer, Failure> {
    let query = VerdictQuery {
        image: image.to_owned(),
        environment: Some(question.environment.clone()),
        exposure: question.exposure,
        findings: false,
    };
    match client.get::<VerdictView>(VERDICTS, &query).await {
        Ok(answer) => Ok(Answer::Verdict(Box::new(answer.body))),
        Err(failure) => match failure.code() {
            Some(code) if is_of_the_image(code) => Ok(Answer::Refused(refusal(code, &failure))),
            Some(_) => Err(failure.about(&printable(image, 200))),
            None => Err(failure),
        },
    }
}

fn refusal(code: ErrorCode, failure: &Failure) -> Refusal {
    Refusal {
        code,
        message: failure.message().to_owned(),
        next_step: failure.next_step().map(str::to_owned),
    }
}

/// Whether that is an answer about the image. Anything else says that there is
/// none: a wrong environment or token, an upstream or a server that fails.
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

/// One line on a terminal, written over and over.
struct Progress {
    total: usize,
    shown: bool,
}

impl Progress {
    fn new(total: usize) -> Self {
        Self {
            total,
            shown: total > MANY && io::stderr().is_terminal(),
        }
    }

    fn show(&self, done: usize) {
        if self.shown {
            eprint!("\rjudged {done} of {} images", self.total);
        }
    }

    /// Leaves the line empty for what follows.
    fn clear(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
