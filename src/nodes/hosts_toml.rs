//! One `hosts.toml`, as containerd and Docker's containerd store read it.
//!
//! Every host is a gateway, in the order in which they are tried, and `server`, which is
//! tried last, is the last of them: containerd 1.6 does not read a file without a
//! `[host]` table, and every version falls back to the registry itself without `server`. No `capabilities`: a version that does not know one of them
//! ignores the whole file. The CA stands twice: above for `server`, below for the host.
//! Of several gateways, one whose machine is gone costs `dial_timeout` for each request,
//! where the version knows that key, else half a minute.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::plain_toml::read_plain;
use super::{GatewayUrl, NodeCa, NodeFile, NodeGateway, NodesError, Runtime};

const HEADER: &str = "\
# Written by `sekisho node-config`; checked when it was written.
# server is a host too on purpose: without either, containerd goes to the registry
# itself. Do not add capabilities or a host that is no gateway.
";

/// The gateways as a `hosts.toml` of this runtime names them.
///
/// # Errors
/// Several, of which one is named by an IPv6 address: no form is read by every version
/// then.
pub(super) fn through(runtime: Runtime, gateway: &NodeGateway) -> Result<Vec<&str>, NodesError> {
    match gateway.urls.len() > 1 && gateway.has_ipv6() {
        true => Err(NodesError::SeveralWithIpv6(runtime.as_str())),
        false => Ok(gateway.urls.iter().map(GatewayUrl::as_str).collect()),
    }
}

/// The file that sends one directory's pulls to `urls`, in this order, and nowhere else.
pub(super) fn file(
    directory: &Path,
    urls: &[&str],
    ca: Option<&str>,
) -> Result<NodeFile, NodesError> {
    let path = directory.join("hosts.toml");
    let contents = render(urls, ca);
    match check(&contents, urls, ca) {
        Ok(()) => Ok(NodeFile { path, contents }),
        Err(problem) => Err(NodesError::Check { path, problem }),
    }
}

/// The CA as a `hosts.toml` names it. A relative path counts from the file's directory,
/// which lies one below the directories' root.
pub(super) fn ca_beside(runtime: Runtime, gateway: &NodeGateway) -> Option<String> {
    match gateway.ca.as_ref()? {
        NodeCa::At(path) => Some(path.clone()),
        NodeCa::Beside => {
            let file = runtime.ca_file(gateway.urls.first()?);
            let below = file.strip_prefix("certs.d").unwrap_or(&file);
            Some(format!("../{}", below.display()))
        }
    }
}

/// How long a gateway that has others behind it may take to be connected to.
const DIAL_TIMEOUT: &str = "3s";

fn render(urls: &[&str], ca: Option<&str>) -> String {
    let several = urls.len() > 1;
    let ca = ca.map(|ca| format!("ca = {}", quoted(ca)));
    let above = ca.as_ref().map_or(String::new(), |ca| format!("{ca}\n"));
    let server = quoted(urls.last().unwrap_or(&""));
    let hosts: String = urls
        .iter()
        .map(|url| match several {
            true => one_of_several(url, ca.as_deref()),
            false => host(url, ca.as_deref()),
        })
        .collect();
    format!("{HEADER}server = {server}\n{above}\n{hosts}")
}

/// containerd 1.6 and 1.7 cannot read a table's name with the brackets of an IPv6
/// address in it, but a key with them. containerd 2 takes no such key for a host, and asks
/// `server` alone, which is the same.
fn host(url: &str, ca: Option<&str>) -> String {
    let (name, ca) = (quoted(url), ca.unwrap_or_default());
    match url.contains('[') {
        true if ca.is_empty() => format!("[host]\n{name} = {{}}\n"),
        true => format!("[host]\n{name} = {{ {ca} }}\n"),
        false if ca.is_empty() => format!("[host.{name}]\n"),
        false => format!("[host.{name}]\n  {ca}\n"),
    }
}

fn one_of_several(url: &str, ca: Option<&str>) -> String {
    format!("{}  dial_timeout = \"{DIAL_TIMEOUT}\"\n", host(url, ca))
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

/// Reads the file as every containerd will, and asserts what closes the way around.
fn check(contents: &str, urls: &[&str], ca: Option<&str>) -> Result<(), String> {
    let file = read_plain(contents).map_err(|flaw| flaw.to_string())?;
    let ca = ca.map(|ca| ("ca".to_owned(), Value::from(ca)));
    let mut host = Table::from_iter(ca.clone());
    if urls.len() > 1 {
        host.insert("dial_timeout".to_owned(), Value::from(DIAL_TIMEOUT));
    }
    let hosts = urls
        .iter()
        .map(|url| ((*url).to_owned(), Value::Table(host.clone())));
    let hosts = Table::from_iter(hosts);
    let mut expected = Table::from_iter([
        (
            "server".to_owned(),
            Value::from(*urls.last().unwrap_or(&"")),
        ),
        ("host".to_owned(), Value::Table(hosts)),
    ]);
    expected.extend(ca);
    match file == expected {
        true => Ok(()),
        false => Err(format!(
            "it names something else than {}",
            urls.join(" and ")
        )),
    }
}

/// The directories that containerd looks into for `host`: what follows the last colon
/// stands between underscores first, `host_port_` before `host:port`. It takes the end
/// of a bare IPv6 address for a port, too.
pub(super) fn directories(host: &str) -> Vec<PathBuf> {
    let whole = PathBuf::from(host);
    match host.rsplit_once(':') {
        Some((name, port)) => vec![PathBuf::from(format!("{name}_{port}_")), whole],
        None => vec![whole],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_gateway_twice_and_nothing_else() {
        for url in ["http://gate:5080", "https://[fd00::1]:5080", "http://[::1]"] {
            let file = file(Path::new("_default"), &[url], None).unwrap();
            assert_eq!(file.path, Path::new("_default/hosts.toml"));
            let parsed: Table = file.contents.parse().unwrap();
            assert_eq!(parsed["server"].as_str(), Some(url));
            let hosts = parsed["host"].as_table().unwrap();
            assert_eq!(hosts.keys().collect::<Vec<_>>(), [url]);
            assert!(!file.contents.contains("capabilities ="));
        }
    }

    #[test]
    fn carries_the_ca_for_the_server_and_for_the_host() {
        let ca = "/etc/sekisho/ca \"1\".crt";
        for url in ["https://gate", "https://[fd00::1]:5080"] {
            let file = file(Path::new("x"), &[url], Some(ca)).unwrap();
            let parsed: Table = file.contents.parse().unwrap();
            assert_eq!(parsed["ca"].as_str(), Some(ca));
            assert_eq!(parsed["host"][url]["ca"].as_str(), Some(ca));
        }
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
            "server = \"https://gate\"\nhost = { \"https://gate\" = {}, }",
        ] {
            assert!(check(open, &[url], None).is_err(), "{open}");
        }
        assert!(check(&render(&[url], None), &[url], None).is_ok());
        let url = "https://[fd00::1]";
        let header = format!("server = \"{url}\"\n[host.\"{url}\"]\n");
        assert!(check(&header, &[url], None).is_err());
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
        assert_eq!(of("[::1]"), ["[:_1]_", "[::1]"]);
    }
}
