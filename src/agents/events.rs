//! `POST /api/v1/node/events`: what an agent refused, and what runs on its node. Nothing of
//! it is believed but of the agent's own environment and node, and nothing is kept at the
//! length that it came in.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use jiff::Timestamp;

use super::AgentsDoor;
use super::answer::{AgentRefusal, taken};
use super::door::peer;
use crate::access::Principal;
use crate::api::{MAX_NODE_EVENTS, NodeContainer, NodeDenial, NodeEventBatch};
use crate::gate::{Client, NodeRefusal};
use crate::http::{Body, ReceiveLimits, Received, receive};
use crate::ledger::{ContainerOnNode, ReportTaken, ToldOfNode};
use crate::oci::{Digest, Repository, printable};
use crate::trust::{Denial, DenialReason, WorkloadLocation};

/// The longest batch, in bytes.
const MAX_BATCH: usize = 4 << 20;
/// It is sent within this.
const RECEIVED_WITHIN: Duration = Duration::from_secs(30);
/// Of a node, a namespace, a Pod or a container, in bytes: a DNS subdomain.
const MAX_NAME: usize = 253;
/// Of an image's name and of a runtime's identifier, in characters.
const MAX_TEXT: usize = 512;
/// Of one container: index, manifest and config, under both algorithms.
const MAX_DIGESTS: usize = 6;

impl AgentsDoor {
    pub(super) async fn events<B>(
        &self,
        parts: &Parts,
        body: B,
        now: Timestamp,
    ) -> Result<Response<Body>, AgentRefusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let principal = self.identify(parts, now)?;
        let batch = self.read_batch(parts, body).await?;
        self.is_here(&batch.environment)?;
        check(&batch)?;
        let name = principal.name();
        if peer(parts).is_some_and(|it| it.certificate.as_deref() == Some(name))
            && batch.node != name
        {
            let message = format!("the certificate of {name} speaks for no other node");
            let step = format!("start the agent with --node {name}");
            return Err(AgentRefusal::forbidden(message, step));
        }
        let report = self.report(&principal, &batch, now);
        let told = self.ledger.tell_of_node(&report).await;
        let told = told.map_err(|error| {
            tracing::error!(%error, "what runs on a node is not taken in");
            AgentRefusal::unavailable("the ledger cannot be written")
        })?;
        let client = Client {
            listener: self.listener.clone(),
            principal,
            address: peer(parts).map(|it| it.address.ip()),
        };
        for denial in &batch.denials {
            self.record(&client, &batch.node, denial, now).await;
        }
        // Denials are on record whatever is thought of the inventory: a name that another
        // took first silences nobody.
        is_taken(told)?;
        Ok(taken(StatusCode::NO_CONTENT))
    }

    async fn read_batch<B>(&self, parts: &Parts, body: B) -> Result<NodeEventBatch, AgentRefusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let room = self.bodies.enter(peer(parts).map(|it| it.address.ip()));
        let limits = ReceiveLimits {
            bytes: MAX_BATCH,
            deadline: Instant::now() + RECEIVED_WITHIN,
            pace: None,
        };
        match receive(body, limits, room).await {
            Received::Whole(bytes, _room) => serde_json::from_slice(&bytes)
                .map_err(|_| AgentRefusal::bad_request("the body is no batch of events")),
            Received::TooLong(_) => Err(AgentRefusal::too_large("a batch has 4 MiB at most")),
            Received::NoRoom(_) => Err(AgentRefusal::unavailable("too much is sent at once")),
            Received::Incomplete(_) => Err(AgentRefusal::bad_request("the body broke off")),
        }
    }

    fn report(&self, principal: &Principal, batch: &NodeEventBatch, now: Timestamp) -> ToldOfNode {
        let ids = batch.ended.iter().filter(|id| id.len() <= MAX_TEXT);
        let started = batch.started.iter().filter(|it| is_kept(it));
        ToldOfNode {
            environment: self.environment.clone(),
            node: batch.node.clone(),
            principal: principal.name().to_owned(),
            anew: batch.anew,
            started: started.map(|it| (it.id.clone(), kept(it))).collect(),
            ended: ids.cloned().collect(),
            at: now,
        }
    }

    /// A reason that this program does not know was no denial of its own.
    async fn record(&self, client: &Client, node: &str, told: &NodeDenial, now: Timestamp) {
        let Some(reason) = DenialReason::parse(&told.reason) else {
            return;
        };
        let container = &told.container;
        let digest = told.digest.as_deref();
        let digest = digest.and_then(|it| Digest::parse(it).ok());
        let place = WorkloadLocation {
            cluster: "".into(),
            namespace: printable(&container.namespace, MAX_NAME).into(),
            workload: printable(&format!("Pod/{}", container.pod), MAX_NAME).into(),
            node: Some(node.into()),
            container: Some(printable(&container.container, MAX_NAME).into()),
        };
        let repository = self.repository(&container.image);
        let refusal = NodeRefusal {
            client,
            place: &place,
            image: &container.image,
            repository: repository.as_ref(),
            denial: worded(reason, digest.as_ref(), told.exemption.as_deref()),
            digest,
            refused: told.refused,
            count: told.count,
        };
        self.gate.record_node_refusal(refusal, now).await;
    }

    fn repository(&self, image: &str) -> Option<Repository> {
        let named = (image.len() <= MAX_TEXT).then(|| self.names.read_by_node(image));
        named?.ok().map(|named| named.repository)
    }
}

fn worded(reason: DenialReason, digest: Option<&Digest>, exemption: Option<&str>) -> Denial {
    let what = digest.map_or_else(|| "an image without a digest".to_owned(), Digest::short);
    let mut detail = format!("{what} must not start on a node");
    if let Some(exemption) = exemption {
        detail += &format!("; it did, as {}", printable(exemption, 63));
    }
    let next = match reason {
        DenialReason::Undecidable => "pull it through the gateway, which knows it then",
        DenialReason::Revoked => "use another version; an on-call person can reinstate it",
        _ => "use a version without it; `sekisho verdict` says what speaks against this one",
    };
    Denial::new(reason, detail, next)
}

fn check(batch: &NodeEventBatch) -> Result<(), AgentRefusal> {
    let lists = [batch.started.len(), batch.ended.len(), batch.denials.len()];
    if lists.iter().any(|length| *length > MAX_NODE_EVENTS) {
        return Err(AgentRefusal::bad_request("a list has 1000 entries at most"));
    }
    match is_name(&batch.node) {
        true => Ok(()),
        false => Err(AgentRefusal::bad_request("the node is no name")),
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._=, ".contains(&byte);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain)
}

/// What has an identifier and at least one digest.
fn is_kept(container: &NodeContainer) -> bool {
    (1..=MAX_TEXT).contains(&container.id.len()) && !digests(container).is_empty()
}

fn digests(container: &NodeContainer) -> Vec<Digest> {
    let read = container.digests.iter().take(MAX_DIGESTS);
    read.filter_map(|it| Digest::parse(it).ok()).collect()
}

fn kept(container: &NodeContainer) -> ContainerOnNode {
    ContainerOnNode {
        namespace: printable(&container.namespace, MAX_NAME),
        pod: printable(&container.pod, MAX_NAME),
        pod_uid: printable(&container.pod_uid, MAX_NAME),
        image: printable(&container.image, MAX_TEXT),
        digests: digests(container),
    }
}
/// Why what runs on a node was not taken in.
fn is_taken(told: ReportTaken) -> Result<(), AgentRefusal> {
    let (message, step) = match told {
        ReportTaken::Yes => return Ok(()),
        ReportTaken::OfAnother => (
            "another agent speaks for that node, and told of it lately",
            "give each node a name of its own by --node; after an exchange of tokens wait for 15 \
             minutes",
        ),
        ReportTaken::TooMany => (
            "as many nodes tell of themselves as are known at most",
            "those that are silent for an hour are forgotten",
        ),
    };
    Err(AgentRefusal::forbidden(message, step))
}
