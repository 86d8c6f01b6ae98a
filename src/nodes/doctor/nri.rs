//! The Node Resource Interface (NRI) of a runtime, by which the agent of a node is asked:
//! whether a configuration has it on.

use toml::{Table, Value};

use super::finding::{OnNode, on_node};
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::Runtime;

/// Where runtimes listen for plugins unless told otherwise.
pub const DEFAULT_NRI_SOCKET: &str = "/var/run/nri/nri.sock";

const CONTAINERD_PLUGIN: &str = "io.containerd.nri.v1.nri";
/// The same in `disabled_plugins` of a file of version 1.
const CONTAINERD_PLUGIN_ID: &str = "nri";
/// The first containerd that names an image's digest to its plugins.
const NAMES_DIGESTS: RuntimeVersion = RuntimeVersion { major: 2, minor: 4 };

/// What a runtime's files say of its NRI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NriSettings {
    /// Whether it is switched on or off; `None`: the version's default holds.
    pub is_on: Option<bool>,
    /// Whether only plugins that the runtime starts itself are taken.
    pub is_closed: bool,
    /// Where plugins connect, if not at the default.
    pub socket: Option<String>,
}

/// Of a runtime, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuntimeVersion {
    pub major: u32,
    pub minor: u32,
}

/// What becomes of an agent that wants to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NriState {
    On,
    Off,
    /// On, for plugins alone that the runtime starts itself.
    Closed,
    /// This runtime, or this version of it, has none.
    Absent,
    /// No file says it, and neither is the version known.
    Unknown,
}

/// Why an agent cannot be asked, or what it needs to be.
#[derive(Clone, Copy, Debug)]
pub struct NriCheck<'a> {
    pub runtime: Runtime,
    /// As the runtime tells it; empty: it is not known.
    pub version: &'a str,
    pub state: NriState,
    /// The file that sets it.
    pub file: &'a str,
    pub socket: &'a str,
    /// `None`: nobody looked.
    pub is_socket_there: Option<bool>,
}

impl NriSettings {
    /// Of containerd's `config.toml`, or of what `containerd config dump` printed.
    pub(super) fn of_containerd(file: &Table) -> Self {
        let names = [CONTAINERD_PLUGIN, CONTAINERD_PLUGIN_ID];
        let disabled = file.get("disabled_plugins").and_then(Value::as_array);
        let is_disabled = disabled.is_some_and(|all| {
            let mut all = all.iter().filter_map(Value::as_str);
            all.any(|name| names.contains(&name))
        });
        let plugins = file.get("plugins").and_then(Value::as_table);
        let section = plugins.and_then(|all| all.get(CONTAINERD_PLUGIN)?.as_table());
        let flag = |key: &str| section.and_then(|table| table.get(key)?.as_bool());
        Self {
            is_on: match is_disabled {
                true => Some(false),
                false => flag("disable").map(|off| !off),
            },
            is_closed: flag("disable_connections") == Some(true),
            socket: section.and_then(|table| text(table, "socket_path")),
        }
    }

    /// Of CRI-O's files, of which a later one overrides an earlier one. What is no TOML says
    /// nothing: CRI-O does not start with it.
    pub fn of_crio<'a>(files: impl IntoIterator<Item = &'a str>) -> Self {
        let mut this = Self::default();
        for file in files {
            let Ok(file) = file.parse::<Table>() else {
                continue;
            };
            let crio = file.get("crio").and_then(Value::as_table);
            let Some(nri) = crio.and_then(|crio| crio.get("nri")?.as_table()) else {
                continue;
            };
            let said = nri.get("enable_nri").and_then(Value::as_bool);
            this.is_on = said.or(this.is_on);
            this.socket = text(nri, "nri_listen").or(this.socket);
        }
        this
    }

    pub fn socket(&self) -> &str {
        self.socket.as_deref().unwrap_or(DEFAULT_NRI_SOCKET)
    }

    /// What that means in this version of the runtime.
    pub fn state(&self, runtime: Runtime, version: Option<RuntimeVersion>) -> NriState {
        let Some((first, on_by_default)) = versions(runtime) else {
            return NriState::Absent;
        };
        let default = version.map(|version| version >= on_by_default);
        match (version, self.is_on.or(default)) {
            (Some(version), _) if version < first => NriState::Absent,
            (_, Some(true)) if self.is_closed => NriState::Closed,
            (_, Some(true)) => NriState::On,
            (_, Some(false)) => NriState::Off,
            (_, None) => NriState::Unknown,
        }
    }
}

/// The first version with NRI, and the first in which it is on by default.
const fn versions(runtime: Runtime) -> Option<(RuntimeVersion, RuntimeVersion)> {
    const fn of(major: u32, minor: u32) -> RuntimeVersion {
        RuntimeVersion { major, minor }
    }
    match runtime {
        Runtime::Containerd => Some((of(1, 7), of(2, 0))),
        Runtime::Crio => Some((of(1, 26), of(1, 30))),
        Runtime::Docker | Runtime::Podman => None,
    }
}

fn text(table: &Table, key: &str) -> Option<String> {
    let text = table.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

impl RuntimeVersion {
    /// Of `1.7.35`, `v2.0.5-k3s1` or `1.6.20~ds1`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().trim_start_matches('v').split('.');
        Some(Self {
            major: numbers.next()?.parse().ok()?,
            minor: numbers.next()?.parse().ok()?,
        })
    }

    /// Of the first word of `containerd --version` that is one.
    pub fn in_line(line: &str) -> Option<(Self, &str)> {
        let mut words = line.split_whitespace();
        words.find_map(|word| Some((Self::parse(word)?, word)))
    }
}

impl NriState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Closed => "closed",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

/// Said of a missing gate.
const STARTS_AGAIN: &str =
    "no agent can be asked here: an image that was pulled before it was revoked starts again";

impl NriCheck<'_> {
    /// What keeps an agent from being asked, where one is wanted.
    pub fn findings(&self) -> Vec<Diagnosis<OnNode>> {
        let found = match self.state {
            NriState::On => return self.of_what_is_on(),
            NriState::Unknown => self
                .found(
                    Gravity::Unknown,
                    self.file,
                    "whether NRI is on is not known",
                )
                .why("no file says it, and the version, whose default holds, is not known")
                .next("run it as root beside the runtime, and name its CRI by --cri-socket"),
            NriState::Off | NriState::Closed | NriState::Absent => self
                .found(Gravity::Wrong, self.file, self.lack())
                .why(STARTS_AGAIN)
                .next(self.way_out()),
        };
        vec![found]
    }

    fn of_what_is_on(&self) -> Vec<Diagnosis<OnNode>> {
        if self.is_socket_there == Some(false) {
            let missing = self
                .found(Gravity::Wrong, self.socket, "there is no NRI socket")
                .why(STARTS_AGAIN)
                .next("restart the runtime, which makes it, or name it by --nri-socket");
            return vec![missing];
        }
        let version = RuntimeVersion::parse(self.version);
        let names_none = self.runtime == Runtime::Containerd
            && version.is_some_and(|version| version < NAMES_DIGESTS);
        let note = names_none.then(|| {
            self.found(Gravity::Note, self.socket, "it names no digests to plugins")
                .why("before containerd 2.4 an agent knows images by name alone")
                .next("see that the agent runs with --cri-socket")
        });
        note.into_iter().collect()
    }

    /// What is worth knowing where nobody wants an agent.
    pub fn unwanted(&self) -> Diagnosis<OnNode> {
        let what = match self.state {
            NriState::On | NriState::Unknown => "whether an agent guards this node was not tried",
            NriState::Off | NriState::Closed | NriState::Absent => "no agent guards this node",
        };
        let next = match self.state {
            NriState::On | NriState::Unknown => {
                "run `sekisho node agent` here, and say --agent to prove that it refuses"
            }
            NriState::Off | NriState::Closed | NriState::Absent => self.way_out(),
        };
        self.found(Gravity::Note, self.file, what)
            .why(
                "without one, an image that was pulled before it was revoked starts again, also \
                 where every pull is closed",
            )
            .next(next)
    }

    fn found(&self, gravity: Gravity, place: &str, what: impl Into<String>) -> Diagnosis<OnNode> {
        on_node(self.runtime, gravity, place, what)
    }

    fn lack(&self) -> String {
        match (self.state, self.runtime) {
            (NriState::Absent, Runtime::Containerd | Runtime::Crio) => {
                format!("version {} has no NRI", self.version)
            }
            (NriState::Absent, _) => "it has no NRI".to_owned(),
            (NriState::Closed, _) => "NRI takes no plugins from outside".to_owned(),
            _ => "NRI is off".to_owned(),
        }
    }

    fn way_out(&self) -> &'static str {
        match (self.state, self.runtime) {
            (NriState::Closed, _) => {
                "set disable_connections = false in [plugins.\"io.containerd.nri.v1.nri\"], and \
                 restart containerd"
            }
            (NriState::Absent, Runtime::Containerd) => {
                "move to containerd 2, in which it is on, or to 1.7, and switch it on"
            }
            (NriState::Absent, Runtime::Crio) => "move to CRI-O 1.30, in which it is on",
            (NriState::Absent, _) => "run what has to be guarded with containerd or CRI-O",
            (_, Runtime::Crio) => "set enable_nri = true in [crio.nri], and restart CRI-O",
            _ => {
                "set disable = false in [plugins.\"io.containerd.nri.v1.nri\"], and restart \
                 containerd"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn containerd(text: &str) -> NriSettings {
        NriSettings::of_containerd(&text.parse().unwrap())
    }

    fn state(settings: &NriSettings, runtime: Runtime, version: &str) -> NriState {
        settings.state(runtime, RuntimeVersion::parse(version))
    }

    #[test]
    fn versions_are_read_as_runtimes_tell_them() {
        let parsed = |text| RuntimeVersion::parse(text).map(|it| (it.major, it.minor));
        assert_eq!(parsed("1.7.35"), Some((1, 7)));
        assert_eq!(parsed("v2.0.5-k3s1"), Some((2, 0)));
        assert_eq!(parsed("1.6.20~ds1"), Some((1, 6)));
        assert_eq!(parsed("github.com/containerd/containerd"), None);
        let line = "containerd github.com/containerd/containerd/v2 2.4.2+unknown ";
        let (version, word) = RuntimeVersion::in_line(line).unwrap();
        assert_eq!((version, word), (NAMES_DIGESTS, "2.4.2+unknown"));
    }

    #[test]
    fn what_a_file_says_goes_before_the_default_of_the_version() {
        let silent = containerd("");
        let section = "[plugins.\"io.containerd.nri.v1.nri\"]\n";
        let on = containerd(&format!("{section}disable = false\n"));
        let off = containerd(&format!("{section}disable = true\n"));
        let closed = containerd(&format!("{section}disable_connections = true\n"));
        let disabled = containerd("disabled_plugins = [\"io.containerd.nri.v1.nri\"]\n");
        for (settings, version, expected) in [
            (&silent, "1.6.20", NriState::Absent),
            (&silent, "1.7.35", NriState::Off),
            (&silent, "2.0.0", NriState::On),
            (&silent, "?", NriState::Unknown),
            (&on, "1.6.20", NriState::Absent),
            (&on, "1.7.35", NriState::On),
            (&on, "?", NriState::On),
            (&off, "2.4.2", NriState::Off),
            (&closed, "2.4.2", NriState::Closed),
            (&closed, "1.7.35", NriState::Off),
            (&disabled, "2.4.2", NriState::Off),
        ] {
            let found = state(settings, Runtime::Containerd, version);
            assert_eq!(found, expected, "{settings:?} in {version}");
        }
        assert_eq!(state(&on, Runtime::Docker, "29.0"), NriState::Absent);
    }

    #[test]
    fn the_last_file_of_cri_o_counts() {
        let first = "[crio.nri]\nenable_nri = true\nnri_listen = \"/run/own.sock\"\n";
        let last = "[crio.nri]\nenable_nri = false\n";
        let both = NriSettings::of_crio([first, "[crio]\nroot = \"/x\"\n", "=", last]);
        assert_eq!((both.is_on, both.socket()), (Some(false), "/run/own.sock"));
        let silent = NriSettings::of_crio([]);
        assert_eq!(silent.socket(), DEFAULT_NRI_SOCKET);
        assert_eq!(state(&silent, Runtime::Crio, "1.29.4"), NriState::Off);
        assert_eq!(state(&silent, Runtime::Crio, "1.30.0"), NriState::On);
        assert_eq!(state(&silent, Runtime::Crio, "1.25.0"), NriState::Absent);
    }

    #[test]
    fn a_gate_that_cannot_be_is_wrong_where_it_is_wanted_and_a_note_where_it_is_not() {
        for (runtime, state, version, told) in [
            (
                Runtime::Containerd,
                NriState::Absent,
                "1.6.20~ds1",
                "version 1.6.20~ds1 has no NRI",
            ),
            (Runtime::Containerd, NriState::Off, "1.7.35", "NRI is off"),
            (
                Runtime::Containerd,
                NriState::Closed,
                "2.4.2",
                "NRI takes no plugins from outside",
            ),
            (Runtime::Crio, NriState::Off, "1.29.4", "NRI is off"),
            (Runtime::Docker, NriState::Absent, "", "it has no NRI"),
        ] {
            let check = NriCheck {
                runtime,
                version,
                state,
                file: "/etc/config",
                socket: DEFAULT_NRI_SOCKET,
                is_socket_there: Some(false),
            };
            let found = check.findings();
            let told_of: Vec<_> = found.iter().map(|it| (it.gravity, &*it.what)).collect();
            assert_eq!(told_of, [(Gravity::Wrong, told)]);
            assert!(!found[0].next_step.is_empty());
            assert_eq!(check.unwanted().gravity, Gravity::Note);
        }
    }

    #[test]
    fn a_socket_that_is_not_there_is_wrong_though_the_files_have_it_on() {
        let check = |version, is_socket_there| NriCheck {
            runtime: Runtime::Containerd,
            version,
            state: NriState::On,
            file: "/etc/config",
            socket: "/run/own.sock",
            is_socket_there,
        };
        let found = check("2.4.2", Some(false)).findings();
        assert_eq!(found[0].gravity, Gravity::Wrong);
        assert_eq!(found[0].about.place, "/run/own.sock");
        assert_eq!(check("2.4.2", Some(true)).findings(), []);
        assert_eq!(check("2.4.2", None).findings(), []);
        let found = check("2.3.1", Some(true)).findings();
        assert_eq!(found[0].gravity, Gravity::Note);
    }
}
