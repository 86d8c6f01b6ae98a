//! Which store, which names.

use jiff::Timestamp;

use super::names;
use crate::app::config::Config;
use crate::kubernetes::client::{Cluster, OneSecret};
use crate::kubernetes::names::SECRET;
use crate::tls::authority::{Names, Terms};
use crate::tls::manager::{Folder, KeepError, Keeper, Store};

/// The authority that the configuration asks for: in a Secret, where the program
/// runs in a cluster under a service account, else below the data directory.
pub(in crate::app) async fn open(config: &Config, now: Timestamp) -> Result<Keeper, KeepError> {
    let mut names = names::configured(config).map_err(KeepError::Names)?;
    let store = match Cluster::connect(None).await? {
        Some(cluster) => in_secret(config, &cluster, &mut names)?,
        None => in_folder(config, &mut names),
    };
    Keeper::open(store, names, Terms::default(), now).await
}

/// Replicas have one certificate, so none bears the name of a machine.
fn in_secret(config: &Config, cluster: &Cluster, names: &mut Names) -> Result<Store, KeepError> {
    let namespace = cluster.namespace();
    names::add_service(names, namespace).map_err(KeepError::Names)?;
    Ok(Store::Secret {
        secret: Box::new(OneSecret::new(cluster, namespace, SECRET)),
        copy: Folder::new(&config.authority_dir()),
    })
}

fn in_folder(config: &Config, names: &mut Names) -> Store {
    names::add_machine(names);
    Store::Folder(Folder::new(&config.authority_dir()))
}
