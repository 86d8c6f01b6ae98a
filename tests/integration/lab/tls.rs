//! A private certificate authority and the leaves it signs, as PEM files.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;

#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn create() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("ca.crt"),
            params.self_signed(&key).unwrap().pem(),
        )
        .unwrap();
        Self {
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Certificate and key for one host name, beside the authority's own.
    pub fn leaf(&self, host: &str) -> (PathBuf, PathBuf) {
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        self.sign(host, params)
    }

    /// Certificate and key of a client, by its common name.
    pub fn client(&self, name: &str) -> (PathBuf, PathBuf) {
        self.sign(name, CertificateParams::new(Vec::new()).unwrap())
    }

    /// Named apart from the authority: OpenSSL takes it for self-signed otherwise.
    fn sign(&self, name: &str, mut params: CertificateParams) -> (PathBuf, PathBuf) {
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let files = (
            self.folder.path().join(format!("{name}.crt")),
            self.folder.path().join(format!("{name}.key")),
        );
        fs::write(&files.0, leaf.pem()).unwrap();
        fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }
}
