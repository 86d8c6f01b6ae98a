//! From a file, or from none, to a configuration that holds together.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::diagnostics::{Diagnostics, NamedPath, Problem, Problems};
use super::policy;
use super::proxy::ProxyEnvironment;
use super::readable_part::readable_part;
use super::section::Section;
use super::{
    AdminConfig, AuditConfig, CacheConfig, ClusterConfig, ConsoleConfig, DrainConfig, Fingerprint,
    LedgerConfig, LimitsConfig, ListenerConfig, OpsConfig, PolicyFile, PolicyFiles, StartKeys,
    TlsConfig, UpstreamConfig, VulnerabilityPolicyFiles, WebhookConfig, audit, console, drain,
    images, limits, listeners, nodes, notify, policy_folders, storage, telemetry, upstreams,
    webhook,
};
use crate::app::bounded;
use crate::kubernetes::images::KindImages;
use crate::ledger::LedgerLocation;
use crate::node_snapshot::SnapshotKey;
use crate::notify::NotifyTarget;
use crate::oci::RegistryHost;
use crate::traces::TraceOptions;
use crate::trust::{Rulebook, Rules};

/// In the data directory: where the program's own authority is kept.
pub(super) const AUTHORITY: &str = "authority";
/// In the data directory: the first token.
pub(super) const ADMIN_TOKEN: &str = "admin.token";

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
    pub console: ConsoleConfig,
    /// Of every listener.
    pub limits: LimitsConfig,
    pub drain: DrainConfig,
    pub webhook: Option<WebhookConfig>,
    /// Names differ.
    pub clusters: Vec<ClusterConfig>,
    /// At least one; names and paths differ.
    pub upstreams: Vec<UpstreamConfig>,
    pub cache: CacheConfig,
    pub ledger: LedgerConfig,
    pub audit: AuditConfig,
    /// Who is told without asking; names differ.
    pub notify: Vec<NotifyTarget>,
    /// Where traces go.
    pub traces: Option<TraceOptions>,
    /// What signs what agents on nodes are told; `None`: no environment has agents.
    pub node_key: Option<Arc<SnapshotKey>>,
    /// Where kinds of others have their images, for `verify`.
    pub images: Vec<KindImages>,
    /// The files and folders that the file names.
    pub named_paths: Vec<NamedPath>,
    /// What the file says that is allowed, but worth a second look.
    pub warnings: Vec<Problem>,
    /// Of the file, as it was read.
    pub fingerprint: Option<Fingerprint>,
    /// What the file says that takes effect at a start alone.
    pub start_keys: StartKeys,
    /// Serve a ledger that lacks something of what its audit log knows. Never in the file:
    /// it is said once, at a start.
    pub accept_loss: bool,
    /// The policy in it and in the folders that it names.
    pub policy_files: PolicyFiles,
}

impl Config {
    /// Reads `file`, or the defaults, and the folders that it names. `env` looks up
    /// the process's variables: `XDG_DATA_HOME` and `HOME` say where data lie by
    /// default.
    ///
    /// # Errors
    /// All problems at once: [`Problems`].
    pub fn load(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
        now: Timestamp,
    ) -> Result<Self, Problems> {
        Self::load_where(file, env, now, |_| true)
    }

    /// The same to serve by: exceptions that are invalid are left out, as while it runs, since
    /// that is only stricter. A start must not fail for one team's file, which may have become
    /// invalid at any time before. Without an advisory more would pass.
    ///
    /// # Errors
    /// All other problems at once: [`Problems`].
    pub fn load_to_serve(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
        now: Timestamp,
    ) -> Result<Self, Problems> {
        Self::load_where(file, env, now, |kind| kind != PolicyFile::Exceptions)
    }

    fn load_where(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
        now: Timestamp,
        must_be_valid: impl Fn(PolicyFile) -> bool,
    ) -> Result<Self, Problems> {
        let text = text_of(file)?;
        let diagnostics = Diagnostics::new(file, &text);
        let root = Section::root(&diagnostics);
        let mut config = root.and_then(|root| read(root, surroundings(env), now));
        let files = config.as_mut().map(|config| &mut config.policy_files);
        let invalid = files.map(|files| files.problems(now, must_be_valid));
        conclude(config, diagnostics, file, invalid.unwrap_or_default())
    }

    /// Reads the file alone: for who follows the folders already.
    ///
    /// # Errors
    /// All problems at once: [`Problems`].
    pub fn load_file(
        file: &Path,
        env: impl Fn(&str) -> Option<OsString>,
        now: Timestamp,
    ) -> Result<Self, Problems> {
        let text = text_of(Some(file))?;
        let diagnostics = Diagnostics::new(Some(file), &text);
        let root = Section::root(&diagnostics);
        let config = root.and_then(|root| read(root, surroundings(env), now));
        conclude(config, diagnostics, Some(file), Vec::new())
    }

    /// Reads the file for who needs no more of it than those keys: what is wrong with
    /// others does not count. `None`: all keys. No file that it names is opened.
    ///
    /// # Errors
    /// [`Problems`], all of them, in the order of the file.
    pub fn load_parts(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
        now: Timestamp,
        keys: Option<&[&str]>,
    ) -> Result<Self, Problems> {
        let text = text_of(file)?;
        let diagnostics = Diagnostics::without_files(file, &text);
        let root = Section::root(&diagnostics);
        let config = root.and_then(|root| read(root, surroundings(env), now));
        if let Some(keys) = keys {
            diagnostics.keep_only(keys);
        }
        conclude(config, diagnostics, file, Vec::new())
    }

    /// The policy, under a revision that differs whenever anything in it does.
    pub fn policy(&self) -> Rulebook {
        self.policy_files.rulebook()
    }

    /// What is worth a second look in the file and in the folders.
    pub fn all_warnings(&self) -> impl Iterator<Item = &Problem> {
        self.warnings
            .iter()
            .chain(self.policy_files.vulnerability_policy().warnings())
    }

    /// Where names without a host lie: the default upstream, else Docker Hub, as
    /// every client has it.
    pub fn default_host(&self) -> RegistryHost {
        let default = self.default_upstream().cloned();
        default.unwrap_or_else(RegistryHost::docker_hub)
    }

    /// Where image names without a registry go, if an upstream claims them.
    pub fn default_upstream(&self) -> Option<&RegistryHost> {
        let default = self.upstreams.iter().find(|upstream| upstream.default);
        default.map(|upstream| &upstream.name)
    }

    /// Whether something shows a certificate of the program's own authority.
    pub fn wants_authority(&self) -> bool {
        let listeners = self.listeners.iter().map(|listener| &listener.tls);
        let mut all = listeners.chain([&self.admin.tls]);
        let webhook = self.webhook.as_ref().map(|webhook| &webhook.tls);
        webhook == Some(&TlsConfig::Auto) || all.any(|tls| *tls == Some(TlsConfig::Auto))
    }

    /// Where the authority is kept, unless in a cluster's Secret.
    pub fn authority_dir(&self) -> PathBuf {
        self.data_dir.join(AUTHORITY)
    }

    /// Where the first `serve` writes the first token.
    pub fn admin_token_file(&self) -> PathBuf {
        self.data_dir.join(ADMIN_TOKEN)
    }
}

/// Reads the exceptions and advisories alone: also where the rest of the
/// configuration could not be used, as on a machine without its secrets.
///
/// # Errors
/// [`Problems`] of the files alone.
pub fn load_vulnerability_policy(
    file: Option<&Path>,
    now: Timestamp,
) -> Result<VulnerabilityPolicyFiles, Problems> {
    let text = text_of(file)?;
    let diagnostics = Diagnostics::new(file, &text);
    let places = Section::root(&diagnostics).map(|mut root| {
        let (hosts, _) = upstreams::for_policy(&mut root, &BTreeSet::new(), now);
        policy_folders::policy_folders(&mut root, hosts)
    });
    diagnostics.keep_only(&policy_folders::POLICY_FOLDER_KEYS);
    let found = diagnostics.finish().err().map(|found| found.problems);
    let mut problems: Vec<Problem> = found.unwrap_or_default();
    let mut vulnerability_policy = VulnerabilityPolicyFiles::default();
    if let Some(places) = places {
        vulnerability_policy.follow(&places, now);
    }
    problems.extend(
        vulnerability_policy
            .invalid()
            .flat_map(|file| file.problems),
    );
    match problems.is_empty() {
        true => Ok(vulnerability_policy),
        false => Err(Problems { problems }),
    }
}

/// Reads `[[images]]` alone, where a file is named: also where the rest of it could not
/// be used, as in a pipeline.
///
/// # Errors
/// [`Problems`] of that table alone.
pub fn load_images(file: Option<&Path>) -> Result<Vec<KindImages>, Problems> {
    let text = text_of(file)?;
    let diagnostics = Diagnostics::new(file, &text);
    let images = Section::root(&diagnostics).map(|mut root| images::images(&mut root));
    diagnostics.keep_only(&["images"]);
    diagnostics.finish()?;
    Ok(images.unwrap_or_default())
}

/// Where the ledger lies, by `data_dir` and `[ledger]` alone. Where the syntax of the
/// file is broken, by what can be read of it.
///
/// # Errors
///
/// The file cannot be read, or does not surely say it.
pub fn ledger_location(
    file: Option<&Path>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<LedgerLocation, Problems> {
    let (text, broken) = readable_text(file)?;
    let diagnostics = Diagnostics::without_files(file, &text);
    let Some(mut root) = Section::root(&diagnostics) else {
        return Err(Problems { problems: broken });
    };
    if let Some(location) = storage::ledger_url(&mut root) {
        return Ok(location);
    }
    let default = user_data(env).filter(|_| broken.is_empty());
    let data_dir = data_dir(&mut root, default);
    // What cannot be read may be what says it.
    let whole = text_of(file)?;
    let is_lost = !broken.is_empty() && whole.contains("[ledger");
    let problems = diagnostics.take_problems();
    match problems.is_empty() && !is_lost {
        true => Ok(LedgerLocation::File(storage::ledger_file(&data_dir))),
        false => Err(Problems {
            problems: broken.into_iter().chain(problems).collect(),
        }),
    }
}

/// What can be read of a file, and why that is not all of it.
pub(super) fn readable_text(file: Option<&Path>) -> Result<(String, Vec<Problem>), Problems> {
    let text = text_of(file)?;
    let diagnostics = Diagnostics::without_files(file, &text);
    if Section::root(&diagnostics).is_some() {
        return Ok((text, Vec::new()));
    }
    let broken = diagnostics.take_problems();
    match readable_part(&text) {
        Some(part) => Ok((part, broken)),
        None => Err(Problems { problems: broken }),
    }
}

fn text_of(file: Option<&Path>) -> Result<String, Problems> {
    let Some(file) = file else {
        return Ok(String::new());
    };
    bounded::text(file).map_err(|error| {
        let text = format!("{error}; check --config");
        Problem::of_file(file, text).into()
    })
}

/// A configuration without any problem, or all of them. `invalid`: those of other
/// files.
fn conclude(
    config: Option<Config>,
    diagnostics: Diagnostics<'_>,
    file: Option<&Path>,
    invalid: Vec<Problem>,
) -> Result<Config, Problems> {
    let fingerprint = file.map(|_| Fingerprint::of(diagnostics.text()));
    let start_keys = StartKeys::of(diagnostics.text());
    let named_paths = diagnostics.take_named_paths();
    let noted = diagnostics.finish();
    match (config, noted) {
        (Some(config), Ok(warnings)) if invalid.is_empty() => Ok(Config {
            file: file.map(Path::to_path_buf),
            fingerprint,
            start_keys,
            named_paths,
            warnings,
            ..config
        }),
        (_, Err(found)) => Err(Problems {
            problems: found.problems.into_iter().chain(invalid).collect(),
        }),
        (Some(_), Ok(_)) => Err(Problems { problems: invalid }),
        // Never seen: what is missing is noted where it is missed.
        (None, Ok(_)) => {
            let file = file.unwrap_or(Path::new("defaults"));
            Err(Problem::of_file(file, "is incomplete").into())
        }
    }
}

fn read(
    mut root: Section<'_, '_>,
    (user_data, proxies): (Option<PathBuf>, ProxyEnvironment),
    now: Timestamp,
) -> Option<Config> {
    let data_dir = data_dir(&mut root, user_data);
    let environments = policy::environment_sections(&mut root);
    let names = environments.iter().map(|(name, _)| name.clone()).collect();
    let (upstreams, vouchings) = upstreams::upstreams(&mut root, &names, &proxies, now);
    let hosts = hosts_of(&upstreams);
    let sections = Rules {
        environments: policy::environments(environments, &hosts),
        exposures: policy::exposures(&mut root, &hosts),
        vouchings,
        ..Rules::default()
    };
    let places = policy_folders::policy_folders(&mut root, hosts.clone());
    let listeners = listeners::listeners(&mut root, &sections.environments, &upstreams);
    let admin = listeners::admin(&mut root);
    let ops = listeners::ops(&mut root);
    let console = console::console(&mut root);
    let limits = limits::limits(&mut root);
    let drain = drain::drain(&mut root);
    let webhook = webhook::webhook(&mut root);
    let clusters = webhook::clusters(&mut root, &names, &listeners, &hosts, webhook.is_some());
    let cache = storage::cache(&mut root, &data_dir, now);
    let ledger = storage::ledger(&mut root, &data_dir);
    let audit = audit::audit(&mut root, &data_dir);
    let notify = notify::notify(&mut root, &names, now);
    let traces = telemetry::telemetry(&mut root, now);
    let images = images::images(&mut root);
    let node_key = nodes::signing_key(&mut root, &sections.environments);
    root.finish();
    Some(Config {
        file: None,
        data_dir,
        listeners,
        admin: admin?,
        ops,
        console,
        limits,
        drain,
        webhook,
        clusters,
        upstreams,
        cache,
        ledger,
        audit,
        notify,
        traces,
        images,
        node_key,
        named_paths: Vec::new(),
        warnings: Vec::new(),
        fingerprint: None,
        start_keys: StartKeys::default(),
        accept_loss: false,
        policy_files: PolicyFiles::new(sections, places),
    })
}

pub(super) fn hosts_of(upstreams: &[UpstreamConfig]) -> BTreeSet<RegistryHost> {
    let names = upstreams.iter().map(|upstream| upstream.name.clone());
    names.collect()
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

/// What the environment says of the user and of the way out.
fn surroundings(env: impl Fn(&str) -> Option<OsString>) -> (Option<PathBuf>, ProxyEnvironment) {
    let proxies = ProxyEnvironment::of(&env);
    (user_data(env), proxies)
}

/// The user's data directory (XDG Base Directory Specification), ours in it.
pub(super) fn user_data(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("sekisho"))
}
