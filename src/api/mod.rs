//! The admin API's bodies, as they travel: what the admin door takes and gives,
//! and what the commands send and read.
//!
//! Pure. One file per resource; each begins with the path it lies at. Both sides
//! use these very types, so they cannot drift apart. Times are RFC 3339, digests
//! and names are strings that go through the parsers of [`crate::oci`].

mod act;
mod activity;
mod advisory;
mod audit_seal;
mod binding;
mod csv;
mod decision;
mod decision_stream;
mod denial_group;
mod due;
mod error;
mod exception;
mod exception_draft;
mod finding;
mod forecast;
mod image_detail;
mod image_search;
mod node;
mod node_snapshot_query;
mod notification;
mod overrides;
mod passing;
mod promotion;
mod replay;
mod replica;
mod revocation;
mod scan;
mod spreadsheet;
mod status;
mod token;
mod unknown;
mod verdict;

pub use act::{ACTS, ActList, ActQuery, ActRecord, MAX_ACTS};
pub use activity::{
    ACTIVITY, ActivityQuery, ActivityView, CacheActivityView, EnvironmentActivity, ReasonActivity,
    RepositoryActivity, RepositoryDenials, RepositoryPulls,
};
pub use advisory::{ADVISORIES, AdvisoryList, AdvisoryView};
pub use audit_seal::{AUDIT_SEALS, AuditSealList, AuditSealView};
pub use binding::{BINDINGS, BindingAnswer, BindingRequest};
pub use csv::csv;
pub use decision::{DECISIONS, DecisionList, DecisionQuery, DecisionRecord, MAX_DECISIONS};
pub use decision_stream::{
    DECISION_STREAM, DecisionStreamQuery, STREAM_DECISION, STREAM_END, STREAM_GAP, StreamEnd,
    StreamEndReason, StreamGap,
};
pub use denial_group::{
    AskerView, DENIAL_GROUPS, DenialGroupList, DenialGroupQuery, DenialGroupView, MAX_DENIAL_GROUPS,
};
pub use due::{DUE, DueList, DueQuery, DueView};
pub use error::{ErrorBody, ErrorCode, ErrorDetail};
pub use exception::{EXCEPTIONS, ExceptionList, ExceptionView, PolicyEntryState};
pub use exception_draft::{DraftWords, ExceptionDraft, TO_BE_WRITTEN};
pub use finding::{AppliedPolicyView, FindingView, MAX_FINDINGS_SHOWN};
pub use forecast::{
    CertificateEndView, FORECAST, ForecastCoverage, ForecastList, ForecastQuery, ForecastReason,
    ForecastView, MAX_FORECAST_HOURS, MAX_FORESEEN,
};
pub use image_detail::{
    ImageDetail, ImageDetailQuery, ImageScanView, LineageView, PromotedView, RevokedView,
};
pub use image_search::{
    CoverageView, IMAGES, ImageDenialView, ImageList, ImageQuery, ImageView, LastPullView,
    MAX_IMAGES_LISTED, MatchView, PodWatchView, RunningPodView,
};
pub use node::{
    DELTA_MEDIA_TYPE, MAX_NODE_EVENTS, NODE_EVENTS, NODE_SNAPSHOT, NodeContainer, NodeDenial,
    NodeEventBatch, SNAPSHOT_MEDIA_TYPE,
};
pub use node_snapshot_query::NodeSnapshotQuery;
pub use notification::{NOTIFY_TESTS, NotifyTestAnswer, NotifyTestRequest, NotifyTestView};
pub use overrides::{
    BREAK_GLASS, BreakGlassEnded, BreakGlassList, BreakGlassRequest, BreakGlassView, EndQuery,
    MODES, ModeEnded, ModeList, ModeRequest, ModeView,
};
pub use passing::{MAX_JUDGED, PASSING, PassingList, PassingQuery, PassingView};
pub use promotion::{PROMOTIONS, PromotionAnswer, PromotionRequest, no_link};
pub use replay::{
    MAX_REPLAY_BYTES, PolicyText, REPLAYS, ReplayAnswer, ReplayRequest, ReplayedChange,
    VerdictSummaryView,
};
pub use replica::{REPLICAS, ReplicaList, ReplicaView};
pub use revocation::{
    ListedRevocation, REINSTATEMENTS, REVOCATIONS, ReinstatementAnswer, RevocationAnswer,
    RevocationList, RevocationRequest,
};
pub use scan::{
    FormatChoice, MAX_SCAN_BYTES, NewerScanView, SCANS, ScanAnswer, ScanSubmission, ScanTimeSource,
    SeverityCounts, ToolView,
};
pub use status::{
    AuditStatus, CacheStatus, ClusterStatus, EnvironmentStatus, ExposureWatchState, LedgerStatus,
    ListenerStatus, NotifyTargetStatus, PRODUCT, ReasonCount, RemoteTierStatus, STATUS, Status,
    UpstreamState, UpstreamStatus,
};
pub use token::{TOKENS, TokenList, TokenRequest, TokenRevoked, TokenSecret, TokenView};
pub use verdict::{
    CheckView, DenialView, ExposureSourceKind, ExposureView, VERDICTS, VerdictQuery, VerdictView,
};
