//! What a table holds, in a number: the same for the same rows in any order.

use sha2::{Digest as _, Sha256};

use super::cell::{CopyCell, CopyRow};

/// How many rows, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableFingerprint {
    pub rows: u64,
    sum: [u64; 4],
}

impl TableFingerprint {
    pub fn add(&mut self, row: &CopyRow) {
        let hash = hash(row);
        self.rows += 1;
        for (sum, eight) in self.sum.iter_mut().zip(hash.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*eight));
        }
    }
}

/// Of each value its kind, its length and itself.
fn hash(row: &CopyRow) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for cell in row {
        match cell {
            CopyCell::Null => add(0, &[]),
            CopyCell::Integer(number) => add(1, &number.to_be_bytes()),
            CopyCell::Text(text) => add(2, text.as_bytes()),
            CopyCell::Bytes(bytes) => add(3, bytes),
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[CopyRow]) -> TableFingerprint {
        let mut all = TableFingerprint::default();
        rows.iter().for_each(|row| all.add(row));
        all
    }

    #[test]
    fn the_order_does_not_count_and_each_value_does() {
        let text = |it: &str| CopyCell::Text(it.to_owned());
        let rows = [
            vec![text("a"), text("b")],
            vec![text("ab"), text("")],
            vec![CopyCell::Integer(1), CopyCell::Null],
        ];
        let mut other = rows.clone();
        other.reverse();
        assert_eq!(of(&rows), of(&other));
        for (at, cell) in [
            text("c"),
            CopyCell::Bytes(b"ab".to_vec()),
            CopyCell::Integer(2),
        ]
        .into_iter()
        .enumerate()
        {
            let mut changed = rows.clone();
            changed[at][0] = cell;
            assert_ne!(of(&rows), of(&changed), "{at}");
        }
        assert_ne!(of(&rows), of(&rows[..2]));
        assert_ne!(of(&rows[..1]), of(&rows[1..2]));
    }
}
