//! One `hosts.toml`, as containerd and Docker's containerd store read it.
//!
//! `server` and one `[host]` table name the same place: containerd 1.6 does not read
//! a file without a table, and every version falls back to the registry itself
//! without `server`. No `capabilities`: a version that does not know one of them
//! ignores the whole file.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{NodeFile, NodesError};

const HEADER: &str = "\
# Written by `sekisho node-config`; checked when it was written.
# server and the one host are the same on purpose: without either, containerd goes
# to the registry itself. Do not add capabilities or another host.
";

/// The file that sends one directory's pulls to `url` and nowhere else.
pub(super) fn file(directory: &Path, url: &str, ca: Option<&str>) -> Result<NodeFile, NodesError> {
    let path = directory.join("hosts.toml");
    let contents = render(url, ca);
    match check(&contents, url, ca) {
        Ok(()) => Ok(NodeFile { path, contents }),
        Err(problem) => Err(NodesError::Check { path, problem }),
    }
}

fn render(url: &str, ca: Option<&str>) -> String {
    let url = quoted(url);
    let ca = ca.map_or(String::new(), |ca| format!("  ca = {}\n", quoted(ca)));
    format!("{HEADER}server = {url}\n\n[host.{url}]\n{ca}")
}

/// A TOML string; also good as a quoted key.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Parses the file as a node will, and asserts what closes the way around.
fn check(contents: &str, url: &str, ca: Option<&str>) -> Result<(), String> {
    let file: Table = contents.parse().map_err(|_| "it is no TOML".to_owned())?;
    let expected_host = match ca {
        Some(ca) => Table::from_iter([("ca".to_owned(), Value::from(ca))]),
        None => Table::new(),
    };
    let hosts = Table::from_iter([(url.to_owned(), Value::Table(expected_host))]);
    let expected = Table::from_iter([
        ("server".to_owned(), Value::from(url)),
        ("host".to_owned(), Value::Table(hosts)),
    ]);
    match file == expected {
        true => Ok(()),
        false => Err(format!("it names something else than {url}")),
    }
}

/// The directories that containerd looks into for `host`: with a port, `host_port_`
/// comes before `host:port`.
pub(super) fn directories(host: &str) -> Vec<PathBuf> {
    let bracketed = host.rfind(']').map_or(0, |at| at + 1);
    match host[bracketed..].rfind(':') {
        Some(at) => {
            let (name, port) = host.split_at(bracketed + at);
            vec![
                PathBuf::from(format!("{name}_{}_", &port[1..])),
                PathBuf::from(host),
            ]
        }
        None => vec![PathBuf::from(host)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_gateway_twice_and_nothing_else() {
        let file = file(Path::new("_default"), "http://gate:5080", None).unwrap();
        assert_eq!(file.path, Path::new("_default/hosts.toml"));
        let parsed: Table = file.contents.parse().unwrap();
        assert_eq!(parsed["server"].as_str(), Some("http://gate:5080"));
        let hosts = parsed["host"].as_table().unwrap();
        assert_eq!(hosts.keys().collect::<Vec<_>>(), ["http://gate:5080"]);
        assert!(!file.contents.contains("capabilities ="));
    }

    #[test]
    fn carries_the_ca() {
        let ca = "/etc/sekisho/ca \"1\".crt";
        let file = file(Path::new("x"), "https://gate", Some(ca)).unwrap();
        let parsed: Table = file.contents.parse().unwrap();
        assert_eq!(parsed["host"]["https://gate"]["ca"].as_str(), Some(ca));
    }

    #[test]
    fn the_check_refuses_every_open_form() {
        let url = "https://gate";
        for open in [
            "",
            "server = \"https://gate\"",
            "[host.\"https://gate\"]",
            "server = \"https://docker.io\"\n[host.\"https://gate\"]",
            "server = \"https://gate\"\n[host.\"https://gate\"]\n[host.\"https://docker.io\"]",
            "server = \"https://gate\"\n[host.\"https://gate\"]\ncapabilities = [\"pull\"]",
            "server = \"https://gate\"\n[host.\"https://gate\"]\nskip_verify = true",
            "server = \"https://gate\"\n[host.\"https://gate\"",
        ] {
            assert!(check(open, url, None).is_err(), "{open}");
        }
        assert!(check(&render(url, None), url, None).is_ok());
    }

    #[test]
    fn knows_both_directories_of_a_port() {
        let of = |host| {
            let paths = directories(host);
            paths
                .iter()
                .map(|p| p.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(of("docker.io"), ["docker.io"]);
        assert_eq!(of("r.example:5000"), ["r.example_5000_", "r.example:5000"]);
        assert_eq!(of("[::1]:5000"), ["[::1]_5000_", "[::1]:5000"]);
        assert_eq!(of("[::1]"), ["[::1]"]);
    }
}
