//! Landlock: the kernel holds the program to the folders where its data lie.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus,
};

use super::config::{Config, ConfiguredCredentials};
use crate::file_access::behind_links;

/// What is asked of a newer kernel is what an older one knows of it.
const KNOWN: ABI = ABI::V3;
/// Where SQLite sorts what is too long for memory.
const TEMPORARY: [&str; 3] = ["/var/tmp", "/usr/tmp", "/tmp"];

/// Whether the program may write where it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// It writes below its folders alone, and becomes no other program.
    Confined,
    /// A program gives credentials of an upstream, or may give those of a cluster, as a
    /// kubeconfig says; and what that needs is not known.
    CredentialProgram,
    /// The kernel has no Landlock, or does not let the program use it.
    Unsupported,
}

impl Confinement {
    /// Says so in the log.
    pub fn tell(self) {
        match self {
            Self::Confined => tracing::info!("confined: writes below its own folders alone"),
            Self::CredentialProgram => {
                tracing::info!("not confined: a program may give credentials");
            }
            Self::Unsupported => tracing::info!("not confined: this kernel has no Landlock"),
        }
    }
}

/// Confines this thread and each that it begins from now on: so before any other began. It
/// reads what it likes, since certificates and secrets are read again from where links lead
/// then. Nothing is as strict as what is not asked for: where it fails, all stays as it was.
pub fn confine(config: &Config) -> Confinement {
    let is_program = |it| matches!(it, &ConfiguredCredentials::Command { .. });
    let mut credentials = config
        .upstreams
        .iter()
        .filter_map(|it| it.credentials.as_ref());
    let mut clusters = config.clusters.iter();
    if credentials.any(is_program) || clusters.any(|it| it.kubeconfig.is_some()) {
        return Confinement::CredentialProgram;
    }
    match restricted(&folders(config)) {
        Ok(RulesetStatus::NotEnforced) | Err(_) => Confinement::Unsupported,
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {
            Confinement::Confined
        }
    }
}

/// Where it writes. Those that it would make are made, so that a rule can name them.
fn folders(config: &Config) -> Vec<PathBuf> {
    let parent = |path: &Path| path.parent().map(Path::to_owned);
    let ledger = config.ledger.location.file().and_then(|it| parent(it));
    let remote = config.cache.remote.as_ref();
    let remote = remote.and_then(|it| it.options.url.to_file_path().ok());
    let own = [config.data_dir.clone(), config.cache.path.clone()];
    let own: Vec<PathBuf> = own.into_iter().chain(ledger).chain(remote).collect();
    for folder in &own {
        // Who opens it says why it cannot be made.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    }
    let temporary = ["SQLITE_TMPDIR", "TMPDIR"].into_iter();
    let temporary = temporary.filter_map(std::env::var_os).map(PathBuf::from);
    let temporary = temporary.chain(TEMPORARY.map(PathBuf::from));
    // Its file may be one that is yet to be made where a link leads.
    let log = [
        parent(&config.audit.path),
        parent(&behind_links(&config.audit.path)),
    ];
    let log = log.into_iter().flatten();
    let links = own.iter().flat_map(|it| links_in(it));
    let led_to: Vec<PathBuf> = links.filter_map(|it| led_to(&it)).collect();
    own.into_iter()
        .chain(log)
        .chain(led_to)
        .chain(temporary)
        .collect()
}

/// The links in a folder: whoever set the program up put parts of it on other disks by them.
fn links_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let links = entries.filter(|it| it.file_type().is_ok_and(|kind| kind.is_symlink()));
    links.map(|it| it.path()).collect()
}

/// The folder that a link leads to, or that holds the file that it leads to.
fn led_to(link: &Path) -> Option<PathBuf> {
    let target = fs::canonicalize(link).ok()?;
    match target.is_dir() {
        true => Some(target),
        false => target.parent().map(Path::to_owned),
    }
}

fn restricted(folders: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let writes: BitFlags<AccessFs> = AccessFs::from_write(KNOWN);
    let mut rules = Ruleset::default()
        .handle_access(writes | AccessFs::Execute)?
        .create()?;
    for folder in folders.iter().filter_map(|it| PathFd::new(it).ok()) {
        rules = rules.add_rule(PathBeneath::new(folder, writes))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}
