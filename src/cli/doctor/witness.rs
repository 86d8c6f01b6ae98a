//! A listener in the place of the registry: whoever asks it went past the gateway.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::cli::failure::Failure;

const NOTHING: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// How long one who asks may take.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Witness {
    listener: TcpListener,
    address: String,
}

impl Witness {
    /// On a free port of loopback.
    pub async fn open() -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::new(format!("cannot listen on 127.0.0.1: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        Ok(Self { listener, address })
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Does the work, and says whether anybody connected meanwhile.
    pub async fn watch<T>(&self, work: impl Future<Output = T>) -> (T, bool) {
        let mut work = pin!(work);
        let mut answers = FuturesUnordered::new();
        let mut asked = false;
        loop {
            tokio::select! {
                biased;
                Ok((stream, _)) = self.listener.accept() => {
                    asked = true;
                    answers.push(timeout(PATIENCE, refuse(stream)));
                }
                Some(_) = answers.next() => {}
                done = &mut work => return (done, asked),
            }
        }
    }
}

/// A TLS greeting is answered alike: that it came is all that counts.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let mut question = [0; 1024];
    let _ = stream.read(&mut question).await?;
    stream.write_all(NOTHING).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn notices_who_asks_and_answers_nothing() {
        let witness = Witness::open().await.unwrap();
        let asks = async {
            let mut stream = TcpStream::connect(witness.address()).await.unwrap();
            stream
                .write_all(b"GET /v2/ HTTP/1.1\r\n\r\n")
                .await
                .unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (answer, asked) = witness.watch(asks).await;
        assert!(asked && answer.starts_with(b"HTTP/1.1 404"));
        assert_eq!(witness.watch(async { 7 }).await, (7, false));
    }
}
