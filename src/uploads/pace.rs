//! How fast a body must come.

use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use super::{UploadConfig, UploadError};

/// What came of a body, and since when.
pub(super) struct Pace<'a> {
    config: &'a UploadConfig,
    began: Instant,
    received: u64,
}

impl<'a> Pace<'a> {
    pub(super) fn new(config: &'a UploadConfig) -> Self {
        Self {
            config,
            began: Instant::now(),
            received: 0,
        }
    }

    /// The next bytes of `body`; `None` at its end.
    pub(super) async fn next<B>(
        &mut self,
        body: &mut Pin<&mut B>,
    ) -> Result<Option<Bytes>, UploadError>
    where
        B: Body<Data = Bytes>,
    {
        loop {
            let frame = timeout(self.config.idle, body.frame()).await;
            let Some(frame) = frame.map_err(|_| UploadError::Stalled)? else {
                return Ok(None);
            };
            // Trailers say nothing here.
            let Ok(bytes) = frame.map_err(|_| UploadError::BrokenOff)?.into_data() else {
                continue;
            };
            self.received += bytes.len() as u64;
            self.keeps_up()?;
            return Ok(Some(bytes));
        }
    }

    fn keeps_up(&self) -> Result<(), UploadError> {
        let elapsed = self.began.elapsed();
        let due = u128::from(self.config.rate) * elapsed.as_millis() / 1000;
        match elapsed > self.config.grace && u128::from(self.received) < due {
            true => Err(UploadError::Stalled),
            false => Ok(()),
        }
    }
}
