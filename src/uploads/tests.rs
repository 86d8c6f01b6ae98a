use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::FutureExt;
use futures_util::stream::{self, StreamExt};
use http_body::Frame;
use http_body_util::StreamBody;

use super::{Upload, UploadConfig, UploadError, Uploads};

const KIB: usize = 1 << 10;
const LIMIT: usize = 64 * KIB;

struct Stage {
    uploads: Uploads,
    folder: tempfile::TempDir,
}

impl Stage {
    /// With room for two bodies of 64 KiB in memory; all but 4 KiB go to the disk.
    fn new(change: impl FnOnce(&mut UploadConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = UploadConfig {
            short: 4 * KIB,
            memory: 128 * KIB,
            min_free: 0,
            ..UploadConfig::at(folder.path().join("uploads"))
        };
        change(&mut config);
        let uploads = Uploads::open(config).unwrap();
        Self { uploads, folder }
    }

    async fn send(&self, sender: &str, body: Bytes) -> Result<Upload, UploadError> {
        self.uploads.receive(sender, whole(body), LIMIT).await
    }

    fn files(&self) -> usize {
        let folder = self.folder.path().join("uploads");
        std::fs::read_dir(folder).unwrap().count()
    }
}

type Piece = Result<Frame<Bytes>, Infallible>;

fn pieces(bytes: Bytes) -> impl stream::Stream<Item = Piece> {
    let pieces: Vec<Bytes> = bytes.chunks(KIB).map(Bytes::copy_from_slice).collect();
    stream::iter(pieces).map(|piece| Ok(Frame::data(piece)))
}

fn whole(bytes: Bytes) -> impl http_body::Body<Data = Bytes> {
    StreamBody::new(pieces(bytes))
}

/// A body that never ends.
fn stalled(bytes: Bytes) -> impl http_body::Body<Data = Bytes> {
    StreamBody::new(pieces(bytes).chain(stream::pending()))
}

fn content(len: usize) -> Bytes {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn reads_short_and_long_bodies_as_they_came() {
    let stage = Stage::new(|_| {});
    for len in [0, 1, 4 * KIB, 4 * KIB + 1, LIMIT] {
        let upload = stage.send("a", content(len)).await.unwrap();
        assert_eq!(upload.text().await.unwrap().bytes, content(len), "{len}");
    }
    assert_eq!(stage.uploads.senders(), 0);
    assert_eq!(stage.uploads.on_disk(), 0);
}

#[tokio::test]
async fn leaves_no_file_whatever_happens() {
    let stage = Stage::new(|_| {});
    let mut hanging = Box::pin(stage.uploads.receive("a", stalled(content(LIMIT)), LIMIT));
    while stage.uploads.on_disk() == 0 {
        assert!((&mut hanging).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.files(), 0);
    drop(hanging);
    while stage.uploads.on_disk() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.uploads.senders(), 0);
}

#[tokio::test]
async fn stalled_uploads_of_one_sender_hold_up_no_other() {
    let stage = Stage::new(|config| config.waiting = 1);
    let stalls = || Box::pin(stage.uploads.receive("a", stalled(Bytes::new()), LIMIT));
    let mut held: Vec<_> = (0..5).map(|_| stalls()).collect();
    assert!(held.iter_mut().all(|one| one.now_or_never().is_none()));
    assert!(stage.send("b", content(LIMIT)).await.is_ok());
    let refused = stage.send("a", content(1)).await;
    assert!(matches!(refused, Err(UploadError::TooMany)));
    held.pop();
    held.pop();
    assert!(stage.send("a", content(1)).await.is_ok());
}

#[tokio::test]
async fn gives_up_what_waits_too_long_for_its_turn() {
    let stage = Stage::new(|config| config.patience = Duration::from_millis(1));
    let stalls = || Box::pin(stage.uploads.receive("a", stalled(Bytes::new()), LIMIT));
    let mut held: Vec<_> = (0..4).map(|_| stalls()).collect();
    assert!(held.iter_mut().all(|one| one.now_or_never().is_none()));
    let late = stage.send("a", content(1)).await;
    assert!(matches!(late, Err(UploadError::TooMany)));
}

#[tokio::test]
async fn gives_up_a_body_that_stalls_or_trickles() {
    let stage = Stage::new(|config| config.idle = Duration::from_millis(1));
    let upload = stage.uploads.receive("a", stalled(content(KIB)), LIMIT);
    assert!(matches!(upload.await, Err(UploadError::Stalled)));

    let stage = Stage::new(|config| {
        config.grace = Duration::ZERO;
        config.rate = u64::MAX;
    });
    let trickle = stream::iter(0..).then(|_| async {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
    });
    let body = StreamBody::new(Box::pin(trickle));
    let upload = stage.uploads.receive("a", body, LIMIT);
    assert!(matches!(upload.await, Err(UploadError::Stalled)));
}

#[tokio::test]
async fn refuses_what_is_too_long_or_finds_no_room() {
    let stage = Stage::new(|config| config.disk = 100 * KIB as u64);
    let long = stage.send("a", content(LIMIT + 1)).await;
    assert!(matches!(long, Err(UploadError::TooLong(LIMIT))));
    let kept = stage.send("a", content(LIMIT)).await.unwrap();
    let other = stage.send("b", content(LIMIT)).await;
    assert!(matches!(other, Err(UploadError::NoRoom)));
    drop(kept);
    assert!(stage.send("b", content(LIMIT)).await.is_ok());

    let full = Stage::new(|config| config.min_free = u64::MAX);
    let refused = full.send("a", content(LIMIT)).await;
    let told = refused.err().unwrap().to_string();
    let folder = full.folder.path().join("uploads");
    assert!(told.contains(folder.to_str().unwrap()), "{told}");
    assert!(told.contains(" MiB left"), "{told}");
    assert!(full.send("a", content(KIB)).await.is_ok());
}

#[tokio::test]
async fn text_in_memory_is_bounded_however_many_come() {
    let stage = Stage::new(|_| {});
    let mut uploads = Vec::new();
    for sender in ["a", "b", "c"] {
        uploads.push(stage.send(sender, content(LIMIT)).await.unwrap());
    }
    let third = uploads.pop().unwrap();
    let mut texts = Vec::new();
    for upload in uploads {
        texts.push(upload.text().await.unwrap());
    }
    let mut waits = Box::pin(third.text());
    assert!((&mut waits).now_or_never().is_none());
    texts.pop();
    assert_eq!(waits.await.unwrap().bytes, content(LIMIT));
}
