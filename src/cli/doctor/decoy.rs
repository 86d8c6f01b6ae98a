//! A decoy registry on loopback: a runtime that connects to it bypassed the gateway.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::cli::failure::Failure;

const NOT_FOUND_RESPONSE: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// Time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct DecoyRegistry {
    listener: TcpListener,
    address: String,
}

impl DecoyRegistry {
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

    /// Runs `work`, and returns whether anything connected meanwhile.
    pub async fn watch<T>(&self, work: impl Future<Output = T>) -> (T, bool) {
        let mut work = pin!(work);
        let mut answers = FuturesUnordered::new();
        let mut asked = false;
        loop {
            tokio::select! {
                biased;
                Ok((stream, _)) = self.listener.accept() => {
                    asked = true;
                    answers.push(timeout(REQUEST_TIMEOUT, refuse(stream)));
                }
                Some(_) = answers.next() => {}
                done = &mut work => return (done, asked),
            }
        }
    }
}

/// Answers any request, a TLS hello too, with 404: only the connection matters.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let mut question = [0; 1024];
    let _ = stream.read(&mut question).await?;
    stream.write_all(NOT_FOUND_RESPONSE).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn notices_who_asks_and_answers_nothing() {
        let decoy = DecoyRegistry::open().await.unwrap();
        let asks = async {
            let mut stream = TcpStream::connect(decoy.address()).await.unwrap();
            stream
                .write_all(b"GET /v2/ HTTP/1.1\r\n\r\n")
                .await
                .unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (answer, asked) = decoy.watch(asks).await;
        assert!(asked && answer.starts_with(b"HTTP/1.1 404"));
        assert_eq!(decoy.watch(async { 7 }).await, (7, false));
    }
}
