//! `[audit]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::quantity::{ByteSize, Period};
use super::section::Section;
use crate::audit::AuditRotation;
use crate::gate::OnAuditLoss;

/// From this size on a file of the log is put aside: some 300,000 decisions.
const DEFAULT_MAX_SIZE: ByteSize = ByteSize(256 << 20);
/// Less would put a file aside for each handful of records.
const MIN_SIZE: ByteSize = ByteSize(1 << 20);

/// The log of decisions and acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    pub record: RecordedPasses,
    pub path: PathBuf,
    pub rotation: AuditRotation,
    pub on_loss: OnAuditLoss,
}

/// Which passes are written down. Denials always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordedPasses {
    /// The first of each principal, digest and hour.
    #[default]
    Changes,
    All,
}

/// Reads `[audit]`.
pub(super) fn audit(root: &mut Section<'_, '_>, data_dir: &Path) -> AuditConfig {
    let mut section = root.section("audit");
    let record = section.read("record").unwrap_or_default();
    let path = section.path("path");
    let rotation = rotation(&mut section);
    let on_loss = section.read("on_loss").unwrap_or_default();
    section.finish();
    AuditConfig {
        record,
        path: path.unwrap_or_else(|| data_dir.join("audit.jsonl")),
        rotation,
        on_loss,
    }
}

fn rotation(section: &mut Section<'_, '_>) -> AuditRotation {
    let max_size: ByteSize = section.read("max_size").unwrap_or(DEFAULT_MAX_SIZE);
    if max_size.0 != 0 && max_size.0 < MIN_SIZE.0 {
        section.problem(
            "max_size",
            "is too small; write 256MiB, or 0B where another program rotates the log",
        );
    }
    let retention: Option<Period> = section.read("retention");
    if retention.is_some_and(Period::is_zero) {
        section.problem("retention", "is nothing; leave it out to keep all files");
    }
    AuditRotation {
        max_size: (max_size.0 != 0).then_some(max_size.0),
        retention: retention.map(Into::into),
    }
}
