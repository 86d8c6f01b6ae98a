//! From a file, or from none, to a configuration that holds together.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use toml::de::DeTable;

use super::notebook::{Notebook, Problem, Problems};
use super::policy;
use super::revision::revision;
use super::section::Section;
use super::{
    AdminConfig, AuditConfig, CacheConfig, LedgerConfig, ListenerConfig, OpsConfig, UpstreamConfig,
    listeners, storage, upstreams,
};
use crate::oci::RegistryHost;
use crate::trust::{EnvironmentName, Rulebook, Rules};

/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it was read; `None`: the defaults.
    pub file: Option<PathBuf>,
    pub data_dir: PathBuf,
    /// At least one.
    pub listeners: Vec<ListenerConfig>,
    pub admin: AdminConfig,
    pub ops: Option<OpsConfig>,
    /// At least one; names and paths differ.
    pub upstreams: Vec<UpstreamConfig>,
    pub cache: CacheConfig,
    pub ledger: LedgerConfig,
    pub audit: AuditConfig,
    /// What is allowed, but worth a second look.
    pub warnings: Vec<Problem>,
    policy: Rules,
}

impl Config {
    /// Reads `file`, or the defaults. `env` looks up the process's variables:
    /// `XDG_DATA_HOME` and `HOME` say where data lie by default.
    pub fn load(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
        now: Timestamp,
    ) -> Result<Self, Problems> {
        let text = match file {
            Some(file) => fs::read_to_string(file).map_err(|error| unreadable(file, &error))?,
            None => String::new(),
        };
        let notebook = Notebook::new(file, &text);
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in &errors {
            notebook.problem(error.span(), "", error.message());
        }
        let root = Section::new(&notebook, String::new(), None, table.into_inner());
        let config = match errors.is_empty() {
            true => read(root, user_data(env), now),
            false => None,
        };
        let warnings = notebook.close()?;
        config
            .map(|config| Self {
                file: file.map(Path::to_path_buf),
                warnings,
                ..config
            })
            .ok_or_else(|| incomplete(file))
    }

    /// The policy, under a revision that differs whenever anything in it does.
    pub fn policy(&self) -> Rulebook {
        Rulebook::new(revision(&self.policy), self.policy.clone())
    }

    /// Where image names without a registry go, if an upstream claims them.
    pub fn default_upstream(&self) -> Option<&RegistryHost> {
        let default = self.upstreams.iter().find(|upstream| upstream.default);
        default.map(|upstream| &upstream.name)
    }

    /// Where the first `serve` writes the first token.
    pub fn admin_token_file(&self) -> PathBuf {
        self.data_dir.join("admin.token")
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Problems {
    problem(file, format!("cannot be read: {error}; check --config"))
}

/// Never seen: what is missing is noted where it is missed.
fn incomplete(file: Option<&Path>) -> Problems {
    problem(
        file.unwrap_or(Path::new("defaults")),
        "is incomplete".to_owned(),
    )
}

fn problem(file: &Path, text: String) -> Problems {
    Problems {
        file: Some(file.to_path_buf()),
        problems: vec![Problem {
            line: None,
            column: None,
            key: String::new(),
            text,
        }],
    }
}

fn read(mut root: Section<'_, '_>, user_data: Option<PathBuf>, now: Timestamp) -> Option<Config> {
    let data_dir = data_dir(&mut root, user_data);
    let environments = policy::environment_sections(&mut root);
    let names: BTreeSet<EnvironmentName> =
        environments.iter().map(|(name, _)| name.clone()).collect();
    let (upstreams, vouchings) = upstreams::upstreams(&mut root, &names, now);
    let hosts = upstreams
        .iter()
        .map(|upstream| upstream.name.clone())
        .collect();
    let policy = Rules {
        environments: environments
            .into_iter()
            .map(|(name, section)| policy::environment(name, section, &hosts))
            .collect(),
        exposures: policy::exposures(&mut root, &hosts),
        vouchings,
        exceptions: Vec::new(),
        advisories: Vec::new(),
    };
    let listeners = listeners::listeners(&mut root, &names, &hosts);
    let admin = listeners::admin(&mut root);
    let ops = listeners::ops(&mut root);
    let cache = storage::cache(&mut root, &data_dir);
    let ledger = storage::ledger(&mut root, &data_dir);
    let audit = storage::audit(&mut root, &data_dir);
    root.finish();
    Some(Config {
        file: None,
        data_dir,
        listeners,
        admin: admin?,
        ops,
        upstreams,
        cache,
        ledger,
        audit,
        warnings: Vec::new(),
        policy,
    })
}

fn data_dir(root: &mut Section<'_, '_>, user_data: Option<PathBuf>) -> PathBuf {
    let written = root.path("data_dir");
    if !root.has("data_dir") && user_data.is_none() {
        let text = "is not set, and there is neither XDG_DATA_HOME nor HOME; \
                    write data_dir = \"/var/lib/sekisho\"";
        root.problem("data_dir", text);
    }
    written.or(user_data).unwrap_or_default()
}

/// The user's data directory (XDG Base Directory Specification), ours in it.
fn user_data(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("sekisho"))
}
