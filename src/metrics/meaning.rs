//! The meaning of each metric, in one sentence for scrapers and for `docs/metrics.md`.

pub(super) const BUILD: &str = "What is running";
pub(super) const DECISIONS: &str = "Decisions, one for each answer that was given";
pub(super) const DECISIONS_COLLAPSED: &str = "Passes that a full queue turned into mere counts";
pub(super) const DECISIONS_WAITING: &str =
    "Decisions that wait to be written, since the store could not be";
pub(super) const DECISIONS_UNINDEXED: &str =
    "Decisions that the audit log has and the ledger lacks: more waited than there was room for";
pub(super) const FEED_READERS: &str = "Readers of the live feed of decisions";
pub(super) const FEED_READERS_DROPPED: &str =
    "Readers of the live feed that were too slow and had to come again";
pub(super) const STORE_FAILING: &str = "1 while the audit log or the ledger cannot be written";
pub(super) const DENIED_IMAGES: &str =
    "Distinct images denied in the last hour and not let through since, by their last reason";
pub(super) const DENIED_IN_USE: &str = "Distinct digests that run, or were pulled within a week, and would be denied now; where nodes have agents, within half a year what must not start";
pub(super) const DENIED_SOON: &str =
    "Images in use that are let in now, and will be denied within a day, by what ends";
pub(super) const UPSTREAM_UP: &str =
    "1 where an upstream answered last, 0 where it failed; absent until it is asked";
pub(super) const DISK_FREE_BYTES: &str =
    "Bytes that are free on the disk of the cache, and of the data";
pub(super) const CACHE_MAX_BYTES: &str = "Bytes that the cache may hold on disk";
pub(super) const CONTENT_MEMORY_BYTES: &str = "Bytes that manifests and small blobs, and pieces of large ones that several read, take in \
     memory; of each of the two 256 MiB at most";
pub(super) const RESIDENT_MEMORY_BYTES: &str = "Bytes of memory that the process takes";
pub(super) const CACHE_EVICTED_BYTES: &str =
    "Bytes that went from the disk to make room for others";
pub(super) const CACHE_DAMAGED_FILES: &str =
    "Stored files that the disk had damaged, and that were removed to be fetched again";
pub(super) const MODE_OVERRIDDEN: &str =
    "1 while an environment is in another mode than configured, for some hours";
pub(super) const LEDGER_SILENT_SECONDS: &str =
    "How long ago the ledger was last known to be followed up to its newest change";
pub(super) const NODE_SNAPSHOT_SEQUENCE: &str =
    "The ledger's number of the newest change that agents on nodes are told of";
pub(super) const NODE_SNAPSHOT_DENIED: &str = "Digests that agents on nodes are told to refuse";
pub(super) const NODE_AGENTS: &str = "Nodes whose agents told of themselves within an hour";
pub(super) const NODE_AGENTS_SILENT: &str =
    "Of these, nodes whose agents told nothing for twelve minutes";
pub(super) const REJUDGED: &str = "Images in use that were judged anew before a pull asked";
pub(super) const REJUDGE_WAITING: &str = "Images in use that wait to be judged anew";
pub(super) const NOTIFICATIONS: &str =
    "Messages of notifications: sent, failed and tried again, or dropped after a day";
pub(super) const NOTIFICATIONS_WAITING: &str =
    "Things that messages tell of which are not sent yet";
pub(super) const SPANS: &str =
    "Spans of traces: sent, not taken by the collector, or dropped for want of room";
pub(super) const DECISION_SECONDS: &str = "Time to a verdict, resolving included";
pub(super) const PODS_RAISED: &str =
    "Running Pods that became reachable from outside, by what they would be told now";
pub(super) const WEBHOOK_ARMED: &str =
    "1 where a webhook configuration is in force as it should be";
pub(super) const ADMISSION_SECONDS: &str = "Time from a review's head to its answer";
pub(super) const PULL_TTFB_SECONDS: &str =
    "Time from a pull's head to the first byte of its answer, hot manifests not included";
pub(super) const CACHE_REQUESTS: &str = "Look-ups in the cache for permitted pulls";
pub(super) const BREAK_GLASS_ACTIVE: &str = "Images that are let through under a ticket now";
pub(super) const CACHE_BYTES: &str = "Bytes of blobs and manifests on disk";
pub(super) const FILL_WAITERS: &str = "Requests waiting for bytes that another one fetches";
pub(super) const REMOTE_REQUESTS: &str =
    "Requests to the remote tier of the cache, by how they ended";
pub(super) const REMOTE_BYTES: &str =
    "Bytes of content read from the remote tier, and written there";
pub(super) const REMOTE_DROPPED: &str = "Uploads and marks for the remote tier that were given up";
pub(super) const REMOTE_WAITING: &str = "Uploads and marks that wait for the remote tier";
pub(super) const REMOTE_LAG_SECONDS: &str = "How long the first of them has waited";
pub(super) const REMOTE_FAILING: &str = "1 while the remote tier is left alone after failures";
pub(super) const REMOTE_PRUNED_BYTES: &str =
    "Bytes removed from the remote tier, since they were not pulled for long";
pub(super) const UPSTREAM_REQUESTS: &str =
    "Requests sent to upstreams; the status is 0 where no answer came";
pub(super) const UPSTREAM_FAILURES: &str =
    "Calls to upstreams that came to nothing after all tries, by cause; an absence is none";
pub(super) const UPSTREAM_SECONDS: &str =
    "Time to the head of an upstream's answer, of each try by itself";
pub(super) const UPSTREAM_RATE_LIMIT_REMAINING: &str =
    "Pulls that the upstream still allows, as it last said";
pub(super) const STALE_TAGS: &str =
    "Tags answered from memory since their upstream could not be asked";
pub(super) const CERTIFICATE_EXPIRY_SECONDS: &str =
    "Seconds until the listener's certificate expires; negative once it has";
pub(super) const MODE: &str = "1 for the mode that an environment is in, 0 for the others";
pub(super) const LEDGER_SECONDS: &str = "Time that a verb of the ledger takes";
pub(super) const LEDGER_LAG: &str =
    "From a write by another process to its being in force here, by both clocks";
pub(super) const EXCEPTIONS: &str = "Exceptions in the files, by whether they hold";
pub(super) const POLICY_FILES_INVALID: &str =
    "Files of policy that are invalid: what was last good holds";
pub(super) const REPLICAS: &str = "Processes that serve this ledger, as it last told";
pub(super) const WORK_HELD: &str = "1 where this replica does what only one does";

pub(super) const AGENT_STARTS: &str =
    "Containers that a runtime asked about, by what became of them";
pub(super) const AGENT_ANSWER_SECONDS: &str =
    "Time from a runtime's question about a container to the answer";
pub(super) const AGENT_RUNTIME_CONNECTED: &str = "1 while the runtime asks this agent";
pub(super) const AGENT_GATEWAY_REACHED: &str = "1 while a gateway answers this agent";
pub(super) const AGENT_SNAPSHOT_SEQUENCE: &str =
    "The number of the snapshot in force; 0: there is none";
pub(super) const AGENT_SNAPSHOT_DENIED: &str = "Digests that the snapshot in force denies";
pub(super) const AGENT_SNAPSHOT_ISSUED: &str =
    "When the snapshot in force was issued, in seconds since 1970";
pub(super) const AGENT_SNAPSHOT_EXPIRY: &str =
    "Until when it is valid, in seconds since 1970; what it denies stays denied";
pub(super) const AGENT_SNAPSHOT_UNKEPT: &str =
    "1 while the snapshot in force cannot be written to the disk";
pub(super) const AGENT_SNAPSHOTS_REFUSED: &str =
    "Snapshots that were not taken: forged, cut off, expired or older than what is held";
pub(super) const AGENT_DENIALS_DROPPED: &str =
    "Denials that no gateway was told of, for want of room";
pub(super) const AGENT_CANARIES: &str = "Canaries that were sent through the runtime, by their end";
pub(super) const AGENT_CANARY_REFUSED: &str =
    "1 while the last canary was refused; 0: none was yet, or it was let start";
pub(super) const AGENT_EVICTIONS: &str =
    "Containers that were stopped since their image became denied";
