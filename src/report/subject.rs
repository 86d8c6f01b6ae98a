//! What a report is about, and whether that is the image it was handed in for.
//!
//! A report binds by content, never by name. Where it contradicts the image it is
//! refused; where it says too little, the submitter must have named the digest. An image
//! ID alone names no layers: another manifest can carry the same config, so it
//! corroborates and never binds by itself.

use serde::{Deserialize, Serialize};

use crate::oci::{ChainId, Digest, Platform};

/// What a report says it is about. Names are never trusted, digests are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportSubject {
    /// Manifest or index digests.
    pub manifests: Vec<Digest>,
    /// Digests of which the scanner does not say whether they are a manifest's, an
    /// index's or a config's. What equals the config only corroborates.
    pub either: Vec<Digest>,
    /// What the runtime calls the image: the digest of its config, or of its manifest or
    /// index where containerd stores images (Docker 29 and newer).
    pub image_id: Option<Digest>,
    pub platform: Option<Platform>,
    /// Uncompressed layer digests, as in the config's `rootfs.diff_ids`.
    pub diff_ids: Vec<Digest>,
    /// What the user of the scanner typed; for messages only.
    pub name: Option<String>,
    /// Only an envelope names the manifests, the report in it none: that is its
    /// submitter's word.
    pub attested: bool,
}

/// The image that a report was handed in for, as its manifest and config say.
#[derive(Clone, Copy, Debug)]
pub struct BindTarget<'a> {
    pub manifest: &'a Digest,
    /// The index through which the manifest was chosen, where one was.
    pub index: Option<&'a Digest>,
    pub config: &'a Digest,
    pub platform: &'a Platform,
    /// Of its unpacked layers; `None` where it has none.
    pub chain_id: Option<&'a ChainId>,
    /// Whether the submitter named the manifest's digest, not only a tag.
    pub declared: bool,
}

/// What ties a report to its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportBinding {
    /// The report names the manifest.
    Manifest,
    /// The report names the index, and its child by platform, config or layers.
    Index,
    /// The report names the image's config or layers; the submitter named the digest.
    Content,
    /// The report names nothing of the image; the submitter named the digest.
    Declared,
}

impl ReportBinding {
    /// Whether a report that is tied by this names as much of the image as one that is
    /// tied by the other. By manifest or by index, what is named is one image.
    pub fn names_as_much_as(self, other: Self) -> bool {
        let named = |binding| match binding {
            Self::Manifest | Self::Index => 2,
            Self::Content => 1,
            Self::Declared => 0,
        };
        named(self) >= named(other)
    }
}

/// Why a report does not count for an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error("the report is about {found}, not about {wanted}")]
    OtherDigest { found: Digest, wanted: Digest },
    #[error("the report is about image ID {found}, the image's is {wanted}")]
    OtherImageId { found: Digest, wanted: Digest },
    #[error("the report is about platform {found}, the image's is {wanted}")]
    OtherPlatform {
        found: Box<Platform>,
        wanted: Box<Platform>,
    },
    #[error("the report is about other layers than the image's")]
    OtherLayers,
    #[error(
        "the report names index {0} only, which holds several images; scan one platform, or \
         name its manifest"
    )]
    AmbiguousIndex(Digest),
    #[error(
        "the report names no manifest digest; scan the image in a registry by digest, or name \
         the digest when handing the report in"
    )]
    NamesNoDigest,
}

impl ReportSubject {
    /// Decides whether the report is about `image`. Pure; any contradiction refuses.
    ///
    /// # Errors
    /// [`BindError`], with what contradicts.
    pub fn binding(&self, image: &BindTarget<'_>) -> Result<ReportBinding, BindError> {
        self.contradiction(image)?;
        match self.named(image)? {
            ReportBinding::Manifest | ReportBinding::Index if self.attested => {
                Ok(match self.names_content(image.config) {
                    true => ReportBinding::Content,
                    false => ReportBinding::Declared,
                })
            }
            binding => Ok(binding),
        }
    }

    /// What it names of an image that it does not contradict, whoever's word that is.
    fn named(&self, image: &BindTarget<'_>) -> Result<ReportBinding, BindError> {
        if self.names(image.manifest) {
            return Ok(ReportBinding::Manifest);
        }
        match image.index.filter(|index| self.names(index)) {
            Some(_) if self.names_a_child(image) => Ok(ReportBinding::Index),
            Some(index) => Err(BindError::AmbiguousIndex(index.clone())),
            None if !image.declared => Err(BindError::NamesNoDigest),
            None if self.names_content(image.config) => Ok(ReportBinding::Content),
            None => Ok(ReportBinding::Declared),
        }
    }

    /// What ties the report to an image that no registry has yet, by its image ID: it
    /// must not name another. A digest that the scanner does not explain can be nothing
    /// else yet; a manifest's is another image's, unless the report names this one beside it,
    /// since some scanners make one up for what lies in a runtime.
    ///
    /// # Errors
    /// [`BindError`], with what contradicts.
    pub fn binding_to_id(&self, image_id: &Digest) -> Result<ReportBinding, BindError> {
        if let Some(found) = self.manifests.first().filter(|_| !self.names(image_id)) {
            return Err(BindError::OtherDigest {
                found: found.clone(),
                wanted: image_id.clone(),
            });
        }
        let named = self.image_id.as_ref();
        let unexplained = self
            .either
            .first()
            .filter(|_| !self.either.contains(image_id));
        match named.filter(|found| *found != image_id).or(unexplained) {
            None if self.names_content(image_id) => Ok(ReportBinding::Content),
            None => Ok(ReportBinding::Declared),
            Some(found) => Err(BindError::OtherImageId {
                found: found.clone(),
                wanted: image_id.clone(),
            }),
        }
    }

    /// Whether the report names this manifest or index.
    fn names(&self, digest: &Digest) -> bool {
        let listed = self.manifests.contains(digest) || self.either.contains(digest);
        listed || self.image_id.as_ref() == Some(digest)
    }

    fn names_a_child(&self, image: &BindTarget<'_>) -> bool {
        self.platform.is_some() || self.names_content(image.config)
    }

    /// Whether the report names this config, or layers.
    fn names_content(&self, config: &Digest) -> bool {
        let by_id = self.image_id.as_ref() == Some(config) || self.either.contains(config);
        by_id || !self.diff_ids.is_empty()
    }

    fn contradiction(&self, image: &BindTarget<'_>) -> Result<(), BindError> {
        self.other_digest(image)?;
        let known = |id: &&Digest| [image.manifest, image.config].contains(id);
        let other = |id: &&Digest| !known(id) && Some(*id) != image.index;
        if let Some(found) = self.image_id.as_ref().filter(other) {
            return Err(BindError::OtherImageId {
                found: found.clone(),
                wanted: image.config.clone(),
            });
        }
        if let Some(found) = self.platform.as_ref().filter(|it| !self.is_on(it, image)) {
            return Err(BindError::OtherPlatform {
                found: Box::new(found.clone()),
                wanted: Box::new(image.platform.clone()),
            });
        }
        if !self.diff_ids.is_empty() && ChainId::of(&self.diff_ids).as_ref() != image.chain_id {
            return Err(BindError::OtherLayers);
        }
        Ok(())
    }

    /// Whether the image runs on `platform`. Who names its content has read the platform in
    /// its config, which may leave the variant open, and the index says it.
    fn is_on(&self, platform: &Platform, image: &BindTarget<'_>) -> bool {
        let knows_config = self.names_content(image.config);
        platform == image.platform || knows_config && platform.is_but_for_variant(image.platform)
    }

    fn other_digest(&self, image: &BindTarget<'_>) -> Result<(), BindError> {
        let known = |digest: &Digest| digest == image.manifest || Some(digest) == image.index;
        let own = |digest: &Digest| known(digest) || digest == image.config;
        let none_of = |list: &[Digest], is: &dyn Fn(&Digest) -> bool| match list.first() {
            Some(first) if !list.iter().any(is) => Some(first.clone()),
            _ => None,
        };
        match none_of(&self.manifests, &known).or_else(|| none_of(&self.either, &own)) {
            Some(found) => Err(BindError::OtherDigest {
                found,
                wanted: image.manifest.clone(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(word: &str) -> Digest {
        Digest::sha256(word.as_bytes())
    }

    fn platform(text: &str) -> Platform {
        Platform::parse(text).unwrap()
    }

    /// Binds `subject` to an image chosen through an index.
    fn bind(subject: &ReportSubject, declared: bool) -> Result<ReportBinding, BindError> {
        subject.binding(&BindTarget {
            manifest: &digest("manifest"),
            index: Some(&digest("index")),
            config: &digest("config"),
            platform: &platform("linux/arm64"),
            chain_id: ChainId::of(&[digest("layer 1"), digest("layer 2")]).as_ref(),
            declared,
        })
    }

    fn full() -> ReportSubject {
        ReportSubject {
            manifests: vec![digest("manifest")],
            either: Vec::new(),
            image_id: Some(digest("config")),
            platform: Some(platform("linux/arm64/v8")),
            diff_ids: vec![digest("layer 1"), digest("layer 2")],
            name: Some("anything".to_owned()),
            attested: false,
        }
    }

    /// As of a `linux/arm` config below an entry that says `v6`.
    #[test]
    fn a_report_that_names_the_content_may_not_know_the_variant() {
        let on = |subject: ReportSubject| {
            subject.binding(&BindTarget {
                manifest: &digest("manifest"),
                index: Some(&digest("index")),
                config: &digest("config"),
                platform: &platform("linux/arm/v6"),
                chain_id: ChainId::of(&[digest("layer 1"), digest("layer 2")]).as_ref(),
                declared: false,
            })
        };
        let of = |text: &str| ReportSubject {
            platform: Some(platform(text)),
            ..full()
        };
        assert_eq!(on(of("linux/arm")), Ok(ReportBinding::Manifest));
        let without_content = ReportSubject {
            image_id: None,
            diff_ids: Vec::new(),
            ..of("linux/arm")
        };
        for other in [of("linux/arm64"), of("windows/arm"), without_content] {
            let refused = on(other);
            assert!(matches!(refused, Err(BindError::OtherPlatform { .. })));
        }
    }

    #[test]
    fn binds_by_the_manifests_digest() {
        assert_eq!(bind(&full(), false), Ok(ReportBinding::Manifest));
        let digest_only = ReportSubject {
            manifests: vec![digest("index"), digest("manifest")],
            ..Default::default()
        };
        assert_eq!(bind(&digest_only, false), Ok(ReportBinding::Manifest));
    }

    #[test]
    fn refuses_a_report_for_another_digest() {
        for manifests in [
            vec![digest("other")],
            vec![digest("config")],
            vec![digest("other"), digest("third")],
        ] {
            let subject = ReportSubject {
                manifests,
                ..full()
            };
            for declared in [false, true] {
                assert!(matches!(
                    bind(&subject, declared),
                    Err(BindError::OtherDigest { .. })
                ));
            }
        }
    }

    #[test]
    fn refuses_another_config_platform_or_other_layers() {
        let other_id = ReportSubject {
            image_id: Some(digest("other")),
            ..full()
        };
        let other_platform = ReportSubject {
            platform: Some(platform("linux/amd64")),
            ..full()
        };
        let other_layers = ReportSubject {
            diff_ids: vec![digest("layer 1")],
            ..full()
        };
        assert!(matches!(
            bind(&other_id, true),
            Err(BindError::OtherImageId { .. })
        ));
        assert!(matches!(
            bind(&other_platform, true),
            Err(BindError::OtherPlatform { .. })
        ));
        assert_eq!(bind(&other_layers, true), Err(BindError::OtherLayers));
    }

    #[test]
    fn an_index_alone_is_ambiguous() {
        let index = ReportSubject {
            manifests: vec![digest("index")],
            ..Default::default()
        };
        for declared in [false, true] {
            assert_eq!(
                bind(&index, declared),
                Err(BindError::AmbiguousIndex(digest("index")))
            );
        }
    }

    #[test]
    fn an_index_binds_with_platform_config_or_layers() {
        let index = ReportSubject {
            manifests: vec![digest("index")],
            ..Default::default()
        };
        for subject in [
            ReportSubject {
                platform: full().platform,
                ..index.clone()
            },
            ReportSubject {
                image_id: full().image_id,
                ..index.clone()
            },
            ReportSubject {
                diff_ids: full().diff_ids,
                ..index.clone()
            },
        ] {
            assert_eq!(bind(&subject, false), Ok(ReportBinding::Index));
        }
    }

    #[test]
    fn a_report_without_digest_needs_the_submitters_word() {
        let silent = ReportSubject::default();
        let image_id = ReportSubject {
            manifests: Vec::new(),
            ..full()
        };
        for subject in [&silent, &image_id] {
            assert_eq!(bind(subject, false), Err(BindError::NamesNoDigest));
        }
        assert_eq!(bind(&silent, true), Ok(ReportBinding::Declared));
        assert_eq!(bind(&image_id, true), Ok(ReportBinding::Content));
    }

    /// Docker 29 and newer, and what else keeps images in containerd's store.
    #[test]
    fn an_image_id_that_is_the_manifests_or_the_indexs_is_no_contradiction() {
        let called = |word: &str| ReportSubject {
            manifests: Vec::new(),
            image_id: Some(digest(word)),
            ..full()
        };
        assert_eq!(
            bind(&called("manifest"), false),
            Ok(ReportBinding::Manifest)
        );
        assert_eq!(bind(&called("index"), false), Ok(ReportBinding::Index));
        let alone = ReportSubject {
            image_id: Some(digest("index")),
            ..Default::default()
        };
        assert_eq!(
            bind(&alone, true),
            Err(BindError::AmbiguousIndex(digest("index")))
        );
        let beside = ReportSubject {
            manifests: vec![digest("other")],
            ..called("manifest")
        };
        assert!(bind(&beside, true).is_err());
    }

    /// Bypass 24: whatever it is handed in for.
    #[test]
    fn an_image_id_takes_no_report_on_another_manifest() {
        let id = digest("config");
        let other = ReportSubject {
            manifests: vec![digest("other")],
            ..Default::default()
        };
        assert!(other.binding_to_id(&id).is_err());
        // Grype makes a digest up for what lies in a runtime, beside the ID.
        let made_up = ReportSubject {
            image_id: Some(id.clone()),
            ..other.clone()
        };
        assert_eq!(made_up.binding_to_id(&id), Ok(ReportBinding::Content));
        // Where containerd stores images, the ID is the manifest's digest.
        let own = other.binding_to_id(&digest("other"));
        assert_eq!(own, Ok(ReportBinding::Declared));
    }

    fn either(word: &str) -> ReportSubject {
        ReportSubject {
            either: vec![digest(word)],
            ..Default::default()
        }
    }

    #[test]
    fn a_digest_of_unsaid_kind_binds_when_it_is_the_manifests() {
        assert_eq!(
            bind(&either("manifest"), false),
            Ok(ReportBinding::Manifest)
        );
    }

    #[test]
    fn a_digest_of_unsaid_kind_that_is_the_indexs_needs_a_child() {
        let alone = bind(&either("index"), true);
        assert_eq!(alone, Err(BindError::AmbiguousIndex(digest("index"))));
        let with_platform = ReportSubject {
            platform: full().platform,
            ..either("index")
        };
        assert_eq!(bind(&with_platform, false), Ok(ReportBinding::Index));
        let with_config = ReportSubject {
            either: vec![digest("index"), digest("config")],
            ..Default::default()
        };
        assert_eq!(bind(&with_config, false), Ok(ReportBinding::Index));
    }

    #[test]
    fn a_digest_of_unsaid_kind_that_is_the_configs_only_corroborates() {
        let config = either("config");
        assert_eq!(bind(&config, false), Err(BindError::NamesNoDigest));
        assert_eq!(bind(&config, true), Ok(ReportBinding::Content));
    }

    #[test]
    fn a_digest_of_unsaid_kind_that_is_none_of_the_images_refuses() {
        for subject in [
            either("other"),
            either("layer 1"),
            ReportSubject {
                manifests: vec![digest("manifest")],
                ..either("other")
            },
        ] {
            assert!(matches!(
                bind(&subject, true),
                Err(BindError::OtherDigest { .. })
            ));
        }
    }
}
