//! Every metric of the program, with its labels and the values that they can have.
//!
//! No image and no digest is ever a label value, so that the number of series is
//! bounded by the configuration. `docs/metrics.md` is made from this room.

mod activity;
mod agent_handles;
mod condition_handles;
mod gauge_table;
mod handles;
mod labels;
mod meaning;
mod node_handles;
mod registration;
mod remote_handles;
mod replica_handles;
mod values;
mod watch_handles;

pub use activity::{Activity, ActivityKey, ActivityMinute, ActivityVerdict, CacheActivity};
pub use agent_handles::AgentMetrics;
pub use condition_handles::ConditionMetrics;
pub use gauge_table::GaugeTable;
pub use handles::Metrics;
pub use labels::{
    AdmissionLabels, CacheLabels, CanaryLabels, DecisionLabels, DeniedInUseLabels, DeniedLabels,
    DeniedSoonLabels, DiskLabels, EnvironmentLabels, ExceptionLabels, LedgerLabels, ListenerLabels,
    ModeLabels, NotificationLabels, NotifyTargetLabels, PodsRaisedLabels, PolicyFileLabels,
    PullLabels, RecordStoreLabels, RemoteBytesLabels, RemoteDropLabels, RemoteFailingLabels,
    RemoteRequestLabels, SharedWorkLabels, SpanLabels, StartLabels, UpstreamFailureLabels,
    UpstreamLabels, UpstreamRequestLabels, WebhookArmedLabels,
};
pub use remote_handles::RemoteMetrics;
pub use replica_handles::ReplicaMetrics;
pub use values::{
    CanaryEnd, ContentKind, ContentSource, DenialCause, Disk, ExceptionState, ImageUse, LedgerVerb,
    LookUp, NotificationResult, PodVerdict, PolicyFileKind, RecordStore, RemoteDirection,
    RemoteDrop, RemoteOperation, RemoteResult, RemoteUse, ReviewVerdict, SharedWork, SpanResult,
    StartOutcome, UpstreamCause, UpstreamMethod, WebhookName,
};
pub use watch_handles::WatchMetrics;
