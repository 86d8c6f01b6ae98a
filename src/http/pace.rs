//! Ends a connection whose client takes an answer too slowly.
//!
//! A blob may take an hour on a slow line, so no deadline is put on answers as a whole.
//! What is bounded is the rate: of the time that bytes wait for the client, each window
//! must move a minimum of them. Time in which nothing waits does not count, so that a
//! slow upstream is not held against the client.
//!
//! What is seen is how many bytes the kernel took, not how many the client took. So the
//! kernel is made to hold no more than half a mebibyte, which costs a fast client nothing,
//! and that much is never counted against the client. One that takes nothing at all is
//! the kernel's to end (`TCP_USER_TIMEOUT`): it sees each acknowledgement.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

/// What may lie unsent in the kernel before it takes no more, in bytes. It otherwise takes
/// megabytes, and shows no progress until a slow client has taken most of them. Less than
/// this makes fast transfers dearer: at 128 KiB by half.
const MAX_UNSENT_BYTES: u32 = 512 << 10;

/// Windows after which the kernel ends a connection whose client takes nothing.
const STALLED_WINDOWS: u32 = 2;

/// What may count as taken before it is sent, in bytes: `MAX_UNSENT_BYTES`, the segment of 64 KiB
/// that goes beyond it, and the 64 KiB that TLS buffers.
const MAX_BUFFERED_BYTES: u64 = 640 << 10;

/// How slowly a client may take what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a second, on average over `window`.
    pub minimum_rate: u64,
    /// Waiting time over which the rate is measured.
    pub window: Duration,
}

impl Pace {
    /// Bytes that a window must move: one at least.
    pub(super) fn minimum(&self) -> u64 {
        let window_ms = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        (self.minimum_rate.saturating_mul(window_ms) / 1000).max(1)
    }
}

/// A connection whose socket can be told what becomes of unsent bytes.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// `None`: there is no socket beneath.
    fn tcp(&self) -> Option<&TcpStream>;
}

impl Socket for TcpStream {
    fn tcp(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl Socket for Box<TlsStream<TcpStream>> {
    fn tcp(&self) -> Option<&TcpStream> {
        Some(self.get_ref().0)
    }
}

/// A connection whose writes must keep the pace.
pub(super) struct Paced<I> {
    io: I,
    pace: Pace,
    /// Bytes that were taken in this window, and at most `MAX_BUFFERED_BYTES` from before it.
    taken: u64,
    /// Of this window, the time that has passed.
    waited: Duration,
    /// Since when the present write waits.
    since: Option<Instant>,
    /// Runs while a write waits, until the window ends.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<I: Socket> Paced<I> {
    pub(super) fn new(io: I, pace: Pace) -> Self {
        if let Some(tcp) = io.tcp() {
            let socket = SockRef::from(tcp);
            // Without them progress is seen in larger steps, and a stall later.
            let _ = socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES);
            let stalled = pace.window.saturating_mul(STALLED_WINDOWS);
            let _ = socket.set_tcp_user_timeout(Some(stalled));
        }
        Self {
            io,
            pace,
            taken: 0,
            waited: Duration::ZERO,
            since: None,
            alarm: None,
        }
    }

    /// Passes `result`, of a write that took so many bytes, on; or an error in its place
    /// where the client is too slow.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
        taken: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match result {
            Poll::Pending => self.wait(context).map(Err),
            Poll::Ready(Ok(value)) => {
                self.taken += taken(&value) as u64;
                self.alarm = None;
                let since = self.since.take();
                self.waited += since.map_or(Duration::ZERO, |since| since.elapsed());
                Poll::Ready(self.measure().map(|()| value))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Waits for the client, or for the end of the window; ready with an error if too
    /// little was taken in it.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let since = *self.since.get_or_insert_with(Instant::now);
            let left = self.pace.window.saturating_sub(self.waited);
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(left)));
            if alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.alarm = None;
            self.waited += since.elapsed();
            self.since = None;
            if let Err(error) = self.measure() {
                return Poll::Ready(error);
            }
        }
    }

    /// Begins a new window where one has passed. What was taken beyond the minimum may
    /// only now reach the client, so that it counts for the next window too.
    fn measure(&mut self) -> io::Result<()> {
        if self.waited < self.pace.window {
            return Ok(());
        }
        let Some(surplus) = self.taken.checked_sub(self.pace.minimum()) else {
            self.abandon();
            return Err(io::ErrorKind::TimedOut.into());
        };
        (self.taken, self.waited) = (surplus.min(MAX_BUFFERED_BYTES), Duration::ZERO);
        Ok(())
    }

    /// What the kernel still holds for the client is thrown away with the connection;
    /// else it would be kept for minutes.
    fn abandon(&self) {
        if let Some(tcp) = self.io.tcp() {
            let _ = tcp.set_zero_linger();
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(context, buffer)
    }
}

impl<I: Socket> AsyncWrite for Paced<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(context, bytes);
        this.watch(context, result, |taken| *taken)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.watch(context, result, |taken| *taken)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_flush(context);
        this.watch(context, result, |()| 0)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_shutdown(context);
        this.watch(context, result, |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    impl Socket for DuplexStream {
        fn tcp(&self) -> Option<&TcpStream> {
            None
        }
    }

    const BRISK: Pace = Pace {
        minimum_rate: 1 << 20,
        window: Duration::from_millis(20),
    };
    const LENIENT: Pace = Pace {
        minimum_rate: 1,
        window: Duration::from_secs(60),
    };

    #[tokio::test]
    async fn ends_a_write_that_nobody_reads() {
        let (server, _client) = duplex(4);
        let mut server = Paced::new(server, BRISK);
        let refused = server.write_all(b"more than four").await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    /// Each byte is progress, and yet too little of it.
    #[tokio::test]
    async fn ends_a_write_that_is_read_byte_by_byte() {
        let (server, mut client) = duplex(4);
        let mut server = Paced::new(server, BRISK);
        let reading = tokio::spawn(async move {
            let mut read = 0;
            while client.read_u8().await.is_ok() {
                read += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            read
        });
        let refused = server.write_all(&[0; 1 << 20]).await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(server);
        assert!(reading.await.unwrap() < 1 << 20);
    }

    #[tokio::test]
    async fn lets_a_reading_client_take_its_bytes() {
        let (server, mut client) = duplex(4);
        let mut server = Paced::new(server, LENIENT);
        let mut read = [0; 14];
        let (written, _) = tokio::join!(
            server.write_all(b"more than four"),
            client.read_exact(&mut read)
        );
        written.unwrap();
        assert_eq!(&read, b"more than four");
    }

    #[tokio::test]
    async fn measures_each_window_with_what_was_taken_ahead() {
        let mut server = Paced::new(duplex(1).0, BRISK);
        let minimum = BRISK.minimum();
        assert_eq!(minimum, (1 << 20) / 50);
        let almost = BRISK.window - Duration::from_millis(1);
        for (waited, taken, keeps_pace) in [
            (almost, 0, true),
            (BRISK.window, minimum - 1, false),
            (BRISK.window, minimum, true),
        ] {
            (server.waited, server.taken) = (waited, taken);
            assert_eq!(
                server.measure().is_ok(),
                keeps_pace,
                "{taken} in {waited:?}"
            );
        }
        assert_eq!((server.waited, server.taken), (Duration::ZERO, 0));
        for (taken, ahead) in [(minimum + 1, 1), (u64::MAX, MAX_BUFFERED_BYTES)] {
            (server.waited, server.taken) = (BRISK.window, taken);
            server.measure().unwrap();
            assert_eq!(server.taken, ahead);
        }
    }
}
