//! What agents on nodes refused to start, on record like any other denial.

use std::time::Instant;

use jiff::Timestamp;

use super::gate::Gate;
use super::pull::Client;
use super::record::{JudgedRequest, RequestRecord};
use crate::oci::{Digest, Repository, printable};
use crate::trust::{Denial, Door, WorkloadLocation};

/// The longest name of an image in a record, in characters.
const MAX_NAME_CHARS: usize = 300;
/// Repetitions that one word of an agent counts as, at most.
const MAX_REPEATED: u64 = 1000;

/// A container that an agent kept from starting, or would have.
pub struct NodeRefusal<'a> {
    /// Who tells of it.
    pub client: &'a Client,
    pub place: &'a WorkloadLocation,
    /// As the runtime names it.
    pub image: &'a str,
    /// Where it comes from, as far as the name says it.
    pub repository: Option<&'a Repository>,
    pub digest: Option<Digest>,
    pub denial: Denial,
    /// Whether it was kept from starting.
    pub refused: bool,
    /// How often it was asked for.
    pub count: u64,
}

impl Gate {
    /// Records it. Identical ones within a minute are one decision with a count.
    pub async fn record_node_refusal(&self, told: NodeRefusal<'_>, now: Timestamp) {
        let image = match (told.repository, &told.digest) {
            (Some(repository), Some(digest)) => format!("{repository}@{digest}"),
            _ => printable(told.image, MAX_NAME_CHARS),
        };
        let ask = RequestRecord {
            door: Door::Node,
            place: Some(told.place),
            client: told.client,
            image,
            repository: told.repository,
            digest: told.digest,
            started: Instant::now(),
            ledger_age_s: None,
        };
        let revision = self.rulebook().revision();
        let judged = JudgedRequest::refused(told.client, &told.denial, revision);
        for _ in 0..told.count.clamp(1, MAX_REPEATED) {
            match told.refused {
                true => self.recorder().denied(&ask, judged, now).await,
                false => {
                    self.recorder()
                        .lifted(&ask, judged.let_through(), now)
                        .await
                }
            };
        }
    }
}
