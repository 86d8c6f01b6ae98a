//! Image names as requests write them.

use super::Admin;
use super::authenticate::forbidden;
use super::error::AdminError;
use crate::access::Principal;
use crate::oci::{Digest, ImageRef, RegistryHost, Repository, listed, written_host};
use crate::trust::{Denial, DenialReason, EnvironmentName};

/// The longest list of environments in an answer, in characters.
const MAX_NAMES_CHARS: usize = 300;

impl Admin {
    /// Reads an image as a node of `environment` would pull it: by the very parser of
    /// the webhook. Names at a gateway of the environment (`None`: at any gateway) lead
    /// to the upstream behind it.
    ///
    /// # Errors
    /// The denial that the webhook would give to the name.
    pub(super) fn image(
        &self,
        text: &str,
        environment: Option<&EnvironmentName>,
    ) -> Result<ImageRef, AdminError> {
        let read = self.names.of(environment).read(text);
        read.map(|named| named.image()).map_err(|denial| {
            let denial = self
                .at_gateway_elsewhere(text, environment)
                .unwrap_or(denial);
            let line = format!("{}: {}", denial.reason.code(), denial.detail);
            AdminError::refused(line)
                .denied_as(denial.reason)
                .next(denial.next_step)
        })
    }

    /// The denial of a name at a gateway of other environments alone: it is no strange host.
    fn at_gateway_elsewhere(
        &self,
        text: &str,
        environment: Option<&EnvironmentName>,
    ) -> Option<Denial> {
        let (environment, host) = (environment?, written_host(text)?);
        let named = self.names.of(None).read(text).ok()?;
        let image = named.image();
        Some(Denial::new(
            DenialReason::UnknownUpstream,
            format!("{host} is a gateway of other environments than {environment}"),
            format!("to name the image itself, write {image}"),
        ))
    }

    /// The same, where a host that is no upstream's may be a name of this gateway that the
    /// configuration does not know: whoever asks why a pull was denied writes what the
    /// client wrote.
    pub(super) fn image_at_any_gateway(
        &self,
        text: &str,
        environment: &EnvironmentName,
    ) -> Result<ImageRef, AdminError> {
        let read = self.image(text, Some(environment));
        let mut names = self.names.of(Some(environment));
        let host = written_host(text).and_then(|host| RegistryHost::parse(host).ok());
        let Some(host) = host.filter(|_| read.is_err()) else {
            return read;
        };
        if names.upstreams.iter().any(|(known, _)| *known == host) {
            return read;
        }
        names.gateways.push(host);
        names.read(text).map_or(read, |named| Ok(named.image()))
    }

    /// The environment that a list is narrowed to, if it is to one.
    ///
    /// # Errors
    /// There is none of that name: what it lists would be nothing, and pass for an
    /// all-clear.
    pub(super) fn known_environment(
        &self,
        named: Option<EnvironmentName>,
    ) -> Result<Option<EnvironmentName>, AdminError> {
        named.map(|it| self.environment(Some(it))).transpose()
    }

    /// The environment named, or the only one there is.
    pub(super) fn environment(
        &self,
        named: Option<EnvironmentName>,
    ) -> Result<EnvironmentName, AdminError> {
        let rulebook = self.gate.rulebook();
        let mut known = rulebook.environments().map(|environment| &environment.name);
        match (named, known.next(), known.next()) {
            (Some(name), _, _) if rulebook.environment(&name).is_some() => Ok(name),
            (None, Some(only), None) => Ok(only.clone()),
            (named, ..) => Err(which_environment(
                named,
                rulebook.environments().map(|environment| &environment.name),
            )),
        }
    }
}

fn which_environment<'a>(
    named: Option<EnvironmentName>,
    known: impl Iterator<Item = &'a EnvironmentName>,
) -> AdminError {
    let known: Vec<&str> = known.map(EnvironmentName::as_str).collect();
    let message = match named {
        Some(name) => format!("no environment is called {name}"),
        None => "there are several environments".to_owned(),
    };
    AdminError::bad_request(message)
        .next(format!("name one of: {}", listed(&known, MAX_NAMES_CHARS)))
}

/// The digest that an image is named by.
pub(super) fn digest_of(image: &ImageRef) -> Result<Digest, AdminError> {
    image.digest().cloned().ok_or_else(|| {
        AdminError::bad_request(format!("{image} names no digest, and a tag can move"))
            .next("name it as host/name@sha256:…; explain shows the digest of a tag")
    })
}

/// Refuses repositories outside of a token's scope.
pub(super) fn within_repository(
    principal: &Principal,
    repository: &Repository,
) -> Result<(), AdminError> {
    if principal.scope().covers_repository(repository) {
        return Ok(());
    }
    Err(forbidden(principal, &format!("do that for {repository}")))
}

/// Refuses what lies outside of a token's scope.
pub(super) fn within_scope(
    principal: &Principal,
    repository: &Repository,
    environment: Option<&EnvironmentName>,
) -> Result<(), AdminError> {
    let scope = principal.scope();
    let reaches = match environment {
        Some(name) => scope.covers_environment(name.as_str()),
        // What applies to all environments needs a token for all of them.
        None => scope.environments().is_empty(),
    };
    within_repository(principal, repository)?;
    if reaches {
        return Ok(());
    }
    let place = match environment {
        Some(name) => format!("do that for {repository} in {name}"),
        None => format!("do that for {repository} in every environment"),
    };
    Err(forbidden(principal, &place))
}
