//! The labels of each metric.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

use super::{
    CanaryEnd, ContentKind, ContentSource, DenialCause, Disk, ExceptionState, ImageUse, LedgerVerb,
    LookUp, NotificationResult, PodVerdict, PolicyFileKind, RecordStore, RemoteDirection,
    RemoteDrop, RemoteOperation, RemoteResult, RemoteUse, ReviewVerdict, SharedWork, SpanResult,
    StartOutcome, UpstreamCause, UpstreamMethod, WebhookName,
};
use crate::trust::{DenialReason, Door, Mode, Outcome};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabels {
    pub door: Door,
    pub environment: Arc<str>,
    /// Empty where the name leads to none.
    pub upstream: Arc<str>,
    pub verdict: Outcome,
    /// The first reason; `None`, and so empty, where nothing speaks against it.
    pub reason: Option<DenialReason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeniedLabels {
    pub environment: Arc<str>,
    pub reason: DenialReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeniedInUseLabels {
    pub environment: Arc<str>,
    pub reason: DenialReason,
    pub usage: ImageUse,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeniedSoonLabels {
    pub environment: Arc<str>,
    /// What ends.
    pub cause: DenialCause,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EnvironmentLabels {
    pub environment: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DiskLabels {
    pub disk: Disk,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct NotificationLabels {
    pub target: Arc<str>,
    pub result: NotificationResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SpanLabels {
    pub result: SpanResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct NotifyTargetLabels {
    pub target: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AdmissionLabels {
    pub cluster: Arc<str>,
    pub webhook: WebhookName,
    pub verdict: ReviewVerdict,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PodsRaisedLabels {
    pub cluster: Arc<str>,
    pub verdict: PodVerdict,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WebhookArmedLabels {
    pub cluster: Arc<str>,
    /// Kind and name, as in `kubectl get`.
    pub configuration: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PullLabels {
    pub kind: ContentKind,
    pub source: ContentSource,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CacheLabels {
    pub kind: ContentKind,
    pub result: LookUp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RemoteRequestLabels {
    pub operation: RemoteOperation,
    pub result: RemoteResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RemoteBytesLabels {
    pub direction: RemoteDirection,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RemoteDropLabels {
    pub reason: RemoteDrop,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RemoteFailingLabels {
    /// What it cannot be used for.
    pub operation: RemoteUse,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UpstreamRequestLabels {
    pub upstream: Arc<str>,
    pub method: UpstreamMethod,
    /// Of HTTP; 0 where no answer came.
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UpstreamFailureLabels {
    pub upstream: Arc<str>,
    pub cause: UpstreamCause,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct UpstreamLabels {
    pub upstream: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ListenerLabels {
    /// The address that is bound.
    pub listener: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ModeLabels {
    pub environment: Arc<str>,
    pub mode: Mode,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LedgerLabels {
    pub verb: LedgerVerb,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ExceptionLabels {
    pub state: ExceptionState,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PolicyFileLabels {
    pub kind: PolicyFileKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RecordStoreLabels {
    pub store: RecordStore,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SharedWorkLabels {
    pub work: SharedWork,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StartLabels {
    pub outcome: StartOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CanaryLabels {
    pub end: CanaryEnd,
}
