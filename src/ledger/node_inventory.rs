//! What runs on nodes, as their agents tell it: one row a node, whole.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::sql::query;
use super::{Ledger, LedgerError, columns};
use crate::oci::Digest;
use crate::trust::EnvironmentName;

/// Nodes of one environment, at most: a cluster has 5,000.
const MAX_NODES: i64 = 5000;
/// Containers of one node that are known, at most.
const MAX_CONTAINERS: usize = 2000;
/// What the containers of one node may take, in bytes: 250 Pods of two take half of it.
const MAX_CONTAINERS_BYTES: usize = 512 << 10;
/// What an entry takes beside its texts, in bytes.
const ENTRY_BYTES: usize = 128;
/// What nobody told of for so long is forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// For so long a node is whose agent told of it last.
const HELD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// A container that runs on a node. Its texts are bounded by who tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerOnNode {
    pub namespace: String,
    pub pod: String,
    pub pod_uid: String,
    /// As the runtime names it.
    pub image: String,
    pub digests: Vec<Digest>,
}

/// The containers of a node by the runtime's identifiers.
pub type NodeContainers = BTreeMap<String, ContainerOnNode>;

/// What an agent tells of its node.
#[derive(Clone, Debug)]
pub struct ToldOfNode {
    pub environment: EnvironmentName,
    pub node: String,
    /// Who tells.
    pub principal: String,
    /// Whether `started` is all that runs.
    pub anew: bool,
    pub started: NodeContainers,
    pub ended: Vec<String>,
    pub at: Timestamp,
}

/// A node that an agent told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownNode {
    /// Another one whenever another thing runs.
    pub number: i64,
    pub environment: EnvironmentName,
    pub node: String,
    pub seen: Timestamp,
}

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportTaken {
    Yes,
    /// Another agent speaks for that node.
    OfAnother,
    /// There are as many nodes as are known at most.
    TooMany,
}

type NodeRow = (String, i64, String);
type KnownRow = (i64, String, String, i64);

impl Ledger {
    /// Takes in what an agent tells.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written; then nothing of it is.
    pub async fn tell_of_node(&self, report: &ToldOfNode) -> Result<ReportTaken, LedgerError> {
        let mut writing = self.begin(None).await?;
        let of = "SELECT principal, seen, body FROM nodes WHERE environment = ? AND node = ?";
        let before: Option<NodeRow> = query(of)
            .bind(report.environment.as_str())
            .bind(&report.node)
            .optional(writing.sql())
            .await?;
        let mut running = NodeContainers::new();
        if let Some((principal, seen, body)) = &before {
            let age = report.at.duration_since(columns::time(*seen)?);
            if *principal != report.principal && age.abs() < HELD_FOR {
                return Ok(ReportTaken::OfAnother);
            }
            running = columns::body(body)?;
        } else {
            let count = "SELECT count(*) FROM nodes WHERE environment = ?";
            let count = query(count).bind(report.environment.as_str());
            if count.value::<i64>(writing.sql()).await? >= MAX_NODES {
                return Ok(ReportTaken::TooMany);
            }
        }
        let after = report.applied_to(running.clone());
        let put = match before.is_some() && after == running {
            true => {
                "UPDATE nodes SET principal = ?, seen = ?, body = ? \
                     WHERE environment = ? AND node = ?"
            }
            false => {
                let forget = "DELETE FROM nodes WHERE environment = ? AND node = ?";
                query(forget)
                    .bind(report.environment.as_str())
                    .bind(&report.node)
                    .execute(writing.sql())
                    .await?;
                "INSERT INTO nodes (principal, seen, body, environment, node) \
                 VALUES (?, ?, ?, ?, ?)"
            }
        };
        query(put)
            .bind(&report.principal)
            .bind(report.at.as_microsecond())
            .bind(columns::json(&after)?)
            .bind(report.environment.as_str())
            .bind(&report.node)
            .execute(writing.sql())
            .await?;
        self.commit(writing).await?;
        Ok(ReportTaken::Yes)
    }

    /// The nodes that agents told of lately, without what runs there.
    ///
    /// # Errors
    /// [`LedgerError`] where they cannot be read.
    pub async fn known_nodes(&self, now: Timestamp) -> Result<Vec<KnownNode>, LedgerError> {
        let read = "SELECT number, environment, node, seen FROM nodes WHERE seen >= ?";
        let rows: Vec<KnownRow> = query(read).bind(long_ago(now)).all(&self.readers).await?;
        let read = |(number, environment, node, seen): KnownRow| {
            Ok(KnownNode {
                number,
                environment: columns::text(&environment)?,
                node,
                seen: columns::time(seen)?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// What runs on the node of that number; `None` where something else does by now.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be read.
    pub async fn runs_on_node(&self, number: i64) -> Result<Option<NodeContainers>, LedgerError> {
        let read = "SELECT body FROM nodes WHERE number = ?";
        let body: Option<String> = query(read)
            .bind(number)
            .optional_value(&self.readers)
            .await?;
        body.as_deref().map(columns::body).transpose()
    }

    /// Forgets nodes that nobody told of for long.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot be written.
    pub async fn forget_nodes(&self, now: Timestamp) -> Result<u64, LedgerError> {
        let mut writing = self.begin(None).await?;
        let forgotten = query("DELETE FROM nodes WHERE seen < ?")
            .bind(long_ago(now))
            .execute(writing.sql())
            .await?;
        self.commit(writing).await?;
        Ok(forgotten)
    }
}

fn long_ago(now: Timestamp) -> i64 {
    let ago = now.checked_sub(FORGOTTEN_AFTER);
    ago.unwrap_or(Timestamp::MIN).as_microsecond()
}

impl ToldOfNode {
    /// What ended comes before what started; what is too much is left out.
    fn applied_to(&self, mut running: NodeContainers) -> NodeContainers {
        if self.anew {
            running.clear();
        }
        for id in &self.ended {
            running.remove(id);
        }
        let mut bytes: usize = running.iter().map(|(id, it)| it.bytes(id)).sum();
        for (id, container) in &self.started {
            let known = running.get(id).map_or(0, |it| it.bytes(id));
            let with_it = bytes - known + container.bytes(id);
            let is_within = running.len() < MAX_CONTAINERS || known > 0;
            if is_within && with_it <= MAX_CONTAINERS_BYTES {
                running.insert(id.clone(), container.clone());
                bytes = with_it;
            }
        }
        running
    }
}

impl ContainerOnNode {
    /// About what it takes in memory and in the ledger.
    pub fn bytes(&self, id: &str) -> usize {
        let texts = [id, &self.namespace, &self.pod, &self.pod_uid, &self.image];
        let texts: usize = texts.iter().map(|it| it.len()).sum();
        let digests = self.digests.iter().map(|it| it.hex().len());
        ENTRY_BYTES + texts + digests.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(bytes: usize) -> ContainerOnNode {
        ContainerOnNode {
            namespace: "shop".to_owned(),
            pod: "web".to_owned(),
            pod_uid: "1".to_owned(),
            image: "x".repeat(bytes),
            digests: vec![Digest::sha256(b"app")],
        }
    }

    fn told(started: NodeContainers) -> ToldOfNode {
        ToldOfNode {
            environment: "production".parse().unwrap(),
            node: "node-1".to_owned(),
            principal: "agent".to_owned(),
            anew: false,
            started,
            ended: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_node_takes_bounded_room_however_long_its_names_are() {
        let started = (0..1000).map(|it| (it.to_string(), container(4096)));
        let running = told(started.collect()).applied_to(NodeContainers::new());
        let bytes: usize = running.iter().map(|(id, it)| it.bytes(id)).sum();
        assert!(bytes <= MAX_CONTAINERS_BYTES && running.len() > 100);
        // What is known already is told anew, and nothing is counted twice.
        let again = told(running.clone()).applied_to(running.clone());
        assert_eq!(again, running);
    }
}
