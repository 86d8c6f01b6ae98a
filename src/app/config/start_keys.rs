//! The keys of a configuration file that take effect at a start alone, so that one that
//! changes meanwhile is told of.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::Fingerprint;
use super::policy_folders::POLICY_FOLDER_KEYS;

/// Followed while the program runs, beside the folders of policy.
const FOLLOWED: [&str; 2] = ["environments", "exposures"];
/// Read by commands alone.
const OF_COMMANDS: [&str; 1] = ["images"];
/// Of each upstream, followed while the program runs.
const FOLLOWED_OF_UPSTREAMS: [&str; 1] = ["vouches"];

/// What a file says under each of those keys: `cache.max_size`, and `listeners` as a whole.
/// Kept as fingerprints, since some may be secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartKeys(BTreeMap<String, Fingerprint>);

impl StartKeys {
    /// Of a file's text; none where its syntax is broken.
    pub(super) fn of(text: &str) -> Self {
        let table: Table = text.parse().unwrap_or_default();
        let mut keys = BTreeMap::new();
        for (name, value) in table {
            let name = name.as_str();
            let is_followed = FOLLOWED.contains(&name) || POLICY_FOLDER_KEYS.contains(&name);
            if !is_followed && !OF_COMMANDS.contains(&name) {
                put(&mut keys, name, value);
            }
        }
        Self(keys)
    }

    /// The keys that `now` lacks, in lexical order.
    pub fn gone<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = &'a str> {
        let gone = self.0.keys().filter(|name| !now.0.contains_key(*name));
        gone.map(String::as_str)
    }

    /// The keys that differ, in lexical order.
    pub fn changed(&self, now: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let differs = |name: &&String| self.0.get(*name) != now.0.get(*name);
        names.into_iter().filter(differs).cloned().collect()
    }
}

/// A table by its keys, anything else as it is.
fn put(keys: &mut BTreeMap<String, Fingerprint>, name: &str, value: Value) {
    match value {
        Value::Table(table) => keys.extend(
            table
                .iter()
                .map(|(key, value)| (format!("{name}.{key}"), fingerprint(value))),
        ),
        Value::Array(entries) if name == "upstreams" => {
            let entries = entries.into_iter().map(without_followed).collect();
            keys.insert(name.to_owned(), fingerprint(&Value::Array(entries)));
        }
        value => {
            keys.insert(name.to_owned(), fingerprint(&value));
        }
    }
}

fn without_followed(mut upstream: Value) -> Value {
    if let Some(table) = upstream.as_table_mut() {
        table.retain(|key, _| !FOLLOWED_OF_UPSTREAMS.contains(&key));
    }
    upstream
}

fn fingerprint(value: &Value) -> Fingerprint {
    Fingerprint::of(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_START: &str = "data_dir = 'data'\n\
        [cache]\nmax_size = '1GiB'\nmin_free = '1GiB'\n\
        [[upstreams]]\nname = 'registry.example'\nurl = 'https://registry.example'\n\
        vouches = { environments = ['production'], for = ['scan'], until = 2027-01-01 }\n\
        [environments.production]\nmode = 'enforce'\n";

    fn changed(from: &str, to: &str) -> Vec<String> {
        let now = AT_START.replace(from, to);
        assert_ne!(now, AT_START);
        StartKeys::of(AT_START).changed(&StartKeys::of(&now))
    }

    #[test]
    fn keys_of_a_start_are_told_by_their_path() {
        assert_eq!(
            changed("max_size = '1GiB'", "max_size = '2GiB'"),
            ["cache.max_size"]
        );
        assert_eq!(changed("max_size = '1GiB'\n", ""), ["cache.max_size"]);
        assert_eq!(changed("https://", "http://"), ["upstreams"]);
        assert_eq!(changed("'data'", "'elsewhere'"), ["data_dir"]);
        let listener = "[[listeners]]\naddress = '127.0.0.1:1'\n[cache]";
        assert_eq!(changed("[cache]", listener), ["listeners"]);
    }

    #[test]
    fn what_is_followed_or_means_the_same_needs_no_restart() {
        for (from, to) in [
            ("'enforce'", "'audit'"),
            ("2027-01-01", "2028-01-01"),
            ("[cache]", "# the cache\n[cache]"),
            ("[cache]", "[[exposures]]\nexposure = 'internal'\n[cache]"),
            ("'data'\n", "'data'\nexceptions_dir = 'exceptions'\n"),
            (
                "[cache]",
                "[[images]]\nkind = 'Database'\npath = 'spec.image'\n[cache]",
            ),
        ] {
            assert_eq!(changed(from, to), [""; 0], "{to}");
        }
    }
}
