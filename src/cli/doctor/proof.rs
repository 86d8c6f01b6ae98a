//! One attempted pull, watched.

use std::process::Command;

use super::decoy::DecoyRegistry;
use super::tool;
use crate::cli::failure::Failure;
use crate::nodes::Runtime;
use crate::nodes::doctor::{PullOutcome, pull_outcome};

/// What a pull showed.
#[derive(Debug)]
pub struct Proof {
    pub runtime: Runtime,
    /// For what it stands.
    pub what: String,
    pub image: String,
    pub outcome: PullOutcome,
    pub said: String,
}

/// A random image name below the decoy, which no image has.
pub fn unknown_image(decoy: &DecoyRegistry, word: &str) -> String {
    format!("{}/sekisho-doctor/{word}:1", decoy.address())
}

/// Runs the pull while the witness watches.
pub async fn watched(
    runtime: Runtime,
    what: String,
    image: String,
    decoy: &DecoyRegistry,
    pull: Command,
) -> Result<Proof, Failure> {
    let (said, asked) = decoy.watch(tool::run(pull)).await;
    let said = said?;
    Ok(Proof {
        runtime,
        what,
        image,
        outcome: pull_outcome(said.success, asked, &said.text),
        said: match asked {
            true => format!("the registry itself was asked; {}", said.text),
            false => said.text,
        },
    })
}

/// Runs the pull of an image by its own name.
pub async fn by_name(runtime: Runtime, image: &str, pull: Command) -> Result<Proof, Failure> {
    let said = tool::run(pull).await?;
    Ok(Proof {
        runtime,
        what: "an image that was named as denied".to_owned(),
        image: image.to_owned(),
        outcome: pull_outcome(said.success, false, &said.text),
        said: said.text,
    })
}

/// The control: a runtime without a gateway must connect to the decoy, else its silence
/// proves nothing.
pub fn control(proof: &Proof, told: &str) -> Option<Proof> {
    (proof.outcome != PullOutcome::Open).then(|| Proof {
        runtime: proof.runtime,
        what: "without any mirror, to see that the doctor would notice".to_owned(),
        image: proof.image.clone(),
        outcome: PullOutcome::Unproven,
        said: format!(
            "with {told} the doctor was not asked, so its silence proves nothing; {}",
            proof.said
        ),
    })
}
