//! `sekisho scan bind`.

use clap::Args;

use super::arguments::{OutputArgs, SharedArgs, image};
use super::client::RemoteArgs;
use super::failure::{Exit, Failure};
use crate::api::{BINDINGS, BindingAnswer, BindingRequest};
use crate::oci::{Digest, listed, readable};

/// Say that what was scanned under an image ID was pushed as this digest
#[derive(Debug, Args)]
#[command(
    after_help = "An image ID names a config and no layers, so a scan of it counts for nothing by
itself. Whoever handed the scan in says what was pushed, with the same token, and
names the digest that the push printed.

Examples:
  sekisho scan bind --image registry.corp/team/app:1.4@sha256:… --image-id sha256:…"
)]
pub struct Bind {
    /// What was pushed, with its digest
    #[arg(long, value_name = "REF@DIGEST", value_parser = image)]
    image: String,
    /// The image ID that was scanned before
    #[arg(long, value_name = "DIGEST")]
    image_id: Digest,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl Bind {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let client = self.remote.client(shared)?;
        let request = BindingRequest {
            image: self.image,
            image_id: self.image_id,
        };
        let answer = client.post::<BindingAnswer>(BINDINGS, &request).await?;
        let bound = &answer.body;
        self.screen.output.show(&answer.raw, |palette| {
            let word = palette.good("bound to");
            let scans = readable(&listed(&bound.scans, 500), 600);
            format!("{word} {}: {scans}", bound.manifest)
        })?;
        Ok(Exit::Done)
    }
}
