//! How a server is set up: fast, since a test's records need to outlive no power cut, and
//! otherwise as people run it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::give;
use crate::lab::Authority;

/// What differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    lines: String,
    tls: Option<Tls>,
}

#[derive(Clone, Debug)]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
    client_certificates: bool,
}

impl Settings {
    /// Adds a line of `postgresql.conf`, such as `max_connections = 10`.
    pub fn set(mut self, line: &str) -> Self {
        let _ = writeln!(self.lines, "{line}");
        self
    }

    /// Takes connections under TLS alone, with a certificate for 127.0.0.1 of that
    /// authority.
    pub fn tls(mut self, authority: &Authority) -> Self {
        let (certificate, key) = authority.leaf("127.0.0.1");
        self.tls = Some(Tls {
            certificate,
            key,
            authority: authority.certificate(),
            client_certificates: false,
        });
        self
    }

    /// As [`Settings::tls`], and instead of a password asks for a certificate of that
    /// authority for the user (`Authority::client`).
    pub fn client_certificates(mut self, authority: &Authority) -> Self {
        self = self.tls(authority);
        if let Some(tls) = &mut self.tls {
            tls.client_certificates = true;
        }
        self
    }

    /// Writes `postgresql.conf` and `pg_hba.conf` of a server with its data in `data`, that
    /// listens at `port` of loopback, and at a socket in `folder`.
    pub(super) fn write(&self, folder: &Path, data: &Path, port: u16) {
        let folder = folder.display();
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{folder}'\n\
             fsync = off\nfull_page_writes = off\nshared_buffers = 32MB\nmax_connections = 300\n\
             max_wal_size = 256MB\nmin_wal_size = 32MB\nwal_level = replica\nmax_wal_senders = 4\n\
             wal_keep_size = 64MB\nautovacuum_naptime = 10min\njit = off\nlog_min_messages = warning\n"
        );
        let rule = match &self.tls {
            None => "host all all 127.0.0.1/32 scram-sha-256",
            Some(tls) => {
                text += "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n\
                         ssl_ca_file = 'ca.crt'\n";
                tls.write(data);
                match tls.client_certificates {
                    false => "hostssl all all 127.0.0.1/32 scram-sha-256",
                    true => "hostssl all all 127.0.0.1/32 cert",
                }
            }
        };
        text += &self.lines;
        let rules = format!(
            "local all all trust\nlocal replication all trust\n\
             host replication all 127.0.0.1/32 trust\n{rule}\n"
        );
        place(&data.join("postgresql.conf"), &text);
        place(&data.join("pg_hba.conf"), &rules);
    }
}

impl Tls {
    fn write(&self, data: &Path) {
        for (file, name) in [
            (&self.certificate, "server.crt"),
            (&self.key, "server.key"),
            (&self.authority, "ca.crt"),
        ] {
            place(&data.join(name), &fs::read_to_string(file).unwrap());
        }
    }
}

fn place(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    give(path);
}
