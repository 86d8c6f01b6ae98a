//! The Host and Origin check: protects against DNS rebinding and cross-site requests.

use http::{HeaderMap, header};

/// The hosts that this address answers to.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Without port.
    names: Vec<String>,
}

impl Hosts {
    /// Loopback names, and those of the address and of the public URL.
    pub fn new(named: impl IntoIterator<Item = String>) -> Self {
        let loopback = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Self {
            names: named.into_iter().chain(loopback).collect(),
        }
    }

    /// Whether the Host header is one of our names and the Origin, if there is one, too.
    /// Where the target of the request names a host, the entrance has put that into the header.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let origin_is_ours = match headers.get(header::ORIGIN) {
            None => true,
            Some(origin) => origin
                .to_str()
                .ok()
                .and_then(|origin| origin.split_once("://"))
                .is_some_and(|(_, authority)| self.names_us(authority)),
        };
        host.is_some_and(|host| self.names_us(host)) && origin_is_ours
    }

    fn names_us(&self, authority: &str) -> bool {
        let name = match authority.rfind(':') {
            Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
            _ => authority,
        };
        self.names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        Hosts::new(["sekisho.example".to_owned()]).admit(&headers)
    }

    #[test]
    fn answers_to_its_own_names_only() {
        assert!(admits("127.0.0.1:5081", None) && admits("[::1]:5081", None));
        assert!(admits("sekisho.example", None) && admits("localhost", None));
        assert!(!admits("evil.example", None) && !admits("sekisho.example.evil", None));
    }

    #[test]
    fn refuses_requests_of_other_sites() {
        assert!(admits("localhost:5081", Some("http://localhost:5081")));
        assert!(!admits("localhost:5081", Some("https://evil.example")));
        assert!(!admits("localhost:5081", Some("null")));
    }
}
