//! What signals ask of the program.

use std::pin::pin;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Stop,
    Reload,
    /// Nothing: it is only not to end the program.
    Nothing,
}

/// A signal by its name, and what it asks for.
#[derive(Clone, Copy)]
struct KnownSignal {
    name: &'static str,
    kind: fn() -> SignalKind,
    request: Request,
}

impl KnownSignal {
    const fn new(name: &'static str, kind: fn() -> SignalKind, request: Request) -> Self {
        Self {
            name,
            kind,
            request,
        }
    }
}

/// Each signal that is heard. SIGUSR1 is what many rotations of logs send. Where SIGXFSZ is
/// heard, a write beyond the limit on file sizes fails as on a full disk.
const HANDLED_SIGNALS: [KnownSignal; 7] = [
    KnownSignal::new("SIGTERM", SignalKind::terminate, Request::Stop),
    KnownSignal::new("SIGINT", SignalKind::interrupt, Request::Stop),
    KnownSignal::new("SIGQUIT", SignalKind::quit, Request::Stop),
    KnownSignal::new("SIGHUP", SignalKind::hangup, Request::Reload),
    KnownSignal::new("SIGUSR1", SignalKind::user_defined1, Request::Reload),
    KnownSignal::new("SIGUSR2", SignalKind::user_defined2, Request::Nothing),
    KnownSignal::new("SIGXFSZ", file_too_large, Request::Nothing),
];

fn file_too_large() -> SignalKind {
    SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())
}

/// The signals that the program hears, from [`Signals::hear`] on. None of them ends it
/// by itself any more.
pub struct Signals {
    heard: Vec<(KnownSignal, Signal)>,
}

impl Signals {
    /// Begins to hear them. Must be called from within a tokio runtime.
    pub fn hear() -> Self {
        let hear = |known: KnownSignal| {
            let heard = signal((known.kind)()).map_err(|error| {
                tracing::error!(signal = known.name, %error, "a signal cannot be heard");
            });
            Some((known, heard.ok()?))
        };
        Self {
            heard: HANDLED_SIGNALS.into_iter().filter_map(hear).collect(),
        }
    }

    /// Calls `reload` whenever that is asked for; resolves when the end is.
    pub async fn obey<F: Future<Output = ()>>(mut self, reload: impl Fn() -> F) {
        loop {
            let known = self.next().await;
            if known.request != Request::Nothing {
                tracing::info!(signal = known.name, "signal");
            }
            match known.request {
                Request::Stop => return,
                Request::Reload => reload().await,
                Request::Nothing => {}
            }
        }
    }

    /// Resolves when the terminal or somebody else wants the end.
    pub async fn stop(mut self) {
        loop {
            let known = self.next().await;
            if known.request == Request::Stop || known.name == "SIGHUP" {
                return;
            }
        }
    }

    async fn next(&mut self) -> KnownSignal {
        let heard = self.heard.iter_mut().map(|(known, signal)| {
            Box::pin(async {
                signal.recv().await;
                *known
            })
        });
        let heard: Vec<_> = heard.collect();
        match heard.is_empty() {
            true => std::future::pending().await,
            false => pin!(futures_util::future::select_all(heard)).await.0,
        }
    }
}
