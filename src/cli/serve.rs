//! `sekisho serve`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::arguments::SharedArgs;
use super::failure::Failure;
use super::log::start_log;
use super::service_manager::{tell_ready, tell_stopping};
use crate::app::config::Config;
use crate::app::{self, App, Confinement, Signals, StartError};
use crate::traces::TraceExport;

/// Serve: the gateway where nodes pull, the admin API, metrics and health
#[derive(Debug, Args)]
#[command(
    after_help = "Without a configuration file: Docker Hub behind 127.0.0.1:5080, the admin
API at 127.0.0.1:5081, one environment named production in enforce, data below
~/.local/share/sekisho. The first start writes an admin token to admin.token there.

SIGTERM, SIGINT and SIGQUIT let what began end, and stop it. SIGHUP and SIGUSR1 read
again, at once, what is read again each second: policy, exceptions, advisories and
certificates; and open the audit log again, if it was moved away.

Examples:
  sekisho serve
  sekisho serve --config /etc/sekisho/sekisho.toml --log info,sekisho::gate=debug"
)]
pub struct Serve {
    /// Serve a ledger that is older than the audit log, or another one, though what was
    /// revoked since is forgotten
    #[arg(long)]
    accept_loss: bool,
}

impl Serve {
    /// `log` is the filter of the log, which is set up here: with it traces are.
    pub async fn run(
        self,
        shared: &SharedArgs,
        log: &str,
        confinement: Option<Confinement>,
    ) -> Result<ExitCode, Failure> {
        let config = Config {
            accept_loss: self.accept_loss,
            ..shared.load_to_serve()?
        };
        let traces = config.traces.as_ref().map(TraceExport::new).transpose();
        let traces = traces.map_err(|error| Failure::new(error.to_string()))?;
        start_log(log, traces.as_deref())?;
        if let Some(confinement) = confinement {
            confinement.tell();
        }
        serve(config, traces).await
    }
}

async fn serve(config: Config, traces: Option<Arc<TraceExport>>) -> Result<ExitCode, Failure> {
    for warning in config.all_warnings() {
        tracing::warn!(%warning, "configuration");
    }
    app::raise_open_files();
    let signals = Signals::hear();
    let failed = |error: StartError| Failure::new(error.to_string());
    let mut app = App::start(config).await.map_err(failed)?;
    if let Some(traces) = traces {
        app.send_traces(traces);
    }
    tell_ready();
    let reloader = app.reloader();
    let stop = async {
        signals.obey(|| reloader.reload()).await;
        tell_stopping();
    };
    match app.run_until(stop).await {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}
