//! The arguments, and the steps from PATH to an exit code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::arguments::{OutputArgs, SharedArgs, exposure};
use super::super::client::RemoteArgs;
use super::super::failure::{Exit, Failure};
use super::super::file;
use super::answer::VerifyReport;
use super::ask::{self, VerifyScope};
use super::{files, junit, kinds, screen};
use crate::app::config::load_images;
use crate::kubernetes::images::{ManifestLocation, Manifests, UnclearImage};
use crate::oci::counted;
use crate::trust::{EnvironmentName, Exposure};

/// How many problems of the manifests are listed.
const MAX_PROBLEMS_SHOWN: usize = 20;

/// Judge every image in rendered Kubernetes manifests like a pull; exit 3 if any is denied
#[derive(Debug, Args)]
#[command(
    after_help = "Each image is asked for once. Images are found wherever an object has
containers, initContainers, ephemeralContainers or an image volume, so in the Pod
templates of custom resources too; and where Argo Workflows, Tekton and common
operators have them. Other paths are named in the configuration, as [[images]] with
kind and path. Which kinds were looked at, which were not understood, and what looks
like an image and was not looked at, is told on stderr. What an operator runs besides is judged when it is pulled. Names are read as
the webhook reads them. Exit 1: something could not be read or asked, so nothing is
proven. In JSON each image has the API's verdict, or the error that refused its name; and
what is denied its reason, by a stable word.

Examples:
  sekisho verify deploy/ --environment production
  helm template shop ./chart | sekisho verify - --environment staging --junit verify.xml
  kubectl kustomize prod/ | sekisho verify - --environment production --output json
  sekisho verify batch.yaml --environment production --exposure internal"
)]
pub struct Verify {
    /// A file, a folder (its *.yaml, *.yml and *.json, also below), or - for stdin
    #[arg(value_name = "PATH|-")]
    path: PathBuf,
    /// The environment that would pull them
    #[arg(long, value_name = "ENV")]
    environment: EnvironmentName,
    /// As if what runs them were external or internal
    #[arg(long, value_parser = exposure())]
    exposure: Option<Exposure>,
    /// Write a JUnit report there, for the pipeline's page; its folder must exist
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

impl Verify {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        if let Some(file) = &self.junit {
            check_folder(file)?;
        }
        let named = load_images(shared.config.as_deref());
        let named = named.map_err(|problems| Failure::config(&problems))?;
        let read = files::read(&self.path, Manifests::knowing(named))?;
        let mut notes = read.notes;
        notes.extend(unjudged(&read.manifests)?);
        notes.extend(kinds::notes(&read.manifests));
        let client = self.remote.client(shared)?;
        let question = VerifyScope {
            environment: self.environment.clone(),
            exposure: self.exposure,
        };
        let images = ask::all(&client, &question, by_image(&read.manifests)).await?;
        let verified = VerifyReport {
            environment: self.environment,
            objects: read.manifests.objects(),
            images,
            kinds: read.manifests.kinds().cloned().collect(),
            overlooked: read.manifests.overlooked().to_vec(),
            notes,
        };
        // First: who reads the other may go away early, as `head` does.
        if let Some(file) = &self.junit {
            write_junit(file, &verified)?;
        }
        screen::show(&verified, self.screen.output)?;
        Ok(verified.exit())
    }
}

/// Asked before the server is, since a pipeline would have waited in vain.
fn check_folder(file: &Path) -> Result<(), Failure> {
    let folder = file::folder(file);
    match folder.is_dir() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "--junit {}: there is no folder {}",
            file.display(),
            folder.display()
        ))),
    }
}

fn write_junit(file: &Path, verified: &VerifyReport) -> Result<(), Failure> {
    junit::document(verified)
        .and_then(|document| file::replace(file, &document))
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))
}

fn by_image(manifests: &Manifests) -> BTreeMap<String, Vec<ManifestLocation>> {
    let mut images: BTreeMap<String, Vec<ManifestLocation>> = BTreeMap::new();
    for found in manifests.images() {
        let places = images.entry(found.image.clone()).or_default();
        places.push(found.place.clone());
    }
    images
}

/// What is not judged. A container that Kubernetes runs and that names no image is a
/// mistake of the manifest; one of an operator is only noted.
fn unjudged(manifests: &Manifests) -> Result<Vec<String>, Failure> {
    let (broken, open): (Vec<&UnclearImage>, Vec<&UnclearImage>) = manifests
        .unclear()
        .iter()
        .partition(|unclear| unclear.is_final);
    if !broken.is_empty() {
        return Err(Failure::new(listed(&broken)));
    }
    let mut notes: Vec<String> = open
        .iter()
        .map(|unclear| format!("not judged: {unclear}"))
        .collect();
    if manifests.non_objects() > 0 {
        let count = manifests.non_objects();
        notes.push(format!(
            "passed over, for want of a kind: {}",
            counted(count, "document")
        ));
    }
    Ok(notes)
}

/// One problem a line, the first of them.
fn listed(broken: &[&UnclearImage]) -> String {
    let shown = broken.iter().take(MAX_PROBLEMS_SHOWN);
    let mut lines: Vec<String> = shown.map(ToString::to_string).collect();
    if broken.len() > MAX_PROBLEMS_SHOWN {
        lines.push(format!("and {} more", broken.len() - MAX_PROBLEMS_SHOWN));
    }
    lines.join("\n  ")
}
