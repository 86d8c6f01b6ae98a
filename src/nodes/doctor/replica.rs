//! The same configuration for a registry that we can watch.
//!
//! A replica says for the witness, an address of this machine where nobody but the
//! doctor listens, what the original says for a registry; addresses other than the
//! gateway become the witness too. What a runtime does with it for the witness it does
//! with the original for the registry, and nobody outside is asked.

use toml::{Table, Value};

use super::hosts_file::foreign_urls;
use super::registries::{Registries, tables, text};
use super::way::Expected;

/// A `hosts.toml` with the witness, `host:port`, in the place of every other address;
/// none where an address cannot be told from the rest of the text.
pub fn replica_of_hosts(contents: &str, expected: &Expected, witness: &str) -> Option<String> {
    let foreign = foreign_urls(contents, expected);
    let replica = foreign
        .iter()
        .enumerate()
        .fold(contents.to_owned(), |text, (index, url)| {
            moved(&text, url, &witness_url(witness, index))
        });
    let left = foreign_urls(&replica, expected);
    let all_moved = left.iter().all(|url| url.contains(witness));
    all_moved.then_some(replica)
}

/// Two tables may not have one name, so all but the first get a path.
fn witness_url(witness: &str, index: usize) -> String {
    match index {
        0 => format!("http://{witness}"),
        _ => format!("http://{witness}/{index}"),
    }
}

fn moved(text: &str, from: &str, to: &str) -> String {
    ['"', '\'']
        .into_iter()
        .fold(text.to_owned(), |text, quote| {
            text.replace(&format!("{quote}{from}{quote}"), &format!("\"{to}\""))
        })
}

/// A `registries.conf` whose one table says of the witness what is said of `prefix`;
/// empty, where nothing is said.
pub fn replica_of_registry(
    registries: &Registries,
    prefix: &str,
    expected: &Expected,
    witness: &str,
) -> String {
    let Some(entry) = registries.entries.get(prefix) else {
        return String::new();
    };
    let moved = |location: &str| match expected.is_at_gateway(location) {
        true => location.to_owned(),
        false => witness.to_owned(),
    };
    let mut table = entry.table.clone();
    let location = text(&table, "location").unwrap_or(prefix).to_owned();
    table.insert("prefix".to_owned(), Value::from(witness));
    table.insert("location".to_owned(), Value::from(moved(&location)));
    let mirrors: Vec<Value> = tables(&entry.table, "mirror")
        .map(|mirror| {
            let place = text(mirror, "location").unwrap_or("");
            let mut mirror = mirror.clone();
            mirror.insert("location".to_owned(), Value::from(moved(place)));
            Value::Table(mirror)
        })
        .collect();
    if !mirrors.is_empty() {
        table.insert("mirror".to_owned(), Value::Array(mirrors));
    }
    let file = Value::Array(vec![Value::Table(table)]);
    Table::from_iter([("registry".to_owned(), file)]).to_string()
}
