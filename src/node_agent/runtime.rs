//! The connection with the runtime: made again whenever it ends.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use super::answerer::Answerer;
use super::backoff::Backoff;
use super::repeated::Repeated;
use crate::nri::{Incoming, NriError, PluginName, PluginSession};

/// Behind those that change a container, before none that does.
const NAME: PluginName = PluginName {
    name: "sekisho",
    index: "95",
};
/// Time for the runtime to take the registration and to ask for the first thing. It gives the
/// plugin 5 s itself.
const REGISTRATION_TIME: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// So long a runtime that came back may start containers unasked, at most.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 64 << 10;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionEnd {
    #[error("the socket: {0}")]
    Socket(#[from] io::Error),
    #[error("the runtime closed the connection")]
    Closed,
    #[error("the runtime does not take this plugin: {0}")]
    NotRegistered(String),
    #[error("the runtime does not answer")]
    Silent,
    #[error("what the runtime sends is not understood: {0}")]
    Protocol(#[from] NriError),
}

/// Asks the runtime to be asked, for ever.
pub(super) async fn follow_runtime(socket: PathBuf, answerer: Arc<Answerer>) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut told = Repeated::default();
    loop {
        let end = match UnixStream::connect(&socket).await {
            Ok(stream) => {
                let (end, was_asked) = one_session(stream, &answerer).await;
                answerer.metrics.runtime_connected.set(0);
                answerer.events.disconnected();
                if was_asked {
                    backoff.reset();
                    told.is_over();
                }
                end
            }
            Err(error) => error.into(),
        };
        let why = end.to_string();
        // A runtime that is gone for an hour is told of once.
        if told.is_news(&why, Instant::now()) {
            let socket = socket.display().to_string();
            tracing::warn!(
                nri.socket = socket,
                error = why,
                "the runtime does not ask this agent"
            );
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Answers by one connection until it ends, and says whether anything was asked.
pub(super) async fn one_session<S>(mut stream: S, answerer: &Answerer) -> (SessionEnd, bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut was_asked = false;
    let end = answered(&mut stream, answerer, &mut was_asked).await;
    (end.err().unwrap_or(SessionEnd::Closed), was_asked)
}

async fn answered<S>(
    stream: &mut S,
    answerer: &Answerer,
    was_asked: &mut bool,
) -> Result<(), SessionEnd>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&PluginSession::registration(NAME)).await?;
    let (mut session, mut so_far) = (PluginSession::new(), Vec::new());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = match *was_asked {
            true => stream.read(&mut buffer).await?,
            false => timeout(REGISTRATION_TIME, stream.read(&mut buffer))
                .await
                .map_err(|_| SessionEnd::Silent)??,
        };
        if read == 0 {
            return Ok(());
        }
        for incoming in session.read(&buffer[..read])? {
            match incoming {
                Incoming::Registered => {}
                Incoming::NotRegistered(why) => return Err(SessionEnd::NotRegistered(why)),
                Incoming::Asked { stream: id, call } => {
                    *was_asked = true;
                    answerer.metrics.runtime_connected.set(1);
                    let reply = answerer.answer(call, &mut so_far).await;
                    stream.write_all(&PluginSession::reply(id, &reply)).await?;
                }
            }
        }
    }
}
