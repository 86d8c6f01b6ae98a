//! One line of JSON, and raw hashes behind it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SnapshotError;
use crate::oci::{Algorithm, Digest};

/// The longest line: that of a snapshot with all reasons is far shorter.
const MAX_LINE: usize = 1 << 20;
/// A million digests of 64 bytes, about.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// How many digests a list has under each algorithm, as `[sha256, sha512]`.
pub(super) type Counts = [u32; 2];

/// The count of a sorted list, whose sha256 come first.
pub(super) fn counts<'a>(digests: impl Iterator<Item = &'a Digest>) -> Counts {
    digests.fold([0, 0], |[short, long], digest| match digest.algorithm() {
        Algorithm::Sha256 => [short + 1, long],
        Algorithm::Sha512 => [short, long + 1],
    })
}

pub(super) fn write_line<T: Serialize>(line: &T) -> Vec<u8> {
    // Of strings, numbers and times nothing can fail.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// What [`Reader::plain_list`] reads.
pub(super) fn write_plain(bytes: &mut Vec<u8>, list: &[Digest]) {
    for digest in list {
        bytes.extend_from_slice(digest.as_bytes());
    }
}

/// What [`Reader::reasoned_list`] reads.
pub(super) fn write_reasoned(bytes: &mut Vec<u8>, list: &[(Digest, u8)]) {
    for (digest, reason) in list {
        bytes.extend_from_slice(digest.as_bytes());
        bytes.push(*reason);
    }
}

/// The line, and what follows it.
pub(super) fn read_line<T: DeserializeOwned>(
    bytes: &[u8],
) -> Result<(T, Reader<'_>), SnapshotError> {
    if bytes.len() > MAX_BYTES {
        return Err(SnapshotError::Unreadable("it is larger than 64 MiB"));
    }
    let within = &bytes[..bytes.len().min(MAX_LINE)];
    let end = within.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or(SnapshotError::Unreadable("its first line has no end"))?;
    let line = serde_json::from_slice(&bytes[..end]);
    let line = line.map_err(|_| SnapshotError::Unreadable("its first line is not understood"))?;
    Ok((line, Reader(&bytes[end + 1..])))
}

/// What is left to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], SnapshotError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn digest(&mut self, algorithm: Algorithm) -> Result<Digest, SnapshotError> {
        let unread = |_| TRUNCATED;
        Ok(match algorithm {
            Algorithm::Sha256 => Digest::Sha256(self.take(32)?.try_into().map_err(unread)?),
            Algorithm::Sha512 => {
                let hash: [u8; 64] = self.take(64)?.try_into().map_err(unread)?;
                Digest::Sha512(Box::new(hash))
            }
        })
    }

    /// A list in its one order, each digest once; `entry` reads what stands behind each.
    pub(super) fn list<T>(
        &mut self,
        counts: Counts,
        entry: impl Fn(&mut Self, Digest) -> Result<T, SnapshotError>,
        digest_of: impl Fn(&T) -> &Digest,
    ) -> Result<Vec<T>, SnapshotError> {
        let mut list: Vec<T> = Vec::with_capacity(self.fitting(counts)?);
        for (algorithm, count) in [Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .zip(counts)
        {
            for _ in 0..count {
                let digest = self.digest(algorithm)?;
                if list.last().is_some_and(|last| *digest_of(last) >= digest) {
                    return Err(SnapshotError::Unreadable("its digests are not in order"));
                }
                list.push(entry(self, digest)?);
            }
        }
        Ok(list)
    }

    /// The number of entries, if as many can be there at all: nothing is reserved for more.
    fn fitting(&self, [short, long]: Counts) -> Result<usize, SnapshotError> {
        let (short, long) = (u64::from(short), u64::from(long));
        match short * 32 + long * 64 <= self.0.len() as u64 {
            true => usize::try_from(short + long).map_err(|_| TRUNCATED),
            false => Err(TRUNCATED),
        }
    }

    pub(super) fn plain_list(&mut self, counts: Counts) -> Result<Vec<Digest>, SnapshotError> {
        self.list(counts, |_, digest| Ok(digest), |digest| digest)
    }

    /// Each with the number of its reason, of which there are `reasons`.
    pub(super) fn reasoned_list(
        &mut self,
        counts: Counts,
        reasons: usize,
    ) -> Result<Vec<(Digest, u8)>, SnapshotError> {
        let entry = |reader: &mut Self, digest| {
            let number = reader.take(1)?[0];
            match usize::from(number) < reasons {
                true => Ok((digest, number)),
                false => Err(SnapshotError::Unreadable("it names a reason that it lacks")),
            }
        };
        self.list(counts, entry, |(digest, _)| digest)
    }

    pub(super) fn end(self) -> Result<(), SnapshotError> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(SnapshotError::Unreadable("something follows its end")),
        }
    }
}

const TRUNCATED: SnapshotError = SnapshotError::Unreadable("its end is missing");
