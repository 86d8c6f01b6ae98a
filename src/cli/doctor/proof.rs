//! One attempted pull, watched.

use std::process::Command;

use super::tool;
use super::witness::Witness;
use crate::cli::failure::Failure;
use crate::nodes::Runtime;
use crate::nodes::doctor::{Outcome, outcome};

/// What a pull showed.
#[derive(Debug)]
pub struct Proof {
    pub runtime: Runtime,
    /// For what it stands.
    pub what: String,
    pub image: String,
    pub outcome: Outcome,
    pub said: String,
}

/// A name below the witness that nobody ever gave to an image.
pub fn nobodys(witness: &Witness, word: &str) -> String {
    format!("{}/sekisho-doctor/{word}:1", witness.address())
}

/// Runs the pull while the witness watches.
pub async fn watched(
    runtime: Runtime,
    what: String,
    image: String,
    witness: &Witness,
    pull: Command,
) -> Result<Proof, Failure> {
    let (said, asked) = witness.watch(tool::run(pull)).await;
    let said = said?;
    Ok(Proof {
        runtime,
        what,
        image,
        outcome: outcome(said.success, asked, &said.text),
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
        outcome: outcome(said.success, false, &said.text),
        said: said.text,
    })
}

/// Before a silent witness may count: a runtime that is told of no gateway asks it.
pub fn control(proof: &Proof, told: &str) -> Option<Proof> {
    (proof.outcome != Outcome::Open).then(|| Proof {
        runtime: proof.runtime,
        what: "without any mirror, to see that the doctor would notice".to_owned(),
        image: proof.image.clone(),
        outcome: Outcome::Unproven,
        said: format!(
            "with {told} the doctor was not asked, so its silence proves nothing; {}",
            proof.said
        ),
    })
}
