//! The files of a gateway: its configuration, exceptions and advisories.

use std::fmt::Write;

use super::reference::Reference;
use super::site::{PLACES, Site};
use super::step::Advice;

pub const MEDIUM: &str = "CVE-2026-0002";
pub const CRITICAL: &str = "CVE-2026-0001";

/// Three entrances: production for what outsiders reach and for what they do not, and
/// staging.
pub fn configuration(upstream: &str, ledger: &str) -> String {
    format!(
        "data_dir = \"data\"\nexceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n\
         [cache]\nmin_free = \"1MiB\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n\
         [[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n\
         exposure = \"internal\"\n\
         [[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"staging\"\n\
         [[upstreams]]\nname = \"docker.io\"\nurl = \"{upstream}\"\ntag_ttl = \"0s\"\n\
         [environments.production]\ngrace_for_admitted = \"0s\"\n\
         [environments.staging]\nrequire = [\"scan\"]\ngrace_for_admitted = \"0s\"\n{ledger}\n"
    )
}

pub fn exceptions(reference: &Reference) -> String {
    let mut text = String::new();
    for exception in &reference.exceptions {
        let id = if exception.critical { CRITICAL } else { MEDIUM };
        let _ = write!(
            text,
            "[[exception]]\nvulnerabilities = [\"{id}\"]\nimages = [\"{}\"]\nreason = \"is not \
             linked\"\nlink = \"https://gitlab.example/1\"\nowner = \"platform\"\nexpires = {}\n",
            PLACES[exception.place], exception.until
        );
    }
    text
}

pub fn advisories(reference: &Reference, site: &Site) -> String {
    let mut text = String::new();
    for (number, advised) in reference.advisories.iter().enumerate() {
        let what = match advised.advice {
            Advice::BlockMedium => format!("vulnerabilities = [\"{MEDIUM}\"]\neffect = \"block\""),
            Advice::BlockDigest(named) => {
                let (_, digest) = site.named().swap_remove(named);
                format!("digests = [\"{digest}\"]\neffect = \"block\"")
            }
            Advice::RaiseMedium => format!(
                "vulnerabilities = [\"{MEDIUM}\"]\neffect = \"raise\"\nseverity = \"critical\""
            ),
            Advice::LowerCritical(_) => format!(
                "vulnerabilities = [\"{CRITICAL}\"]\neffect = \"lower\"\nseverity = \"low\""
            ),
        };
        let until = advised.until.map(|day| format!("expires = {day}\n"));
        let _ = write!(
            text,
            "[[advisory]]\nid = \"SEC-{number}\"\n{what}\nreason = \"exploited\"\n\
             link = \"https://security.example/{number}\"\n{}",
            until.unwrap_or_default()
        );
    }
    text
}
