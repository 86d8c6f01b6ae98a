use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use rustix::fs::{Advice, fadvise};

use super::buffer::{Buffer, CHUNK_BYTES};
use super::*;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 7 % 251) as u8).collect()
}

fn raw(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

fn file(content: &[u8]) -> Arc<SharedFile> {
    SharedFile::new(raw(content))
}

async fn collect(chunks: Chunks) -> io::Result<Vec<u8>> {
    Ok(chunks.collect_up_to(u64::MAX).await?.to_vec())
}

#[tokio::test]
async fn serves_ranges_of_a_file() {
    let content = bytes(700_000);
    let total = content.len() as u64;
    let file = file(&content);
    for range in [0..total, 0..1, 99_999..400_001, total - 1..total, 5..5] {
        let chunks = Chunks::from_file(file.clone(), total, range.clone());
        assert_eq!(chunks.len(), range.end - range.start);
        let wanted = &content[range.start as usize..range.end as usize];
        assert_eq!(collect(chunks).await.unwrap(), wanted);
    }
    let beyond = Chunks::from_file(file, total, total - 3..total + 9);
    assert_eq!(beyond.range(), total - 3..total);
    assert_eq!(collect(beyond).await.unwrap(), content[700_000 - 3..]);
}

/// In memory for all readers, each of whom would keep its own else.
#[tokio::test]
async fn a_crowd_of_readers_holds_what_it_reads_once() {
    let content = bytes(700_000);
    let file = file(&content);
    for (readers, buffers) in [(2, 2), (100, 1)] {
        let mut crowd: Vec<_> = (0..readers)
            .map(|_| Chunks::from_file(file.clone(), 700_000, 0..700_000))
            .collect();
        let mut held = Vec::new();
        for chunks in &mut crowd {
            held.push(chunks.try_next().await.unwrap().unwrap());
        }
        let places: BTreeSet<_> = held.iter().map(|bytes| bytes.as_ptr()).collect();
        assert_eq!(places.len(), buffers, "of {readers}");
        for (first, chunks) in held.into_iter().zip(crowd) {
            let rest = collect(chunks).await.unwrap();
            assert!(content == [&first[..], &rest[..]].concat());
        }
    }
}

/// Of a file that several read, each piece is read once, as far as the budget goes; and all is
/// given back when the last of them ends.
#[tokio::test]
async fn what_several_read_is_kept_in_memory_within_the_budget_until_they_end() {
    let content = bytes(700_000);
    let budget = PieceBudget::new(2 * 320 * 1024);
    let alone = Chunks::from_file(
        SharedFile::within(&budget, raw(&content)),
        700_000,
        0..700_000,
    );
    assert_eq!(collect(alone).await.unwrap(), content);
    assert_eq!(budget.taken(), 0);
    let file = SharedFile::within(&budget, raw(&content));
    // Who holds it counts as a reader.
    let others = [file.clone(), file.clone()];
    let read = |range| collect(Chunks::from_file(file.clone(), 700_000, range));
    assert_eq!(read(0..700_000).await.unwrap(), content);
    assert_eq!(
        budget.taken(),
        320 * 1024,
        "a file takes half of it at most"
    );
    file.write_all_at(&[0; 700_000], 0).unwrap();
    assert!(read(100_000..200_000).await.unwrap() == content[100_000..200_000]);
    let behind = read(400_000..500_000).await.unwrap();
    assert!(behind.iter().all(|byte| *byte == 0));
    drop((others, file));
    assert_eq!(budget.taken(), 0);
}

#[tokio::test]
async fn serves_what_the_page_cache_has_lost() {
    let content = bytes(3_000_000);
    let file = file(&content);
    file.sync_all().unwrap();
    fadvise(&**file, 0, None, Advice::DontNeed).unwrap();
    let chunks = Chunks::from_file(file, 3_000_000, 0..3_000_000);
    assert_eq!(collect(chunks).await.unwrap(), content);
}

#[tokio::test]
async fn fails_where_a_file_was_cut_short() {
    let file = file(&bytes(100_000));
    let mut chunks = Chunks::from_file(file, 200_000, 0..200_000);
    let mut read = 0;
    let error = loop {
        match chunks.next().await.unwrap() {
            Ok(chunk) => read += chunk.len(),
            Err(error) => break error,
        }
    };
    assert_eq!((read, error.kind()), (100_000, ErrorKind::UnexpectedEof));
    assert!(chunks.next().await.is_none());
}

#[tokio::test]
async fn memory_leaves_in_one_chunk() {
    let mut chunks = Chunks::whole(Bytes::from_static(b"manifest"));
    assert_eq!(chunks.try_next().await.unwrap().unwrap(), "manifest");
    assert!(chunks.next().await.is_none());
    let empty = Chunks::whole(Bytes::new());
    assert!(empty.is_empty() && collect(empty).await.unwrap().is_empty());
}

#[tokio::test]
async fn growing_withholds_its_tail_until_complete() {
    let content = bytes(200_000);
    let file = file(&[]);
    let (grower, growing) = growing_file(file.clone(), 200_000);
    let mut chunks = Chunks::growing(growing.clone(), 0..200_000);
    let mut tail = Chunks::growing(growing, 199_999..200_000);
    assert!(chunks.next().now_or_never().is_none());
    file.write_all_at(&content, 0).unwrap();
    grower.filled(0..200_000);
    let mut read = Vec::new();
    while let Some(Some(chunk)) = chunks.next().now_or_never() {
        read.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(read.len() as u64, 200_000 - WITHHELD_TAIL_BYTES);
    assert!(tail.next().now_or_never().is_none());
    grower.complete();
    read.extend(collect(chunks).await.unwrap());
    assert_eq!(read, content);
    assert_eq!(collect(tail).await.unwrap(), content[199_999..]);
}

/// What comes elsewhere wakes it, and is no new beginning.
#[tokio::test]
async fn a_reader_waits_since_it_began_to() {
    let content = bytes(400_000);
    let file = file(&content);
    let (grower, growing) = growing_file(file, 400_000);
    let mut chunks = Chunks::growing(growing.clone(), 200_000..300_000);
    assert!(chunks.next().now_or_never().is_none());
    let first = grower.wishes();
    assert_eq!(first[0].range, 200_000..300_000);
    for written in [10_000, 20_000] {
        grower.filled(0..written);
        assert!(chunks.next().now_or_never().is_none());
    }
    assert_eq!(grower.wishes(), first);
    assert!(grower.is_wished(first[0].reader, 299_999));
    grower.filled(150_000..250_000);
    assert!(chunks.next().now_or_never().is_some());
    drop(chunks);
    assert!(grower.wishes().is_empty() && !grower.is_wished(first[0].reader, 299_999));
}

/// What was just written is not read back, and its tail waits all the same. The file differs
/// here, to tell which of the two is read.
#[tokio::test]
async fn growing_gives_out_of_memory_what_is_being_hashed() {
    let content = bytes(200_000);
    let (grower, growing) = growing_file(file(&[0; 200_000]), 200_000);
    let pieces = [&content[..100_000], &content[100_000..]].map(Bytes::copy_from_slice);
    let mut early = Chunks::growing(growing.clone(), 50_000..200_000);
    let fresh = grower.keep_fresh(0, &pieces);
    assert!(early.next().now_or_never().is_none());
    grower.filled(0..200_000);
    let mut read = Vec::new();
    while let Some(Some(chunk)) = early.next().now_or_never() {
        read.extend_from_slice(&chunk.unwrap());
    }
    let readable = 200_000 - usize::try_from(WITHHELD_TAIL_BYTES).unwrap();
    assert!(read == content[50_000..readable]);
    drop(fresh);
    let mut late = Chunks::growing(growing, 0..200_000);
    let chunk = late.try_next().await.unwrap().unwrap();
    assert!(chunk.iter().all(|byte| *byte == 0));
}

/// A crowd is far apart, so that each of its readers would hold other pieces of memory.
#[tokio::test]
async fn a_crowd_reads_what_it_shares_and_not_what_is_fresh() {
    let content = bytes(400_000);
    let (grower, growing) = growing_file(file(&content), 400_000);
    let other = Bytes::from(vec![0; 400_000]);
    let _fresh = grower.keep_fresh(0, &[other]);
    grower.filled(0..400_000);
    let mut crowd: Vec<_> = (0..99)
        .map(|_| Chunks::growing(growing.clone(), 0..400_000))
        .collect();
    let chunk = crowd[0].try_next().await.unwrap().unwrap();
    assert!(chunk == content[..chunk.len()]);
}

/// Many readers of one piece hold it once.
#[tokio::test]
async fn readers_of_one_piece_share_its_memory() {
    let content = bytes(400_000);
    let (grower, growing) = growing_file(file(&content), 400_000);
    grower.filled(0..400_000);
    let mut readers: Vec<_> = (0..9)
        .map(|_| Chunks::growing(growing.clone(), 0..400_000))
        .collect();
    let mut held = Vec::new();
    for reader in &mut readers {
        held.push(reader.try_next().await.unwrap().unwrap());
    }
    assert!(held.iter().all(|piece| piece.as_ptr() == held[0].as_ptr()));
    assert_eq!(held[0], content[..held[0].len()]);
}

#[tokio::test]
async fn growing_fails_when_its_writer_goes() {
    let (grower, growing) = growing_file(file(&bytes(100_000)), 200_000);
    grower.filled(0..100_000);
    drop(grower);
    let chunks = Chunks::growing(growing, 0..200_000);
    let (read, error) = lengths(chunks).await;
    assert_eq!((read, error), (100_000, Some(ErrorKind::ConnectionAborted)));
}

async fn lengths(mut chunks: Chunks) -> (usize, Option<ErrorKind>) {
    let mut read = 0;
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => read += chunk.len(),
            Err(error) => return (read, Some(error.kind())),
        }
    }
    (read, None)
}

#[tokio::test]
async fn passing_cuts_the_range_and_notices_a_wrong_length() {
    let pieces = || stream::iter(["abc", "", "defg", "hij"].map(|piece| Ok(Bytes::from(piece))));
    let chunks = Chunks::streamed(10, 2..8, pieces());
    assert_eq!(collect(chunks).await.unwrap(), b"cdefgh");
    let short = Chunks::streamed(11, 2..11, pieces());
    assert_eq!(lengths(short).await, (8, Some(ErrorKind::UnexpectedEof)));
}

#[tokio::test]
async fn collects_no_more_than_its_limit() {
    let chunks = Chunks::whole(Bytes::from_static(b"12345"));
    let refused = chunks.collect_up_to(4).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
}

#[test]
fn buffers_hold_only_what_was_read() {
    let mut buffer = Buffer::with_room(2 * CHUNK_BYTES);
    buffer.room().fill(7);
    let read = buffer.into_bytes(3);
    assert_eq!(read, [7, 7, 7][..]);
    assert_eq!(Buffer::with_room(5).room().len(), 5);
}
