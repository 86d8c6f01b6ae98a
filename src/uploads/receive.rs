//! One body, from its first byte to its text.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;

use super::disk::{UploadFile, UploadFolder};
use super::memory::{HeldBytes, Memory};
use super::pace::Pace;
use super::turns::{Turn, UploadTurns};
use super::{UploadConfig, UploadError};

/// Takes bodies in.
pub struct Uploads {
    config: UploadConfig,
    turns: Arc<UploadTurns>,
    disk: Arc<UploadFolder>,
    memory: Memory,
}

/// A body that has come whole.
pub struct Upload {
    content: Content,
    memory: Memory,
    turn: Turn,
}

enum Content {
    Short(Vec<Bytes>),
    Long(UploadFile),
}

/// A body in memory, and the room that it takes until dropped.
pub struct UploadText {
    pub bytes: Bytes,
    _room: Option<HeldBytes>,
    _turn: Turn,
}

impl Uploads {
    /// Blocks: opens and empties the folder.
    ///
    /// # Errors
    /// If the folder cannot be emptied or made.
    pub fn open(config: UploadConfig) -> io::Result<Self> {
        Ok(Self {
            turns: UploadTurns::new(&config),
            disk: UploadFolder::open(&config)?,
            memory: Memory::new(&config),
            config,
        })
    }

    /// Takes in a body of at most `limit` bytes, and of no more than bodies may take in
    /// memory, in the turn of its sender.
    ///
    /// # Errors
    /// If the sender has too many, or the body is too long, too slow or broken, or
    /// the disk has no room for it.
    pub async fn receive<B>(
        &self,
        sender: &str,
        body: B,
        limit: usize,
    ) -> Result<Upload, UploadError>
    where
        B: Body<Data = Bytes>,
    {
        let limit = limit.min(self.config.memory);
        if body.size_hint().lower() > limit as u64 {
            return Err(UploadError::TooLong(limit));
        }
        let turn = self.turns.take(sender).await?;
        let mut body = pin!(body);
        let mut pace = Pace::new(&self.config);
        let mut arrived = Arrived::default();
        while let Some(bytes) = pace.next(&mut body).await? {
            arrived.push(bytes, limit)?;
            if arrived.held > self.config.short {
                arrived.spill(&self.disk).await?;
            }
        }
        Ok(Upload {
            content: arrived.finish(&self.disk).await?,
            memory: self.memory.clone(),
            turn,
        })
    }

    #[cfg(test)]
    pub(super) fn senders(&self) -> usize {
        self.turns.senders()
    }

    /// Bytes on the disk now.
    #[cfg(test)]
    pub(super) fn on_disk(&self) -> u64 {
        self.disk.taken()
    }
}

/// What has come until now.
#[derive(Default)]
struct Arrived {
    pieces: Vec<Bytes>,
    /// Bytes in `pieces`, and in all.
    held: usize,
    len: usize,
    spilled: Option<UploadFile>,
}

impl Arrived {
    fn push(&mut self, bytes: Bytes, limit: usize) -> Result<(), UploadError> {
        self.len += bytes.len();
        self.held += bytes.len();
        self.pieces.push(bytes);
        match self.len > limit {
            true => Err(UploadError::TooLong(limit)),
            false => Ok(()),
        }
    }

    /// Moves what memory holds to the disk.
    async fn spill(&mut self, disk: &Arc<UploadFolder>) -> Result<(), UploadError> {
        let (disk, spilled) = (disk.clone(), self.spilled.take());
        let pieces = std::mem::take(&mut self.pieces);
        self.held = 0;
        let write = move || match spilled {
            Some(spilled) => spilled.append(&pieces),
            None => disk.create()?.append(&pieces),
        };
        let written = tokio::task::spawn_blocking(write).await;
        self.spilled = Some(written.map_err(io::Error::other)??);
        Ok(())
    }

    async fn finish(mut self, disk: &Arc<UploadFolder>) -> Result<Content, UploadError> {
        if self.spilled.is_some() && self.held > 0 {
            self.spill(disk).await?;
        }
        Ok(match self.spilled {
            Some(spilled) => Content::Long(spilled),
            None => Content::Short(self.pieces),
        })
    }
}

impl Upload {
    /// Brings it into memory, once there is room; what lay on the disk is gone then.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn text(self) -> Result<UploadText, UploadError> {
        let (bytes, room) = match self.content {
            Content::Short(pieces) => (joined(pieces), None),
            Content::Long(spilled) => {
                let room = self.memory.hold(spilled.len()).await?;
                let read = tokio::task::spawn_blocking(move || spilled.read()).await;
                let bytes = read.map_err(io::Error::other)??;
                (bytes.into(), Some(room))
            }
        };
        Ok(UploadText {
            bytes,
            _room: room,
            _turn: self.turn,
        })
    }
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.len() {
        1 => pieces.remove(0),
        _ => pieces.concat().into(),
    }
}
