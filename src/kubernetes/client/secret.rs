//! A Secret shared by replicas, written only over the version that was read.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};

use super::KubernetesClient;
use super::error::describe;

#[cfg(test)]
pub(crate) mod tests;

/// Time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a Secret holds, by key.
pub type SecretData = BTreeMap<String, Vec<u8>>;

/// Why a Secret is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Somebody else wrote it since it was read.
    #[error("the Secret was written by another process meanwhile")]
    Conflict,
    #[error(
        "the service account may not {verb} the Secret; let its Role get, create and update it"
    )]
    Forbidden { verb: &'static str },
    #[error("the API server does not {verb} it: {words}")]
    Refused { verb: &'static str, words: String },
    #[error("the API server did not answer in {ANSWER_TIMEOUT:?}")]
    Silent,
}

/// A Secret by its name.
#[derive(Clone)]
pub struct SharedSecret {
    api: Api<Secret>,
    namespace: String,
    name: String,
}

impl SharedSecret {
    pub fn new(cluster: &KubernetesClient, namespace: &str, name: &str) -> Self {
        Self {
            api: Api::namespaced(cluster.client(), namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// `namespace/name`, for people.
    pub fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What it holds, with the version that [`Self::write`] asks for; `None`: there
    /// is no such Secret.
    ///
    /// # Errors
    /// [`SecretError`] where the API server does not answer with it.
    pub async fn read(&self) -> Result<Option<(SecretData, String)>, SecretError> {
        let found = answer("get", self.api.get_opt(&self.name)).await?;
        Ok(found.map(contents))
    }

    /// Replaces all that it holds, if it is still at the version `replaces`; makes it,
    /// where that is `None`. Labels and annotations stay.
    ///
    /// # Errors
    /// [`SecretError`], also where somebody else has written meanwhile.
    pub async fn write(
        &self,
        data: &SecretData,
        replaces: Option<&str>,
    ) -> Result<(), SecretError> {
        match replaces {
            None => self.create(data).await,
            Some(version) => self.replace(data, version).await,
        }
    }

    async fn create(&self, data: &SecretData) -> Result<(), SecretError> {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            data: Some(bytes(data)),
            ..Secret::default()
        };
        let params = PostParams::default();
        let made = answer("create", self.api.create(&params, &secret)).await;
        made.map(drop)
    }

    async fn replace(&self, data: &SecretData, version: &str) -> Result<(), SecretError> {
        let found = answer("get", self.api.get_opt(&self.name)).await?;
        let mut secret = found.ok_or(SecretError::Conflict)?;
        // The server compares the version again, in case of a write between these two
        // calls.
        if secret.metadata.resource_version.as_deref() != Some(version) {
            return Err(SecretError::Conflict);
        }
        secret.data = Some(bytes(data));
        secret.metadata.managed_fields = None;
        let params = PostParams::default();
        let written = self.api.replace(&self.name, &params, &secret);
        answer("update", written).await.map(drop)
    }
}

fn contents(secret: Secret) -> (SecretData, String) {
    let data = secret.data.unwrap_or_default();
    let version = secret.metadata.resource_version.unwrap_or_default();
    let plain = data.into_iter().map(|(key, value)| (key, value.0));
    (plain.collect(), version)
}

fn bytes(data: &SecretData) -> BTreeMap<String, ByteString> {
    let wrapped = |(key, value): (&String, &Vec<u8>)| (key.clone(), ByteString(value.clone()));
    data.iter().map(wrapped).collect()
}

async fn answer<T>(
    verb: &'static str,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, SecretError> {
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, call).await;
    let answered = answered.map_err(|_| SecretError::Silent)?;
    answered.map_err(|error| refused(verb, &error))
}

/// 409 is a write over another version, or a name that is taken; 404, while
/// replacing, a Secret that was removed.
fn refused(verb: &'static str, error: &kube::Error) -> SecretError {
    let code = match error {
        kube::Error::Api(status) => status.code,
        _ => 0,
    };
    match (verb, code) {
        (_, 409) | ("update", 404) => SecretError::Conflict,
        (_, 403) => SecretError::Forbidden { verb },
        _ => SecretError::Refused {
            verb,
            words: describe(error),
        },
    }
}
