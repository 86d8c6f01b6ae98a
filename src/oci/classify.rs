//! What an image manifest holds: something that runs, attestations, or another
//! artifact.
//!
//! Claims (`artifactType`, `subject`, a label of the index) never make something
//! less than runnable. Only what no node would run goes by another name.

use super::{
    ChainId, Descriptor, Digest, Image, ImageConfig, ImageContent, Manifest, ManifestBody,
};
use super::{MediaType, Platform, StructuralRefusal};

/// A manifest, classified by the media type it was sent as.
pub(super) enum ClassifiedManifest {
    Image(Box<Unclassified>),
    Index(Vec<Descriptor>),
}

impl ClassifiedManifest {
    pub(super) fn of(descriptor: &Descriptor, manifest: Manifest) -> Self {
        let artifact_type = manifest.artifact_type().cloned();
        let subject = manifest.subject().map(|subject| subject.digest.clone());
        match manifest.into_body() {
            ManifestBody::Index { manifests } => Self::Index(manifests),
            ManifestBody::Image { config, layers } => Self::Image(Box::new(Unclassified {
                descriptor: descriptor.clone(),
                artifact_type,
                subject,
                config,
                layers,
            })),
        }
    }
}

/// An image manifest whose config has not been read yet.
#[derive(Debug)]
pub(super) struct Unclassified {
    /// The descriptor of the manifest.
    descriptor: Descriptor,
    artifact_type: Option<MediaType>,
    subject: Option<Digest>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl Unclassified {
    pub(super) fn config(&self) -> &Descriptor {
        &self.config
    }

    /// Whether only the config can tell what this is.
    pub(super) fn needs_config(&self) -> bool {
        self.config.media_type.is_image_config()
    }

    /// For a manifest whose config is no image's.
    pub(super) fn without_config(self) -> Result<Box<Image>, StructuralRefusal> {
        let content = match self.is_in_toto() {
            true => ImageContent::Attestation,
            false => self.artifact(self.config.media_type.clone()),
        };
        self.labelled_as(content)
    }

    /// For a manifest whose config is an image's, and here.
    pub(super) fn with_config(self, bytes: &[u8]) -> Result<Box<Image>, StructuralRefusal> {
        if bytes.len() as u64 != self.config.size {
            return Err(StructuralRefusal::SizeDisagrees);
        }
        let config = ImageConfig::parse(bytes)?;
        let content = match config.platform() {
            Some(platform) if !platform.is_unknown() => self.runnable(platform, &config)?,
            _ => self.without_platform()?,
        };
        self.labelled_as(content)
    }

    /// A config of other layers than the manifest's is no account of them.
    fn runnable(
        &self,
        platform: &Platform,
        config: &ImageConfig,
    ) -> Result<ImageContent, StructuralRefusal> {
        let diff_ids = config.diff_ids();
        if diff_ids.len() != self.layers.len() {
            return Err(StructuralRefusal::DiffIds);
        }
        Ok(ImageContent::Runnable {
            platform: self.in_full(platform, config).clone(),
            chain_id: ChainId::of(diff_ids),
        })
    }

    /// The platform that the config says. A variant that it leaves open contradicts no label:
    /// then it is the label's, by which nodes choose.
    fn in_full<'p>(&'p self, stated: &'p Platform, config: &ImageConfig) -> &'p Platform {
        let label = self.descriptor.platform.as_ref();
        let fuller = label.filter(|it| !config.states_variant() && it.is_but_for_variant(stated));
        fuller.unwrap_or(stated)
    }

    /// An image's config that names no platform: BuildKit's attestations and
    /// cosign's signatures have one. Not an image, and not exempt from anything.
    fn without_platform(&self) -> Result<ImageContent, StructuralRefusal> {
        if self.is_in_toto() {
            return Ok(ImageContent::Attestation);
        }
        let types = || self.layers.iter().map(|layer| &layer.media_type);
        if self.layers.is_empty() || types().any(MediaType::is_runnable_layer) {
            return Err(StructuralRefusal::PlatformMissing);
        }
        let first = types()
            .next()
            .filter(|first| types().all(|kind| kind == *first));
        Ok(self.artifact(first.unwrap_or(&self.config.media_type).clone()))
    }

    /// BuildKit writes attestations in OCI manifests only.
    fn is_in_toto(&self) -> bool {
        self.descriptor.media_type == MediaType::OCI_MANIFEST
            && !self.layers.is_empty()
            && self
                .layers
                .iter()
                .all(|layer| layer.media_type == MediaType::IN_TOTO)
    }

    fn artifact(&self, default: MediaType) -> ImageContent {
        ImageContent::Artifact {
            artifact_type: self.artifact_type.clone().unwrap_or(default),
        }
    }

    /// Holds the label that the index gives this against what it is.
    fn labelled_as(self, content: ImageContent) -> Result<Box<Image>, StructuralRefusal> {
        if let Some(label) = &self.descriptor.platform {
            check_label(label, &content)?;
        }
        Ok(Box::new(Image {
            manifest: self.descriptor.digest,
            media_type: self.descriptor.media_type,
            size: self.descriptor.size,
            content,
            config: self.config,
            layers: self.layers,
            subject: self.subject,
        }))
    }
}

fn check_label(label: &Platform, content: &ImageContent) -> Result<(), StructuralRefusal> {
    let agrees = match content {
        ImageContent::Runnable { platform, .. } => label == platform,
        ImageContent::Attestation => label.is_unknown(),
        ImageContent::Artifact { .. } => !label.is_unknown(),
    };
    match agrees {
        true => Ok(()),
        false if label.is_unknown() => Err(StructuralRefusal::UnknownPlatform),
        false => Err(StructuralRefusal::PlatformDisagrees),
    }
}
