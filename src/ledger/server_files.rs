//! The files with which a server is reached, as they are given: in a configuration, or to a
//! command.

use std::path::PathBuf;

use super::{LedgerLocation, PostgresOptions};

/// What was given beside the URL, each under the name of its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFiles {
    pub ca: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub password_file: Option<PathBuf>,
}

/// A key that does not fit to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFileProblem {
    pub key: &'static str,
    pub why: &'static str,
}

const NO_SERVER: &str = "is for a ledger on a server; write url = \"postgres://…\"";
const HALF_A_CERTIFICATE: &str = "is one of two; write certificate and key, or neither";
const NO_TLS: &str = "has no TLS, which ca, certificate and key are for; add ?sslmode=verify-full";

impl ServerFiles {
    /// The keys in use, in the order of the alphabet.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("ca", &self.ca),
            ("certificate", &self.certificate),
            ("key", &self.key),
            ("password_file", &self.password_file),
        ];
        all.into_iter()
            .filter_map(|(key, file)| file.is_some().then_some(key))
    }
}

impl LedgerLocation {
    /// The same place, reached with these files, and what is wrong with those.
    pub fn reached_with(self, files: ServerFiles) -> (Self, Vec<ServerFileProblem>) {
        match self {
            Self::File(_) => {
                let why = NO_SERVER;
                let problems = files.given().map(|key| ServerFileProblem { key, why });
                let problems = problems.collect();
                (self, problems)
            }
            Self::Server(options) => {
                let problems = options.problems(&files);
                let reached = PostgresOptions {
                    ca: files.ca,
                    client_certificate: files.certificate.zip(files.key),
                    password_file: files.password_file,
                    ..options
                };
                (Self::Server(reached), problems)
            }
        }
    }
}

impl PostgresOptions {
    fn problems(&self, files: &ServerFiles) -> Vec<ServerFileProblem> {
        let mut problems = Vec::new();
        let half = match (&files.certificate, &files.key) {
            (Some(_), None) => Some("certificate"),
            (None, Some(_)) => Some("key"),
            _ => None,
        };
        problems.extend(half.map(|key| ServerFileProblem {
            key,
            why: HALF_A_CERTIFICATE,
        }));
        let of_tls = files.ca.is_some() || (files.certificate.is_some() && files.key.is_some());
        if of_tls && !self.url.has_tls() {
            let (key, why) = ("url", NO_TLS);
            problems.push(ServerFileProblem { key, why });
        }
        problems
    }
}
