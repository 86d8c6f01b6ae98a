//! The image that a list of decisions or acts is narrowed to.

use super::Admin;
use super::error::AdminError;
use crate::oci::{Digest, ImageRef, RegistryHost, RepositoryGlobs};
use crate::trust::{Act, Decision, EnvironmentName};

/// One way to name it.
pub(super) enum AskedImage {
    Digest(Digest),
    Globs(RepositoryGlobs),
    /// A part of the name, as it was asked for; and what that is as a whole name.
    Part(String, Option<ImageRef>),
}

/// # Errors
/// Those of [`RepositoryGlobs::asked`].
pub(super) fn asked_globs(text: &str) -> Result<RepositoryGlobs, AdminError> {
    RepositoryGlobs::asked(text).map_err(AdminError::bad_request)
}

impl AskedImage {
    /// # Errors
    /// Those of [`asked_globs`].
    pub fn read(
        admin: &Admin,
        text: &str,
        environment: Option<&EnvironmentName>,
    ) -> Result<Self, AdminError> {
        if let Ok(digest) = Digest::parse(text) {
            return Ok(Self::Digest(digest));
        }
        if text.contains('*') {
            return asked_globs(text).map(Self::Globs);
        }
        let whole = admin.image(text, environment).ok();
        Ok(Self::Part(text.to_owned(), whole))
    }

    /// Whether a decision was about it.
    pub fn is(&self, admin: &Admin, decision: &Decision) -> bool {
        let host = decision.upstream.as_ref().unwrap_or(&admin.default_host);
        self.names(&decision.image, host, decision.digest.as_ref())
    }

    /// Whether an act was about it.
    pub fn is_of(&self, admin: &Admin, act: &Act) -> bool {
        let name = act.image.as_deref().unwrap_or_default();
        self.names(name, &admin.default_host, act.digest.as_ref())
    }

    /// Whether it is what is recorded under that name and digest. A name without a tag or a
    /// digest means all of its repository.
    pub fn names(&self, name: &str, host: &RegistryHost, digest: Option<&Digest>) -> bool {
        let image = || ImageRef::parse(name, host).ok();
        match self {
            Self::Digest(asked) => Some(asked) == digest,
            Self::Globs(globs) => image().is_some_and(|it| globs.matches(it.repository())),
            Self::Part(part, _) if name.contains(part) => true,
            Self::Part(_, asked) => image().zip(asked.as_ref()).is_some_and(|(it, asked)| {
                it.repository() == asked.repository()
                    && asked.tag().is_none_or(|tag| it.tag() == Some(tag))
                    && (asked.digest()).is_none_or(|asked| Some(asked) == digest)
            }),
        }
    }
}
