//! Opens the authority: chooses the store and the names.

use jiff::Timestamp;

use super::names;
use crate::app::config::Config;
use crate::kubernetes::client::{KubernetesClient, SharedSecret};
use crate::kubernetes::names::SECRET_NAME;
use crate::tls::authority::{CertificateNames, Lifetimes};
use crate::tls::manager::{AuthorityFolder, AuthorityManager, AuthorityStoreError, Store};

/// The authority that the configuration asks for: in a Secret, where the program
/// runs in a cluster under a service account, else below the data directory.
pub(in crate::app) async fn open(
    config: &Config,
    now: Timestamp,
) -> Result<AuthorityManager, AuthorityStoreError> {
    let mut names = names::configured(config).map_err(AuthorityStoreError::Names)?;
    let store = match KubernetesClient::connect(None).await? {
        Some(cluster) => in_secret(config, &cluster, &mut names)?,
        None => in_folder(config, &mut names),
    };
    AuthorityManager::open(store, names, Lifetimes::default(), now).await
}

/// Replicas share one certificate, so it holds no machine's name.
fn in_secret(
    config: &Config,
    cluster: &KubernetesClient,
    names: &mut CertificateNames,
) -> Result<Store, AuthorityStoreError> {
    let namespace = cluster.namespace();
    names::add_service(names, namespace).map_err(AuthorityStoreError::Names)?;
    Ok(Store::Secret {
        secret: Box::new(SharedSecret::new(cluster, namespace, SECRET_NAME)),
        copy: AuthorityFolder::new(&config.authority_dir()),
    })
}

fn in_folder(config: &Config, names: &mut CertificateNames) -> Store {
    names::add_machine(names);
    Store::Folder(AuthorityFolder::new(&config.authority_dir()))
}
