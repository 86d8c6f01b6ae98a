//! Under which names a server is reached.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use super::AuthorityError;

/// Names in one certificate, at most.
pub(super) const MAX_NAMES: usize = 100;

/// The DNS names and IP addresses of a leaf certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    hosts: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl CertificateNames {
    /// The loopback names.
    pub fn loopback() -> Self {
        let mut names = Self::default();
        names.hosts.insert("localhost".to_owned());
        names.addresses.insert([127, 0, 0, 1].into());
        names.addresses.insert(IpAddr::V6(1.into()));
        names
    }

    /// Adds an IP address or a DNS name, without a port. An IPv6 address may stand
    /// in brackets.
    ///
    /// # Errors
    /// [`AuthorityError`] for a name that is neither.
    pub fn add(&mut self, name: &str) -> Result<(), AuthorityError> {
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(name).parse() {
            self.addresses.insert(address);
            return Ok(());
        }
        if !is_host(name) {
            return Err(AuthorityError::Name(name.to_owned()));
        }
        self.hosts.insert(name.to_ascii_lowercase());
        Ok(())
    }

    /// Adds an address, unless it stands for all of a machine's.
    pub fn add_address(&mut self, address: IpAddr) {
        if !address.is_unspecified() {
            self.addresses.insert(address);
        }
    }

    /// Whether all of `others` are among these.
    pub fn cover(&self, others: &Self) -> bool {
        self.hosts.is_superset(&others.hosts) && self.addresses.is_superset(&others.addresses)
    }

    /// These and `others`; these alone, where together they would be too many for
    /// one certificate.
    pub(super) fn with(&self, others: &Self) -> Self {
        let both = Self {
            hosts: &self.hosts | &others.hosts,
            addresses: &self.addresses | &others.addresses,
        };
        match both.hosts.len() + both.addresses.len() {
            0..=MAX_NAMES => both,
            _ => self.clone(),
        }
    }

    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(String::as_str)
    }

    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().copied()
    }
}

impl fmt::Display for CertificateNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.addresses().map(|address| address.to_string());
        let all: Vec<String> = self.hosts().map(str::to_owned).chain(addresses).collect();
        f.write_str(&all.join(", "))
    }
}

/// Labels of letters, digits, `-` and `_`; the last is no number, or it would be
/// an ill-formed address.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}
