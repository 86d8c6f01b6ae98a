//! Image names as a Pod writes them, read as the node reads them
//! (distribution/reference), and what they are called at the gateway. Every door that
//! reads such names reads them here.
//!
//! What two parsers would read differently is refused with a hint, so that the
//! image that was judged is the image that runs.

use super::{Denial, DenialReason, MAX_LIST_CHARS};
use crate::oci::{
    Digest, ImageRef, ImageRefError, Reference, RegistryHost, Repository, RepositoryName, Tag,
    listed, printable, written_host,
};

/// The longest name, host included, that every client takes, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// What is shown of a name that cannot be read, in characters.
const MAX_NAME_CHARS_SHOWN: usize = 100;
const NAME_HINT: &str = "write it as registry.example/team/app:1.2, in lower case";

/// The names that images may have: the gateway's own and those of configured upstreams.
#[derive(Clone, Debug)]
pub struct ImageNames {
    /// Authorities of the gateway: the first is what images are rewritten to. Without
    /// any, no name is one at the gateway.
    pub gateways: Vec<RegistryHost>,
    /// Every upstream, with its path under the gateway; no path twice.
    pub upstreams: Vec<(RegistryHost, String)>,
    /// Where names without a host lie that people give to commands; never those of Pods.
    pub default_host: RegistryHost,
}

/// An image as a Pod names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// At its upstream.
    pub repository: Repository,
    pub tag: Option<Tag>,
    pub digest: Option<Digest>,
    /// Whether it is named at the gateway already.
    pub is_by_gateway: bool,
}

impl NamedImage {
    /// What a node would ask the gateway for.
    pub fn reference(&self) -> Reference {
        self.image().reference()
    }

    /// The image at its upstream.
    pub fn image(&self) -> ImageRef {
        ImageRef::new(
            self.repository.clone(),
            self.tag.clone(),
            self.digest.clone(),
        )
    }
}

impl ImageNames {
    /// Reads a name that somebody asks about.
    ///
    /// # Errors
    /// Why a Pod must not use it: nobody reads it, not everybody reads it alike, or it
    /// lies at no upstream of this gateway.
    pub fn read(&self, text: &str) -> Result<NamedImage, Denial> {
        self.read_from(text, &self.default_host)
    }

    /// The same, as Pods and nodes have it: without a host it lies at Docker Hub, whatever the
    /// default upstream is. A Pod so means one image, whether the webhook is asked or not.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn read_by_node(&self, text: &str) -> Result<NamedImage, Denial> {
        self.read_from(text, &RegistryHost::docker_hub())
    }

    fn read_from(&self, text: &str, default: &RegistryHost) -> Result<NamedImage, Denial> {
        let image = ImageRef::parse(text, default).map_err(|why| unread(text, &why))?;
        refuse_other_spellings(text, &image)?;
        let named = match self.gateways.contains(image.repository().host()) {
            true => self.at_gateway(&image)?,
            false => NamedImage {
                repository: image.repository().clone(),
                tag: image.tag().cloned(),
                digest: image.digest().cloned(),
                is_by_gateway: false,
            },
        };
        let path = self.path(named.repository.host())?;
        self.refuse_too_long(path, &named)?;
        Ok(named)
    }

    /// `gateway/<path of an upstream>/<repository>`; another first segment is no
    /// upstream's, and is not sent through the gateway once more.
    fn at_gateway(&self, image: &ImageRef) -> Result<NamedImage, Denial> {
        let gateway = image.repository().host();
        let name = image.repository().name().as_str();
        let (path, name) = name.split_once('/').unwrap_or((name, ""));
        let Some((host, _)) = self.upstreams.iter().find(|(_, known)| known == path) else {
            return Err(self.unknown(path));
        };
        let name = RepositoryName::parse(name);
        let repository = name.and_then(|name| Repository::try_new(host.clone(), name));
        let repository = repository.map_err(|_| {
            ambiguous(
                format!("{gateway}/{path} names no repository"),
                format!("write it as {gateway}/{path}/team/app:1.2"),
            )
        })?;
        Ok(NamedImage {
            repository,
            tag: image.tag().cloned(),
            digest: image.digest().cloned(),
            is_by_gateway: true,
        })
    }

    fn path(&self, host: &RegistryHost) -> Result<&str, Denial> {
        let found = self.upstreams.iter().find(|(known, _)| known == host);
        found
            .map(|(_, path)| path.as_str())
            .ok_or_else(|| self.unknown(host.as_str()))
    }

    fn unknown(&self, asked: &str) -> Denial {
        let known: Vec<&str> = self
            .upstreams
            .iter()
            .map(|(host, _)| host.as_str())
            .collect();
        Denial::new(
            DenialReason::UnknownUpstream,
            format!(
                "{} is no upstream of this gateway",
                printable(asked, MAX_NAME_CHARS_SHOWN)
            ),
            format!("use an image of: {}", listed(&known, MAX_LIST_CHARS)),
        )
    }

    /// The prefix must leave a name that every client takes.
    fn refuse_too_long(&self, path: &str, named: &NamedImage) -> Result<(), Denial> {
        let by_length = |gateway: &&RegistryHost| gateway.as_str().len();
        let Some(gateway) = self.gateways.iter().max_by_key(by_length) else {
            return Ok(());
        };
        let name = named.repository.name().as_str();
        let length = gateway.as_str().len() + path.len() + name.len() + 2;
        if length <= MAX_NAME_BYTES {
            return Ok(());
        }
        Err(ambiguous(
            format!("under {gateway}/{path} the name has {length} characters"),
            format!("shorten it: clients take {MAX_NAME_BYTES}"),
        ))
    }

    /// The name that sends `image`, written as `text`, through the gateway; with
    /// `digest`, bound to it. `None`: as it is written. What the name already says
    /// stays, and so the name of a name is itself.
    pub fn rewritten(
        &self,
        text: &str,
        image: &NamedImage,
        digest: Option<&Digest>,
    ) -> Option<String> {
        let mut name = match image.is_by_gateway {
            true => text.to_owned(),
            false => self.name_at_gateway(image)?,
        };
        if image.digest.is_none()
            && let Some(digest) = digest
        {
            name = format!("{name}@{digest}");
        }
        (name != text).then_some(name)
    }

    /// `gateway/<path>/<repository>`, for a repository of an upstream.
    pub fn repository_at_gateway(&self, repository: &Repository) -> Option<String> {
        let gateway = self.gateways.first()?;
        let path = self.path(repository.host()).ok()?;
        Some(format!("{gateway}/{path}/{}", repository.name()))
    }

    /// Names without a tag mean `latest`, and say so from here on.
    fn name_at_gateway(&self, image: &NamedImage) -> Option<String> {
        let mut name = self.repository_at_gateway(&image.repository)?;
        match (&image.tag, &image.digest) {
            (Some(tag), _) => name = format!("{name}:{tag}"),
            (None, None) => name = format!("{name}:{}", Tag::latest().as_str()),
            (None, Some(_)) => {}
        }
        if let Some(digest) = &image.digest {
            name = format!("{name}@{digest}");
        }
        Some(name)
    }
}

fn unread(text: &str, why: &ImageRefError) -> Denial {
    let hint = match why {
        ImageRefError::Scheme => "write it without a scheme, as registry.example/team/app:1.2",
        _ => NAME_HINT,
    };
    ambiguous(
        format!(
            "{:?} cannot be read: {why}",
            printable(text, MAX_NAME_CHARS_SHOWN)
        ),
        hint,
    )
}

/// Other spellings of a host are one registry to us and another to a node; only
/// `index.docker.io` is one to both.
fn refuse_other_spellings(text: &str, image: &ImageRef) -> Result<(), Denial> {
    let read = image.repository().host();
    match written_host(text) {
        Some(host) if host != read.as_str() && host != "index.docker.io" => Err(ambiguous(
            format!("{host} is {read} to some and another registry to others"),
            format!("write {image}"),
        )),
        _ => Ok(()),
    }
}

fn ambiguous(detail: impl Into<String>, next: impl Into<String>) -> Denial {
    Denial::new(DenialReason::AmbiguousReference, detail, next)
}
