//! The list of commands.

use std::env;
use std::ffi::OsStr;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::arguments::SharedArgs;
use super::{
    acts, advisories, audit, break_glass, check_config, completion, decisions, demo, denials,
    doctor, exceptions, explain, forecast, images, kubernetes, ledger, man, mistakes, mode, node,
    node_config, notify, promote, replay, revocations, revoke, scan, serve, status, token, verify,
    version,
};

/// A registry gateway that serves an image only if it was scanned, is clean enough and
/// was promoted.
#[derive(Debug, Parser)]
#[command(
    name = "sekisho",
    version,
    subcommand_required = true,
    after_help = "Examples:
  sekisho demo                    scan, promotion and pull on an embedded registry
  sekisho serve                   the gateway, on 127.0.0.1:5080
  sekisho explain nginx:1.27      why an image is let through, or not

Exit codes: 0 done or allowed, 1 failure or not known now, 2 usage, 3 denied, 64 bad configuration;
141 when nobody reads the output any more, as behind `| head`."
)]
pub struct Cli {
    #[command(flatten)]
    pub shared: SharedArgs,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// A mistake in it; or the help, where it asks for that.
    pub fn read() -> Result<Self, clap::Error> {
        let mut command = without_variables(command(), is_empty);
        let arguments = mistakes::without_help_of_help(&command, env::args_os().collect());
        let matches = command.try_get_matches_from_mut(&arguments);
        let matches = matches.map_err(|error| {
            let bare = without_variables(self::command(), |_| true);
            mistakes::told(error, bare, &arguments)
        })?;
        let cli = Self::from_arg_matches(&matches)?;
        // In the environment it is for the other commands.
        let is_written = matches.value_source("config") == Some(ValueSource::CommandLine);
        let named = matches.subcommand_name().unwrap_or_default();
        if is_written && let Some(why) = ignores_config(named) {
            let told = format!("{why}: leave --config out");
            return Err(command.error(ErrorKind::ArgumentConflict, told));
        }
        Ok(cli)
    }
}

/// Pipelines set variables that are empty where there is nothing to say: as if unset.
fn is_empty(variable: &OsStr) -> bool {
    env::var_os(variable).is_some_and(|value| value.is_empty())
}

/// The same without the variables of that kind.
fn without_variables(command: clap::Command, left_out: fn(&OsStr) -> bool) -> clap::Command {
    let command = command.mut_args(|argument| match argument.get_env().is_some_and(left_out) {
        true => argument.env(Resettable::Reset),
        false => argument,
    });
    command.mut_subcommands(|below| without_variables(below, left_out))
}

/// The whole command line, as it is read. A command that reads no configuration takes
/// `--config` to refuse it in words of its own, and does not offer it.
pub fn command() -> clap::Command {
    with_config_where_read(Cli::command(), |command, config| {
        command.arg(config.hide(true))
    })
}

/// The whole command line, as completion and manual pages tell of it: completion would
/// offer what is hidden, too.
pub fn told_command() -> clap::Command {
    // What is global stands in every command below.
    let command = Cli::command().mut_arg("config", |config| config.global(false));
    with_config_where_read(command, |command, _| command)
}

fn with_config_where_read(
    command: clap::Command,
    unread: impl Fn(clap::Command, clap::Arg) -> clap::Command,
) -> clap::Command {
    let config = command.get_arguments().find(|it| it.get_id() == "config");
    let Some(config) = config.map(|it| it.clone().global(true)) else {
        return command;
    };
    command.mut_subcommands(|below| match ignores_config(below.get_name()) {
        Some(_) => unread(below, config.clone()),
        None => below.arg(config.clone()),
    })
}

/// Why the command of that name would not read a configuration, where that is so: who names
/// one expects it to count.
fn ignores_config(command: &str) -> Option<&'static str> {
    match command {
        "demo" => Some("demo writes a configuration of its own, and reads none"),
        "node" => Some("the agent of a node is told all by its options"),
        "doctor" | "completion" | "man" | "version" => Some("this command reads no configuration"),
        _ => None,
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    CheckConfig(check_config::CheckConfig),
    Status(status::ShowStatus),
    Scan(scan::ScanArgs),
    Promote(promote::Promote),
    Revoke(revoke::Revoke),
    Reinstate(revoke::Reinstate),
    Revocations(revocations::ListRevocations),
    #[command(name = "break-glass")]
    BreakGlass(Box<break_glass::BreakGlassArgs>),
    Mode(Box<mode::ModeArgs>),
    Explain(explain::Explain),
    Verify(verify::Verify),
    Denials(denials::DenialsArgs),
    Decisions(decisions::ListDecisions),
    Acts(acts::ListActs),
    Images(images::Images),
    Forecast(forecast::ShowForecast),
    Exceptions(exceptions::Exceptions),
    Advisories(advisories::Advisories),
    Replay(replay::ReplayPolicy),
    Token(token::TokenArgs),
    Ledger(ledger::LedgerCommand),
    Audit(audit::AuditArgs),
    Notify(notify::NotifyArgs),
    Node(node::NodeArgs),
    NodeConfig(node_config::NodeConfig),
    Kubernetes(kubernetes::KubernetesArgs),
    Doctor(doctor::DoctorArgs),
    Completion(completion::Completion),
    Man(man::WriteManual),
    Version(version::ShowVersion),
}

impl Command {
    /// Whether it stays up and serves.
    pub const fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Demo(_))
    }

    /// The log filter when none is given.
    pub const fn log(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Node(_) => "info",
            _ => "warn",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_hold_together() {
        Cli::command().debug_assert();
    }

    /// Every command that does something, with its path.
    fn leaves(command: &clap::Command, path: String, found: &mut Vec<(String, String)>) {
        let below: Vec<_> = command.get_subcommands().collect();
        if below.is_empty() {
            let help = command.clone().render_long_help().to_string();
            found.push((path.clone(), help));
        }
        for command in below {
            leaves(command, format!("{path} {}", command.get_name()), found);
        }
    }

    #[test]
    fn the_help_of_every_command_has_an_example() {
        let mut found = Vec::new();
        leaves(&Cli::command(), "sekisho".to_owned(), &mut found);
        assert!(found.len() >= 17, "{}", found.len());
        for (path, help) in found {
            assert!(help.contains(&format!("\n  {path}")), "{path}: {help}");
        }
    }

    /// Where help, completion and manual pages offer `--config`.
    fn offers_config(command: &clap::Command, path: &str, hidden_too: bool) -> bool {
        let mut at = command;
        for name in path.split(' ') {
            at = at.find_subcommand(name).unwrap();
        }
        let mut all = at.get_arguments();
        all.any(|it| it.get_id() == "config" && (hidden_too || !it.is_hide_set()))
    }

    #[test]
    fn a_configuration_is_offered_where_it_is_read() {
        let (mut read, mut told) = (command(), told_command());
        read.build();
        told.build();
        for path in [
            "serve",
            "scan submit",
            "break-glass end",
            "kubernetes doctor",
        ] {
            assert!(offers_config(&read, path, false), "{path}");
            assert!(offers_config(&told, path, false), "{path}");
        }
        for path in [
            "demo",
            "node agent",
            "doctor node",
            "completion",
            "man",
            "version",
        ] {
            assert!(!offers_config(&read, path, false), "{path}");
            assert!(!offers_config(&told, path, true), "{path}");
        }
        let shown = told.get_arguments().any(|it| it.get_id() == "config");
        assert!(shown, "the program itself takes it before a command");
    }

    #[test]
    fn commands_of_later_versions_are_unknown() {
        for line in [
            "sekisho verify x.yaml",
            "sekisho break-glass nginx",
            "sekisho break-glass",
            "sekisho break-glass end",
            "sekisho mode production",
            "sekisho mode production audit",
            "sekisho mode",
            "sekisho scan submit --image-id sha256:00 --report r.json",
            "sekisho scan submit --report r.json",
            "sekisho doctor cluster",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn reads_the_commands_of_the_contract() {
        for line in [
            "sekisho serve --config x.toml",
            "sekisho --config x.toml serve",
            "sekisho demo --once --json",
            "sekisho check-config --output json",
            "sekisho serve --accept-loss",
            "sekisho ledger restore b.db --log-file a.jsonl --log-file b.gz --accept-loss",
            "sekisho ledger replay --accept-loss",
            "sekisho ledger copy --from sqlite:///l.db --to postgres://u@127.0.0.1/l --to-password-file p",
            "sekisho acts --since 7d --act revoke --principal ci --output csv --limit 9 --page 7",
            "sekisho decisions --since 7d --image app --reason not-scanned --verdict denied",
            "sekisho decisions --principal ci --client 10.0.0.1 --output json",
            "sekisho status --server http://127.0.0.1:5081 --token t",
            "sekisho status --exit-code",
            "sekisho scan submit --image app:1 --report - --format trivy --scanner-info v.json",
            "sekisho promote app:1 --to production --resolve --force --link https://git.example/7 --reason r",
            "sekisho revoke app:1 --reason r --environment production",
            "sekisho reinstate app:1 --reason r",
            "sekisho break-glass app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --environment p --ticket T --hours 2 --reason r --revoked",
            "sekisho break-glass list --output json",
            "sekisho break-glass end 7 --reason r",
            "sekisho mode list",
            "sekisho mode end production --reason r",
            "sekisho advisories list",
            "sekisho images",
            "sekisho images --cve CVE-1 --package a@1 --environment p --limit 5 --page x --output csv",
            "sekisho images --denied --since 7d",
            "sekisho images team/app --running --exposed",
            "sekisho images --advisory SEC-1 --output json",
            "sekisho forecast --within 1d --running --environment production --output csv",
            "sekisho images --digest sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sekisho advisories check --config x.toml",
            "sekisho scan submit --image a --report r.json --gate production",
            "sekisho scan submit --image-id sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --report r.json --gate production",
            "sekisho scan bind --image a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --image-id sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sekisho scan due --within 7d",
            "sekisho exceptions list --output json",
            "sekisho exceptions check --config x.toml",
            "sekisho replay --policy p.toml --since 7d",
            "sekisho mode production audit --hours 4 --ticket T",
            "sekisho explain app:1 --environment production --exposure internal",
            "sekisho verify x.yaml --environment production --exposure internal --junit j.xml",
            "sekisho verify - --environment staging --output json",
            "sekisho denials --since 1h --follow",
            "sekisho token create --name n --role scanner --repository a/** --environment b --expires 90d",
            "sekisho token list",
            "sekisho token revoke n --evidence",
            "sekisho ledger backup f.db",
            "sekisho ledger verify f.db",
            "sekisho node agent --gateway https://g:5080 --environment p --key k --token-file t",
            "sekisho node agent --gateway https://g:5080 --gateway https://h:5080 --environment p --key k --client-certificate c --client-key k --ca a --state-dir s --node n --nri-socket s --cri-socket c --guard-kube-system --canary-every 1h --metrics 0.0.0.0:5084 --pod-name p --pod-namespace n",
            "sekisho node-config containerd --gateway https://g:5080 --registry a.b --direct c.d --ca /x --output out",
            "sekisho kubernetes manifests --cluster c --namespace n --image i --only workload",
            "sekisho kubernetes manifests --webhook-url https://g:5443 --ca ca.crt --output json",
            "sekisho doctor node --gateway https://g:5080 --runtime containerd --direct c.d --image nginx --output json",
            "sekisho doctor node --files-only --containerd-config x --containerd-address y",
            "sekisho doctor node --agent --cri-socket c --nri-socket n --agent-state-dir s --crio-dir d",
            "sekisho doctor node --agent-only --runtime containerd",
            "sekisho kubernetes doctor --cluster c --kubeconfig k --trial-namespace shop --output json",
            "sekisho completion bash",
            "sekisho man",
            "sekisho man man1",
            "sekisho version --output json",
        ] {
            let read = Cli::try_parse_from(line.split(' '));
            assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
        }
    }
}
