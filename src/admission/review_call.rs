//! One review that was read: what the webhooks ask of it and of its cluster.

use std::time::Instant;

use jiff::Timestamp;

use super::Webhook;
use super::answer::Judged;
use super::cluster::{Cluster, NamespaceRule};
use super::deadline::Deadline;
use super::door::ReviewHead;
use super::review::{AdmissionRequest, AdmissionResponse};
use crate::access::{Principal, Role, Scope};
use crate::gate::{Admission, Asker, Target};
use crate::kubernetes::client::DeniedPod;
use crate::kubernetes::exposure::Owner;
use crate::oci::printable;
use crate::trust::NamedImage;
use crate::trust::Place;

/// What is shown of the name of who asked the API server, in characters.
const USER_NAME: usize = 253;

/// One review, read.
pub(super) struct ReviewCall<'a> {
    pub(super) webhook: &'a Webhook,
    pub(super) cluster: &'a Cluster,
    pub(super) request: AdmissionRequest,
    pub(super) deadline: Deadline,
    asker: Asker,
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
            asker: asker(head, &request),
            request,
            deadline: head.deadline,
            now: head.now,
            started: head.started,
        }
    }
}

/// Who asked the API server, which has authenticated them; a client that showed no
/// certificate can name anybody.
fn asker(head: &ReviewHead<'_>, request: &AdmissionRequest) -> Asker {
    let name = printable(&request.user_info.username, USER_NAME);
    let principal = match head.is_known {
        true => Principal::new(&name, Role::Puller, Scope::everything()),
        false => Principal::claimed(&name, Role::Puller, Scope::everything()),
    };
    Asker {
        listener: head.cluster.listener.clone(),
        principal,
        client: head.client,
    }
}

impl ReviewCall<'_> {
    pub(super) fn rule(&self) -> Option<&NamespaceRule> {
        self.cluster.rule(self.request.namespace())
    }

    pub(super) fn place(&self) -> Place {
        Place {
            cluster: self.cluster.name.clone(),
            namespace: printable(self.request.namespace(), 63).into(),
            workload: self.request.workload().into(),
        }
    }

    pub(super) fn admission<'b>(
        &'b self,
        place: &'b Place,
        reached_by: Option<&'b str>,
    ) -> Admission<'b> {
        Admission {
            asker: &self.asker,
            place,
            mode: self.rule().and_then(|rule| rule.mode),
            reached_by,
            dry_run: self.request.is_dry_run(),
            now: self.now,
            started: self.started,
        }
    }

    pub(super) fn reached_by(&self) -> Option<String> {
        let reached_by = self.cluster.callbacks.reached_by.as_ref()?;
        reached_by(self.request.namespace(), self.request.pod())
    }

    /// A ReplicaSet hides why it cannot make its Pods: its owner is told.
    pub(super) fn tell_owner(&self, judged: &[Judged], answer: &AdmissionResponse) {
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
pub(super) fn target(image: &NamedImage) -> Target {
    Target {
        repository: image.repository.clone(),
        namespace: None,
        by_host: false,
    }
}
