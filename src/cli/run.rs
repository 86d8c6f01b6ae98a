//! From the process's arguments to its exit code.

use std::process::ExitCode;
use std::time::Duration;

use super::arguments::SharedArgs;
use super::aside::say_aside;
use super::commands::{self, Cli, Command};
use super::failure::{Exit, Failure};
use super::log::start_log;
use super::output::unwritten;
use crate::app::{self, Confinement};
use crate::oci::without_user_info;

/// How long work on files may take that goes on when all else has ended.
const LAST_WORK: Duration = Duration::from_secs(5);

/// Runs the program with the arguments of this process.
pub fn run() -> ExitCode {
    // Before the allocator takes any.
    app::use_small_pages();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let filter = cli.shared.log.as_deref().unwrap_or(cli.command.log());
    let log = filter.to_owned();
    match execute(cli, &log) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

/// Help and version go to stdout, mistakes to stderr.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // It quotes the arguments, URLs among them.
        say_aside(without_user_info(&error.render().to_string()).trim_end());
        return Exit::Usage.into();
    }
    match error.print() {
        Ok(()) => Exit::Done.into(),
        Err(error) => unwritten(&error).tell(),
    }
}

fn execute(cli: Cli, log: &str) -> Result<ExitCode, Failure> {
    // To serve, the configuration is read first: it says where traces go.
    if !matches!(cli.command, Command::Serve(_)) {
        start_log(log, None)?;
    }
    let confinement = match &cli.command {
        Command::Serve(_) => confined(&cli.shared),
        _ => None,
    };
    let mut builder = match cli.command.is_server() {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let ended = runtime.block_on(dispatch(cli, log, confinement));
    // A file system or a pipe that hangs holds no process that is to end.
    runtime.shutdown_timeout(LAST_WORK);
    ended
}

/// Before the first thread begins, and before any secret is read. What is wrong with the
/// configuration `serve` tells.
fn confined(shared: &SharedArgs) -> Option<Confinement> {
    app::forbid_core_dumps();
    let config = shared.load_parts(None).ok()?;
    Some(app::confine(&config))
}

async fn dispatch(
    cli: Cli,
    log: &str,
    confinement: Option<Confinement>,
) -> Result<ExitCode, Failure> {
    let shared = cli.shared;
    let exit = match cli.command {
        Command::Serve(command) => return command.run(&shared, log, confinement).await,
        Command::Demo(command) => return command.run().await,
        Command::CheckConfig(command) => command.run(&shared)?,
        Command::Status(command) => command.run(&shared).await?,
        Command::Scan(command) => command.run(&shared).await?,
        Command::Promote(command) => command.run(&shared).await?,
        Command::Revoke(command) => command.run(&shared).await?,
        Command::Reinstate(command) => command.run(&shared).await?,
        Command::Revocations(command) => command.run(&shared).await?,
        Command::BreakGlass(command) => command.run(&shared).await?,
        Command::Mode(command) => command.run(&shared).await?,
        Command::Explain(command) => command.run(&shared).await?,
        Command::Verify(command) => command.run(&shared).await?,
        Command::Decisions(command) => command.run(&shared).await?,
        Command::Acts(command) => command.run(&shared).await?,
        Command::Denials(command) => command.run(&shared).await?,
        Command::Images(command) => command.run(&shared).await?,
        Command::Forecast(command) => command.run(&shared).await?,
        Command::Exceptions(command) => command.run(&shared).await?,
        Command::Advisories(command) => command.run(&shared).await?,
        Command::Replay(command) => command.run(&shared).await?,
        Command::Token(command) => command.run(&shared).await?,
        Command::Ledger(command) => command.run(&shared).await?,
        Command::Audit(command) => command.run(&shared).await?,
        Command::Notify(command) => command.run(&shared).await?,
        Command::Node(command) => command.run().await?,
        Command::NodeConfig(command) => command.run(&shared)?,
        Command::Kubernetes(command) => command.run(&shared).await?,
        Command::Doctor(command) => command.run().await?,
        Command::Completion(command) => command.run(commands::told_command())?,
        Command::Man(command) => command.run(commands::told_command())?,
        Command::Version(command) => command.run()?,
    };
    Ok(exit.into())
}
