//! in-toto statements, bare or in a DSSE envelope: what kind of predicate they
//! carry.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;

use super::gather::Few;
use super::strict::MAX_REPORT_BYTES;
use super::{Format, ReportError, field, strict};
use crate::oci::{Digest, printable};

/// The only payload of an envelope that is a statement.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "payloadType")]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Statement<'a> {
    #[serde(borrow, rename = "predicateType")]
    predicate_type: Cow<'a, str>,
}

/// What a statement is about: images by manifest digest.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct StatementSubject(Few<Described>);

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    digest: Digests,
}

#[derive(Default, Deserialize)]
struct Digests {
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    sha512: String,
}

impl StatementSubject {
    /// The digests of its one image, of the algorithms that registries use. What is
    /// attested of several images at once may be true of one of them alone.
    pub(super) fn digests(&self) -> Result<Vec<Digest>, ReportError> {
        let mut digests = Vec::new();
        if let [first, .., other] = &self.0.0[..] {
            return Err(ReportError::SeveralImages {
                first: printable(&first.digest.sha256, 64),
                other: printable(&other.digest.sha256, 64),
            });
        }
        for Described { digest } in &self.0.0 {
            for (algorithm, hex) in [("sha256", &digest.sha256), ("sha512", &digest.sha512)] {
                if !hex.is_empty() {
                    digests.extend(field::digest("subject", &format!("{algorithm}:{hex}"))?);
                }
            }
        }
        Ok(digests)
    }
}

/// The statement in an envelope, as strict as any document.
pub(super) fn open(envelope: &str) -> Result<String, ReportError> {
    let envelope: Envelope<'_> =
        serde_json::from_str(envelope).map_err(|error| ReportError::json(&error))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(ReportError::field("payloadType", "is no in-toto statement"));
    }
    // DSSE lets the writer choose between the two alphabets.
    let payload = STANDARD
        .decode(&*envelope.payload)
        .or_else(|_| URL_SAFE.decode(&*envelope.payload))
        .map_err(|_| ReportError::field("payload", "is not base64"))?;
    Ok(strict::check(&payload, MAX_REPORT_BYTES)?.into_owned())
}

/// Which format a statement has. Early cosigns left out `https://`.
pub(super) fn format(statement: &str) -> Result<Format, ReportError> {
    let statement: Statement<'_> =
        serde_json::from_str(statement).map_err(|error| ReportError::json(&error))?;
    let kind = &*statement.predicate_type;
    let kind = kind.strip_prefix("https://").unwrap_or(kind);
    if kind.starts_with("cosign.sigstore.dev/attestation/vuln/") {
        Ok(Format::CosignVuln)
    } else if kind.starts_with("in-toto.io/attestation/vulns/") {
        Ok(Format::InTotoVulns)
    } else {
        Err(ReportError::Unrecognised {
            hint: "; this is an attestation of something else",
        })
    }
}
