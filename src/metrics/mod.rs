//! Every metric of the program, with its labels and the values that they can have.
//!
//! No image and no digest is ever a label value, so that the number of series is
//! bounded by the configuration. `docs/metrics.md` is made from this room.

mod handles;
mod labels;
mod meaning;
mod registration;
mod values;
mod watch_handles;

pub use handles::Metrics;
pub use labels::{
    AdmissionLabels, CacheLabels, DecisionLabels, DeniedInUseLabels, DeniedLabels, ExceptionLabels,
    LedgerLabels, ListenerLabels, ModeLabels, PodsRaisedLabels, PolicyFileLabels, PullLabels,
    RecordStoreLabels, UpstreamFailureLabels, UpstreamLabels, UpstreamRequestLabels,
    WebhookArmedLabels,
};
pub use values::{
    ContentKind, ContentSource, ExceptionState, ImageUse, LedgerVerb, LookUp, PodVerdict,
    PolicyFileKind, RecordStore, ReviewVerdict, UpstreamCause, UpstreamMethod, WebhookName,
};
pub use watch_handles::WatchMetrics;
