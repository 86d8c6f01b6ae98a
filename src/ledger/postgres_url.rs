//! Where a PostgreSQL server is, as `[ledger] url` says it.

use std::net::IpAddr;
use std::path::PathBuf;

use super::LedgerError;

const DEFAULT_PORT: u16 = 5432;
/// Addresses of one ledger, at most.
const MAX_ADDRESSES: usize = 8;

/// A parsed `postgres://user@host:port,host:port/database?sslmode=…`. It holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresUrl {
    /// One or more; several are a primary and its standbys, in any order.
    pub(super) addresses: Vec<ServerAddress>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) tls: ServerTls,
}

/// Where one server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServerAddress {
    Network {
        host: String,
        port: u16,
    },
    /// A folder with its socket.
    Socket {
        folder: PathBuf,
        port: u16,
    },
}

/// How sure it is who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerTls {
    /// Plain text: on the machine itself.
    Off,
    /// A certificate of a known authority, for any host.
    Authority,
    /// A certificate of a known authority for the host that is named.
    Host,
}

impl ServerAddress {
    fn is_local(&self) -> bool {
        match self {
            Self::Socket { .. } => true,
            Self::Network { host, .. } => {
                let ip: Option<IpAddr> = host.parse().ok();
                host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
            }
        }
    }
}

impl PostgresUrl {
    /// Whether a URL names a PostgreSQL server at all.
    pub fn is_meant(url: &str) -> bool {
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }

    /// Reads a URL. A password in it is refused: URLs are shown in logs and process lists.
    ///
    /// # Errors
    /// [`LedgerError::ServerUrl`] says what is wrong, without the URL itself.
    pub fn parse(url: &str) -> Result<Self, LedgerError> {
        read(url).map_err(LedgerError::ServerUrl)
    }

    /// Whether the way to it is encrypted.
    pub fn has_tls(&self) -> bool {
        self.tls != ServerTls::Off
    }

    /// The URL again, as it may be shown.
    pub fn written(&self) -> String {
        let addresses = self.addresses.iter().map(|address| match address {
            ServerAddress::Network { host, port } if host.contains(':') => {
                format!("[{host}]:{port}")
            }
            ServerAddress::Network { host, port } => format!("{host}:{port}"),
            ServerAddress::Socket { folder, .. } => folder.display().to_string(),
        });
        let addresses: Vec<String> = addresses.collect();
        let (user, database) = (&self.user, &self.database);
        format!("postgres://{user}@{}/{database}", addresses.join(","))
    }
}

fn read(url: &str) -> Result<PostgresUrl, String> {
    let scheme = url.split_once("://").map(|(_, rest)| rest);
    let rest = scheme.filter(|_| PostgresUrl::is_meant(url));
    let rest = rest.ok_or("is no postgres:// URL")?;
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err(
            "holds a password; write it into a file, and name that in password_file".into(),
        );
    }
    let parameters = Parameters::read(parameters)?;
    let addresses = match &parameters.socket {
        Some(folder) if hosts.is_empty() => vec![ServerAddress::Socket {
            folder: folder.clone(),
            port: DEFAULT_PORT,
        }],
        Some(_) => return Err("names a host and a socket's folder; leave one out".into()),
        None => hosts.split(',').map(network).collect::<Result<_, _>>()?,
    };
    if addresses.len() > MAX_ADDRESSES {
        return Err(format!("names more than {MAX_ADDRESSES} hosts"));
    }
    let local = addresses.iter().all(ServerAddress::is_local);
    Ok(PostgresUrl {
        tls: parameters.tls.unwrap_or(if local {
            ServerTls::Off
        } else {
            ServerTls::Host
        }),
        user: named(user, "user")?,
        database: named(database, "database")?,
        addresses,
    })
}

fn named(text: &str, what: &str) -> Result<String, String> {
    match decoded(text)? {
        name if name.is_empty() => Err(format!(
            "names no {what}; write USER@HOST/DATABASE behind postgres://"
        )),
        name => Ok(name),
    }
}

/// `host`, `host:port`, or an IPv6 address in brackets with or without one.
fn network(text: &str) -> Result<ServerAddress, String> {
    let unreadable = || format!("names a host {text:?} that cannot be read");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(unreadable)?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| unreadable())?;
            (host, port.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if host.is_empty() || !host.chars().all(in_name) {
        return Err(unreadable());
    }
    let port = port.map_or(Ok(DEFAULT_PORT), |port| {
        port.parse().map_err(|_| unreadable())
    })?;
    Ok(ServerAddress::Network {
        host: host.to_owned(),
        port,
    })
}

#[derive(Default)]
struct Parameters {
    tls: Option<ServerTls>,
    socket: Option<PathBuf>,
}

impl Parameters {
    fn read(text: &str) -> Result<Self, String> {
        let mut read = Self::default();
        for parameter in text.split('&').filter(|it| !it.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sslmode" => read.tls = Some(tls(value)?),
                "host" => read.socket = Some(socket(&decoded(value)?)?),
                "password" => {
                    return Err(
                        "holds a password; write it into a file, and name that in password_file"
                            .into(),
                    );
                }
                _ => {
                    return Err(format!(
                        "has a parameter {name:?}, which is unknown; sslmode and host are known"
                    ));
                }
            }
        }
        Ok(read)
    }
}

fn tls(mode: &str) -> Result<ServerTls, String> {
    match mode {
        "disable" => Ok(ServerTls::Off),
        "verify-ca" => Ok(ServerTls::Authority),
        "verify-full" => Ok(ServerTls::Host),
        "allow" | "prefer" | "require" => Err(format!(
            "has sslmode={mode}, which trusts whoever answers; write verify-full"
        )),
        _ => Err("has an unknown sslmode; write verify-full, verify-ca or disable".into()),
    }
}

fn socket(folder: &str) -> Result<PathBuf, String> {
    match folder.starts_with('/') {
        true => Ok(PathBuf::from(folder)),
        false => Err("has a parameter host that is no folder; write the host before the /".into()),
    }
}

/// With `%40` and its like read.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(byte.ok_or("has a % without two hexadecimal digits")?);
        rest = &after[2..];
    }
    let text = String::from_utf8(bytes).map_err(|_| "holds what is no UTF-8")?;
    match text.contains('\0') {
        true => Err("holds a NUL".into()),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> PostgresUrl {
        PostgresUrl::parse(url).unwrap()
    }

    #[test]
    fn hosts_are_read_and_verified_unless_they_are_local() {
        let url = parsed("postgres://sekisho@db-1.corp,db-2.corp:6432,[fd00::1]:5433/trust");
        assert_eq!(
            url.written(),
            "postgres://sekisho@db-1.corp:5432,db-2.corp:6432,[fd00::1]:5433/trust"
        );
        assert_eq!(url.tls, ServerTls::Host);
        for local in [
            "postgres://sekisho@127.0.0.1/trust",
            "postgresql://sekisho@localhost:5433/trust",
            "postgres://sekisho@/trust?host=/run/postgresql",
        ] {
            assert_eq!(parsed(local).tls, ServerTls::Off, "{local}");
        }
        let mixed = parsed("postgres://sekisho@127.0.0.1,db.corp/trust");
        assert_eq!(mixed.tls, ServerTls::Host);
        let chosen = parsed("postgres://sekisho@db.corp/trust?sslmode=verify-ca");
        assert_eq!(chosen.tls, ServerTls::Authority);
        assert_eq!(parsed("postgres://a%40b@h/d").user, "a@b");
    }

    #[test]
    fn what_cannot_be_meant_is_named_and_no_password_is_shown() {
        for (url, told) in [
            ("postgres://u:hunter2@h/d", "password_file"),
            ("postgres://u@h/d?password=hunter2", "password_file"),
            ("postgres://h/d", "names no user"),
            ("postgres://u@h", "names no database"),
            ("postgres://u@h/", "names no database"),
            ("postgres://u@/d", "cannot be read"),
            ("postgres://u@h:99999/d", "cannot be read"),
            ("postgres://u@[::1/d", "cannot be read"),
            ("postgres://u@h/d?sslmode=require", "verify-full"),
            ("postgres://u@h/d?sslmode=prefer", "verify-full"),
            ("postgres://u@h/d?sslmode=", "verify-full"),
            ("postgres://u@h/d?connect_timeout=3", "unknown"),
            ("postgres://u@h/d?host=/run", "leave one out"),
            ("postgres://u@/d?host=run", "no folder"),
            ("postgres://u%4@h/d", "hexadecimal"),
            ("postgres://u%ff@h/d", "UTF-8"),
            ("mysql://u@h/d", "postgres://"),
        ] {
            let error = PostgresUrl::parse(url).unwrap_err().to_string();
            assert!(error.contains(told), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
