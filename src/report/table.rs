//! A JSON object that is a table by id, bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// How many entries a table may have; more is an error, never cut.
const MAX_ENTRIES: usize = 200_000;

/// Entries by their id.
pub(super) struct Table<T>(pub(super) BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Walk(PhantomData))
    }
}

struct Walk<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Walk<T> {
    type Value = Table<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<T>, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((id, entry)) = map.next_entry()? {
            if table.len() == MAX_ENTRIES {
                return Err(A::Error::custom("a table is too long"));
            }
            table.insert(id, entry);
        }
        Ok(Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_whole_or_refused() {
        let table: Table<u8> = serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap();
        assert_eq!(table.0["b"], 2);
        let entries: Vec<_> = (0..=MAX_ENTRIES).map(|n| format!("\"{n}\":1")).collect();
        let long = format!("{{{}}}", entries.join(","));
        assert!(serde_json::from_str::<Table<u8>>(&long).is_err());
    }
}
