//! Copies of a configuration in which the decoy takes the registry's place.
//!
//! A replica says for the decoy, an address of this machine where the doctor listens,
//! what the original says for a registry; addresses other than the gateway's are replaced
//! by the decoy's too. What a runtime does with the replica for the decoy, it does with
//! the original for the registry, and no other host is asked.

use toml::{Table, Value};

use super::expected::ExpectedNode;
use super::hosts_file::{foreign_urls, named_files};
use super::registries::{Registries, tables, text};

/// The `hosts.toml` of `directory` with the decoy, `host:port`, in the place of every
/// other address; `None` where an address cannot be distinguished from the rest of the
/// text. Files beside it keep their places.
pub fn replica_of_hosts(
    contents: &str,
    directory: &str,
    expected: &ExpectedNode,
    decoy: &str,
) -> Option<String> {
    let foreign = foreign_urls(contents, expected);
    let replica = foreign
        .iter()
        .enumerate()
        .fold(contents.to_owned(), |text, (index, url)| {
            moved(&text, url, &decoy_url(decoy, index))
        });
    let left = foreign_urls(&replica, expected);
    let all_moved = left.iter().all(|url| url.contains(decoy));
    all_moved.then(|| with_whole_paths(replica, directory))
}

fn with_whole_paths(contents: String, directory: &str) -> String {
    let files = named_files(&contents).into_iter();
    let relative = files.filter(|file| !file.starts_with('/'));
    relative.fold(contents, |text, file| {
        moved(&text, &file, &format!("{directory}/{file}"))
    })
}

/// Two tables may not have one name, so all but the first get a path.
fn decoy_url(decoy: &str, index: usize) -> String {
    match index {
        0 => format!("http://{decoy}"),
        _ => format!("http://{decoy}/{index}"),
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
    expected: &ExpectedNode,
    decoy: &str,
) -> String {
    let Some(entry) = registries.entries.get(prefix) else {
        return String::new();
    };
    let moved = |location: &str| match expected.is_at_gateway(location) {
        true => location.to_owned(),
        false => decoy.to_owned(),
    };
    let mut table = entry.table.clone();
    let location = text(&table, "location").unwrap_or(prefix).to_owned();
    table.insert("prefix".to_owned(), Value::from(decoy));
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
