//! Merge keys (`<<`, of YAML 1.1), where everybody reads them alike.
//!
//! To YAML the keys that a map names itself win. To what kubectl reads with, what comes last
//! wins: `<<` behind an `image` replaces it.

use std::collections::HashSet;

use super::node::YamlNode;
use crate::oci::printable;

/// Keys and values, in the order of the document.
type Entries = Vec<(String, YamlNode)>;

const MERGE: &str = "<<";
/// What is shown of a key, in characters.
const MAX_KEY_CHARS: usize = 60;

/// What a map holds, with what it merges.
///
/// # Errors
/// A key stands in it twice, of which kubectl takes the last. The map that `<<` names would
/// replace a key before it for some who read it, or it is none.
pub(super) fn merged(entries: Entries) -> Result<Entries, String> {
    check_repeated(&entries)?;
    if entries.iter().all(|(key, _)| key != MERGE) {
        return Ok(entries);
    }
    let (mut named, mut from) = (Entries::new(), Entries::new());
    for (key, value) in entries {
        if key == MERGE {
            from = maps(value)?;
            agrees(&named, &from)?;
        } else {
            named.push((key, value));
        }
    }
    add(&mut named, from);
    Ok(named)
}

/// The reader tells keys apart that a tag or another spelling makes different to it alone.
fn check_repeated(entries: &Entries) -> Result<(), String> {
    let mut seen = HashSet::new();
    match entries.iter().find(|(key, _)| !seen.insert(key)) {
        None => Ok(()),
        Some((key, _)) => {
            let key = printable(key, MAX_KEY_CHARS);
            Err(format!("'{key}' stands twice in one map"))
        }
    }
}

/// The maps that stand behind a merge key, as one: the first of several wins.
fn maps(value: YamlNode) -> Result<Entries, String> {
    match value {
        YamlNode::Map(entries) => Ok(entries),
        YamlNode::List(maps) => {
            let mut all = Entries::new();
            for map in maps {
                let YamlNode::Map(entries) = map else {
                    return Err(no_map());
                };
                add(&mut all, entries);
            }
            Ok(all)
        }
        _ => Err(no_map()),
    }
}

fn add(to: &mut Entries, entries: Entries) {
    for (key, value) in entries {
        if to.iter().all(|(known, _)| *known != key) {
            to.push((key, value));
        }
    }
}

fn agrees(before: &Entries, merged: &Entries) -> Result<(), String> {
    let other = |(key, value): &&(String, YamlNode)| {
        merged.iter().any(|(name, it)| name == key && it != value)
    };
    match before.iter().find(other) {
        None => Ok(()),
        Some((key, _)) => {
            let key = printable(key, MAX_KEY_CHARS);
            Err(format!(
                "'<<' behind '{key}' replaces it for kubectl alone: write '<<' first"
            ))
        }
    }
}

fn no_map() -> String {
    "what '<<' merges is no map".to_owned()
}
