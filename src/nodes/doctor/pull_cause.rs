//! Why a pull got no answer of the gateway, by the runtime's own words.
//!
//! All runtimes are written in Go, so the words below are those of its libraries
//! (`crypto/x509`, `crypto/tls`, `net`), which hold since Go 1.0. They must be about the
//! gateway: a runtime also says "connection refused" when its own daemon is down.

use crate::nodes::{GatewayUrl, Runtime};

/// What stands between a node and the gateway's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullCause {
    /// The runtime does not trust the authority that signed the gateway's certificate.
    UntrustedCa,
    /// The file of the authority is not there, or holds no certificate.
    UnreadableCa,
    /// The certificate is for other names than that by which the gateway is reached.
    OtherName,
    /// The certificate has expired, or a clock is wrong.
    Expired,
    /// The gateway wants a certificate of the node, or another one.
    ClientCertificate,
    /// One side speaks TLS, the other does not.
    TlsMismatch,
    /// The gateway's name has no address.
    UnknownHost,
    /// Nothing listens there.
    Refused,
    /// No answer within the runtime's patience.
    Unreachable,
}

use PullCause::{
    ClientCertificate, Expired, OtherName, Refused, TlsMismatch, UnknownHost, Unreachable,
    UnreadableCa, UntrustedCa,
};

/// What names each; the first that is found counts.
const WORDS: [(&str, PullCause); 24] = [
    ("unable to read CA cert", UnreadableCa),
    ("unable to load CA cert", UnreadableCa),
    ("signed by unknown authority", UntrustedCa),
    ("certificate is not trusted", UntrustedCa),
    ("certificate has expired or is not yet valid", Expired),
    ("certificate is valid for", OtherName),
    ("certificate is not valid for any names", OtherName),
    ("doesn't contain any IP SANs", OtherName),
    ("certificate relies on legacy Common Name", OtherName),
    (
        "certificate specifies an incompatible key usage",
        UntrustedCa,
    ),
    ("certificate is not authorized to sign", UntrustedCa),
    ("x509: ", UntrustedCa),
    ("tls: certificate required", ClientCertificate),
    ("tls: bad certificate", ClientCertificate),
    ("tls: unknown certificate authority", ClientCertificate),
    ("server gave HTTP response to HTTPS client", TlsMismatch),
    ("does not look like a TLS handshake", TlsMismatch),
    ("malformed HTTP response", TlsMismatch),
    ("no such host", UnknownHost),
    ("name resolution", UnknownHost),
    ("server misbehaving", UnknownHost),
    ("connection refused", Refused),
    ("timeout", Unreachable),
    ("unreachable", Unreachable),
];

/// The cause in what a runtime said, and the gateway that it is about; `None` where it is
/// another cause, or about no gateway.
pub fn pull_cause<'a>(
    said: &str,
    gateways: &'a [GatewayUrl],
) -> Option<(PullCause, &'a GatewayUrl)> {
    let cause = WORDS
        .iter()
        .find_map(|(words, cause)| said.contains(words).then_some(*cause))?;
    let mut by_address = gateways.iter().filter(|it| said.contains(it.authority()));
    let mut by_host = gateways.iter().filter(|it| said.contains(it.host()));
    let named = by_address.next().or_else(|| by_host.next());
    let first = || gateways.first().filter(|_| cause == UnreadableCa);
    Some((cause, named.or_else(first)?))
}

impl PullCause {
    /// As scripts read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            UntrustedCa => "untrusted-ca",
            UnreadableCa => "unreadable-ca",
            OtherName => "certificate-name",
            Expired => "certificate-expired",
            ClientCertificate => "client-certificate",
            TlsMismatch => "tls-mismatch",
            UnknownHost => "unknown-host",
            Refused => "connection-refused",
            Unreachable => "unreachable",
        }
    }

    /// As people read it.
    pub const fn meaning(self) -> &'static str {
        match self {
            UntrustedCa => "the runtime does not trust the CA of the gateway's certificate",
            UnreadableCa => "the file of the gateway's CA cannot be read",
            OtherName => "the gateway's certificate is for another name than this one",
            Expired => "the gateway's certificate has expired, or a clock is wrong",
            ClientCertificate => "the gateway wants a certificate of this node, or another one",
            TlsMismatch => "one of gateway and runtime speaks TLS here, the other does not",
            UnknownHost => "the gateway's name has no address here",
            Refused => "nothing listens at the gateway's address",
            Unreachable => "the gateway's address does not answer",
        }
    }

    /// What to do about it, for a node of this runtime.
    pub fn next_step(self, runtime: Runtime, gateway: &GatewayUrl) -> String {
        let ca = || match runtime {
            Runtime::Containerd => "name its CA in hosts.toml, at the top and in the [host] \
                                    table: `sekisho node-config containerd --ca FILE` does both"
                .to_owned(),
            Runtime::Crio | Runtime::Podman | Runtime::Docker => {
                let file = runtime.ca_file(gateway);
                format!("put its CA into {}/{}", runtime.root(), file.display())
            }
        };
        match self {
            UntrustedCa | UnreadableCa => ca(),
            OtherName => format!(
                "give the gateway a certificate for {}, or name it as its certificate does",
                gateway.host()
            ),
            Expired => "renew the gateway's certificate; compare the clocks".to_owned(),
            ClientCertificate => "give the node its certificate, `client` in hosts.toml".to_owned(),
            TlsMismatch => format!("compare {gateway} with the listener's `tls`"),
            UnknownHost => format!("let this node resolve {}", gateway.host()),
            Refused => "start the gateway, or correct its port".to_owned(),
            Unreachable => "open the way to it at the firewall".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_go_says_of_the_gateway() {
        let gateways = ["https://gate.old:5080", "https://gate.corp:5080"]
            .map(|text| GatewayUrl::parse(text).unwrap());
        let of = |said: &str| {
            let (cause, gateway) = pull_cause(said, &gateways)?;
            assert!(cause == UnreadableCa || gateway == &gateways[1], "{said}");
            Some(cause)
        };
        let get = "failed to do request: Head \"https://gate.corp:5080/v2/a/manifests/1\": ";
        for (said, cause) in [
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                UntrustedCa,
            ),
            (
                "x509: certificate is valid for gate.old, not gate.corp",
                OtherName,
            ),
            (
                "x509: certificate has expired or is not yet valid: current time 2026",
                Expired,
            ),
            ("remote error: tls: certificate required", ClientCertificate),
            (
                "http: server gave HTTP response to HTTPS client",
                TlsMismatch,
            ),
            ("dial tcp: lookup gate.corp: no such host", UnknownHost),
            (
                "dial tcp 10.0.0.1:5080: connect: connection refused",
                Refused,
            ),
            ("dial tcp 10.0.0.1:5080: i/o timeout", Unreachable),
        ] {
            assert_eq!(of(&format!("{get}{said}")), Some(cause), "{said}");
        }
        let unread = "unable to read CA cert \"/ca.crt\": open /ca.crt: no such file";
        assert_eq!(of(unread), Some(UnreadableCa));
        assert_eq!(of(&format!("{get}500 Internal Server Error")), None);
        let daemon = "dial unix /run/containerd.sock: connect: connection refused";
        assert_eq!(of(daemon), None);
    }

    #[test]
    fn each_cause_has_a_next_step_of_its_runtime() {
        let gateway = GatewayUrl::parse("https://gate.corp:5080").unwrap();
        let next = |runtime| UntrustedCa.next_step(runtime, &gateway);
        assert!(next(Runtime::Containerd).contains("--ca"));
        let podman = "/etc/containers/certs.d/gate.corp:5080/ca.crt";
        assert!(next(Runtime::Podman).contains(podman));
    }
}
