//! One parsed review, with what the webhooks need of it and of its cluster.

use std::time::Instant;

use jiff::Timestamp;

use super::Webhook;
use super::answer::JudgedImage;
use super::cluster::{ClusterPolicy, NamespacePolicy};
use super::deadline::Deadline;
use super::door::{ReviewHead, WebhookKind};
use super::review::{AdmissionRequest, AdmissionResponse};
use super::room::{ImageTurn, ReviewRoom};
use crate::access::{Principal, Role, Scope};
use crate::gate::{AdmissionContext, Client, RequestTarget};
use crate::kubernetes::client::DeniedPod;
use crate::kubernetes::exposure::Owner;
use crate::oci::printable;
use crate::trust::NamedImage;
use crate::trust::WorkloadLocation;

/// The longest user name in a record, in characters.
const MAX_USER_NAME_CHARS: usize = 253;

/// One review, read.
pub(super) struct ReviewCall<'a> {
    pub(super) webhook: &'a Webhook,
    pub(super) cluster: &'a ClusterPolicy,
    pub(super) request: AdmissionRequest,
    pub(super) deadline: Deadline,
    /// Over which way requests from outside reach the Pod.
    pub(super) reached_by: Option<String>,
    pub(super) room: &'a ReviewRoom,
    client: Client,
    now: Timestamp,
    started: Instant,
}

impl<'a> ReviewCall<'a> {
    pub(super) fn new(
        webhook: &'a Webhook,
        head: &ReviewHead<'a>,
        request: AdmissionRequest,
    ) -> Self {
        Self {
            webhook,
            cluster: head.cluster,
            client: client(head, &request),
            request,
            reached_by: None,
            room: head.room,
            deadline: head.deadline,
            now: head.now,
            started: head.started,
        }
    }
}

/// Who asked the API server, which has authenticated them; a client that showed no
/// certificate can name anybody.
fn client(head: &ReviewHead<'_>, request: &AdmissionRequest) -> Client {
    let name = printable(&request.user_info.username, MAX_USER_NAME_CHARS);
    let principal = match head.is_known {
        true => Principal::new(&name, Role::Puller, Scope::everything()),
        false => Principal::claimed(&name, Role::Puller, Scope::everything()),
    };
    Client {
        listener: head.cluster.listener.clone(),
        principal,
        address: head.client,
    }
}

impl ReviewCall<'_> {
    pub(super) fn rule(&self) -> Option<&NamespacePolicy> {
        self.cluster.rule(self.request.namespace())
    }

    /// Waits for the turn of an image; `None`: none comes any more.
    pub(super) async fn turn(&self) -> Option<ImageTurn<'_>> {
        self.room.images.turn(self.client.address).await
    }

    pub(super) fn place(&self) -> WorkloadLocation {
        WorkloadLocation {
            cluster: self.cluster.name.clone(),
            namespace: printable(self.request.namespace(), 63).into(),
            workload: self.request.workload().into(),
            node: None,
            container: None,
        }
    }

    pub(super) fn admission<'b>(
        &'b self,
        place: &'b WorkloadLocation,
        reached_by: Option<&'b str>,
    ) -> AdmissionContext<'b> {
        AdmissionContext {
            client: &self.client,
            place,
            mode: self.rule().and_then(|rule| rule.mode),
            reached_by,
            dry_run: self.request.is_dry_run(),
            now: self.now,
            started: self.started,
        }
    }

    /// Reads what needs the whole object, and forgets of it whatever judging does not read.
    pub(super) fn keep_essence(&mut self, kind: WebhookKind) {
        let reached_by = self.cluster.callbacks.reached_by.as_ref();
        let is_judged = kind == WebhookKind::Validate && !self.request.image_fields().is_empty();
        if let (Some(reached_by), true) = (reached_by, is_judged) {
            self.reached_by = reached_by(self.request.namespace(), self.request.pod());
        }
        self.request.keep_essence();
    }

    /// Reports a denied Pod to its owner by an event, since a ReplicaSet does not show
    /// why its Pods are refused.
    pub(super) fn notify_owner(&self, judged: &[JudgedImage], answer: &AdmissionResponse) {
        let (Some(tell), Some(status)) = (&self.cluster.callbacks.on_denied, &answer.status) else {
            return;
        };
        let reason = judged.iter().find_map(|it| it.admitted.denial.as_ref());
        let owner = Owner::of(&self.request.object);
        if let (Some(owner), Some(denial), false) = (owner, reason, self.request.is_dry_run()) {
            let denied = DeniedPod {
                namespace: self.request.namespace().to_owned(),
                owner,
                reason: denial.reason.code().to_owned(),
                message: status.message.clone(),
            };
            tell(denied, self.now);
        }
    }
}

/// The image as the gate is asked for it.
pub(super) fn target(image: &NamedImage) -> RequestTarget {
    RequestTarget {
        repository: image.repository.clone(),
        namespace: None,
        by_host: false,
    }
}
