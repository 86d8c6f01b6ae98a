//! Tags, references and image names as people write them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::name::text_value;
use super::{Digest, DigestError, NameError, RegistryHost, Repository, RepositoryName};

/// Why a string is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tag is 1 to 128 of letters, digits and _ . - and begins with a letter, digit or _")]
pub struct TagError;

/// OCI tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Reads a tag (OCI distribution specification, "Pulling manifests").
    ///
    /// # Errors
    /// [`TagError`] where `text` is none.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let mut bytes = text.bytes();
        let good = text.len() <= 128
            && bytes.next().is_some_and(word)
            && bytes.all(|byte| word(byte) || byte == b'.' || byte == b'-');
        good.then(|| Self(Arc::from(text))).ok_or(TagError)
    }

    /// The tag meant when none is written.
    pub fn latest() -> Self {
        Self(Arc::from("latest"))
    }

    /// The tag that lists what refers to `digest` where a registry has no list of its
    /// own: `sha256-<hex>`, the digits cut to 64 (distribution-spec, "Referrers Tag
    /// Schema").
    pub fn of_referrers(digest: &Digest) -> Self {
        let (algorithm, digits) = (digest.algorithm().as_str(), digest.hex());
        Self(Arc::from(format!("{algorithm}-{digits:.64}")))
    }

    /// The digest that such a tag of cosign's names: `sha256-<hex>.sig`, `.att` or
    /// `.sbom`.
    pub fn attached_to(&self) -> Option<Digest> {
        let (digest, kind) = self.0.rsplit_once('.')?;
        let digest = ATTACHED
            .contains(&kind)
            .then(|| digest.replacen('-', ":", 1))?;
        Digest::parse(&digest).ok()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What cosign attaches: signatures, attestations, bills of materials.
const ATTACHED: [&str; 3] = ["sig", "att", "sbom"];

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_value!(Tag, TagError);

/// OCI `<reference>`: what a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    Tag(Tag),
    Digest(Digest),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// Why a string is no image name. The texts say what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageRefError {
    #[error("the image name is empty")]
    Empty,
    #[error("write the image without a scheme, as host/name:tag")]
    Scheme,
    /// Docker takes 64 hexadecimal digits for the ID of an image that it has.
    #[error("64 hexadecimal digits are no image name; write sha256:… behind a name and @")]
    Identifier,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Tag(#[from] TagError),
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// An image as written in a PodSpec or on a command line:
/// `[host/]name[:tag][@digest]`, read as `distribution/reference` reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageRef {
    pub fn new(repository: Repository, tag: Option<Tag>, digest: Option<Digest>) -> Self {
        Self {
            repository,
            tag,
            digest,
        }
    }

    /// Parses `text`; a name without a host lies at `default_host`.
    ///
    /// # Errors
    /// [`ImageRefError`] says which part is wrong.
    pub fn parse(text: &str, default_host: &RegistryHost) -> Result<Self, ImageRefError> {
        if text.is_empty() {
            return Err(ImageRefError::Empty);
        }
        if text.contains("://") {
            return Err(ImageRefError::Scheme);
        }
        if is_identifier(text) {
            return Err(ImageRefError::Identifier);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        let tag = tag.map(Tag::parse).transpose()?;
        let repository = parse_repository(name, default_host)?;
        Ok(Self::new(repository, tag, digest))
    }

    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What a client asks the registry for: the digest when there is one,
    /// else the tag, else `latest`.
    pub fn reference(&self) -> Reference {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Reference::Digest(digest.clone()),
            (None, Some(tag)) => Reference::Tag(tag.clone()),
            (None, None) => Reference::Tag(Tag::latest()),
        }
    }
}

fn is_identifier(text: &str) -> bool {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    text.len() == 64 && text.bytes().all(hexadecimal)
}

fn split_tag(text: &str) -> (&str, Option<&str>) {
    let last_slash = text.rfind('/').map_or(0, |at| at + 1);
    match text[last_slash..].find(':') {
        Some(at) => (&text[..last_slash + at], Some(&text[last_slash + at + 1..])),
        None => (text, None),
    }
}

/// The host that an image name begins with, as it is written, if it names one. The
/// first component is a host when it has a dot or a port, is `localhost`, or is
/// upper case (distribution/reference, `splitDockerDomain`).
pub fn written_host(image: &str) -> Option<&str> {
    let (first, _) = image.split_once('/')?;
    let is_host =
        first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first;
    is_host.then_some(first)
}

/// `image` with the host that a node asks: Docker Hub's where it has none.
pub fn named_by_node(image: &str) -> String {
    match (
        written_host(image),
        ImageRef::parse(image, &RegistryHost::docker_hub()),
    ) {
        (None, Ok(read)) => read.to_string(),
        _ => image.to_owned(),
    }
}

fn parse_repository(text: &str, default_host: &RegistryHost) -> Result<Repository, NameError> {
    match written_host(text) {
        Some(host) => Repository::try_new(
            registry(host)?,
            RepositoryName::parse(&text[host.len() + 1..])?,
        ),
        None => Repository::try_new(default_host.clone(), RepositoryName::parse(text)?),
    }
}

/// What is read as a host for its upper case alone was meant as part of a repository.
fn registry(written: &str) -> Result<RegistryHost, NameError> {
    let looks_so = written.contains(['.', ':']);
    RegistryHost::parse(written).map_err(|error| match error {
        NameError::Host if !looks_so => NameError::Repository,
        error => error,
    })
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_host_is_asked_for_where_nodes_pull_it() {
        for (written, asked) in [
            ("nginx", "docker.io/library/nginx"),
            ("team/app:1", "docker.io/team/app:1"),
            ("registry.corp/team/app:1", "registry.corp/team/app:1"),
            ("registry-1.docker.io/app", "registry-1.docker.io/app"),
            ("No Name", "No Name"),
        ] {
            assert_eq!(named_by_node(written), asked);
        }
    }

    #[test]
    fn tags_stand_for_what_refers_to_a_digest() {
        let (sha256, sha512) = (Digest::sha256(b"x"), Digest::sha512(b"x"));
        let tag = Tag::of_referrers(&sha256).to_string();
        assert_eq!(tag, format!("sha256-{}", sha256.hex()));
        let tag = Tag::of_referrers(&sha512).to_string();
        assert_eq!(tag, format!("sha512-{}", &sha512.hex()[..64]));
        assert!(Tag::parse(&tag).is_ok());
    }

    #[test]
    fn cosigns_tags_name_what_they_are_attached_to() {
        let digest = Digest::sha256(b"x");
        let attached = |text: &str| Tag::parse(text).unwrap().attached_to();
        let hex = digest.hex();
        for kind in ["sig", "att", "sbom"] {
            let found = attached(&format!("sha256-{hex}.{kind}"));
            assert_eq!(found.as_ref(), Some(&digest));
        }
        for other in [
            "latest".to_owned(),
            "1.sig".to_owned(),
            format!("sha256-{hex}"),
            format!("sha256-{hex}.zip"),
            format!("sha256-{}.sig", &hex[1..]),
            format!("sha256-{}.sig", hex.to_uppercase()),
            format!("sha256_{hex}.sig"),
            format!("md5-{hex}.sig"),
        ] {
            assert_eq!(attached(&other), None, "{other}");
        }
    }

    fn parse(text: &str) -> Result<String, ImageRefError> {
        let hub = RegistryHost::parse("docker.io").unwrap();
        ImageRef::parse(text, &hub).map(|image| image.to_string())
    }

    #[test]
    fn reads_image_names_as_docker_does() {
        for (written, read) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("team/app", "docker.io/team/app"),
            ("localhost/app", "localhost/app"),
            ("registry.corp:5000/app:1", "registry.corp:5000/app:1"),
            ("index.docker.io/nginx", "docker.io/library/nginx"),
        ] {
            assert_eq!(parse(written).as_deref(), Ok(read), "{written}");
        }
    }

    #[test]
    fn upper_case_is_told_of_the_part_in_which_it_stands() {
        for (written, error) in [
            ("TEAM/App:1.4", NameError::Repository),
            ("Team/app", NameError::Repository),
            ("App", NameError::Repository),
            ("a.example/Team/app", NameError::Repository),
            ("A.example/team/app", NameError::Host),
            ("LOCAL:5000/team/app", NameError::Host),
        ] {
            assert_eq!(parse(written), Err(error.into()), "{written}");
        }
    }

    #[test]
    fn keeps_tag_and_digest() {
        let digest = Digest::sha256(b"");
        let text = format!("docker.io/library/nginx:1@{digest}");
        assert_eq!(parse(&text), Ok(text.clone()));
    }

    #[test]
    fn refuses_what_two_parsers_read_differently() {
        for bad in [
            "",
            "https://docker.io/nginx",
            "nginx:",
            "nginx@",
            "Nginx",
            "docker.io./nginx",
            "a//b",
            "nginx@sha256:abc",
            "DOCKER.IO/nginx",
            "a b",
            "nginx:a:b",
            "[::ffff:127.0.0.1]/nginx",
            &"a0".repeat(32),
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
