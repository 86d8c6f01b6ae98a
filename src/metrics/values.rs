//! The values of labels: each label that does not name something of the
//! configuration has a closed list.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

use crate::trust::{DenialReason, Door, Mode, Outcome};

/// Writes a type's `as_str` as the value of a label.
macro_rules! encoded_as_word {
    ($($name:ident by $word:ident),* $(,)?) => {$(
        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                EncodeLabelValue::encode(&self.$word(), encoder)
            }
        }
    )*};
}

/// An enum of words: `ALL` of them, and `as_str` as scrapers see them.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$each])* $variant),* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        encoded_as_word!($name by as_str);
    };
}

encoded_as_word!(Door by as_str, Outcome by as_str, DenialReason by code, Mode by as_str);

words! {
    /// What becomes of a container that a runtime asks a node's agent about.
    StartOutcome {
        Permitted = "permitted",
        /// Something speaks against it, and it starts all the same.
        LetStart = "let-start",
        Refused = "refused",
    }
}

words! {
    /// How a canary ended that an agent sent through the runtime.
    CanaryEnd {
        Refused = "refused",
        /// There is no gate.
        LetStart = "let-start",
        /// The runtime could not be asked.
        Failed = "failed",
    }
}

words! {
    /// What a client pulls.
    ContentKind { Manifest = "manifest", Blob = "blob" }
}

words! {
    /// Where the bytes of an answer came from.
    ContentSource {
        /// Memory or disk.
        Cache = "cache",
        /// The remote tier, or the client was led there.
        Remote = "remote",
        Upstream = "upstream",
    }
}

words! {
    /// How an image is in use.
    ImageUse {
        /// A Pod runs it, as far as clusters are followed.
        Running = "running",
        Pulled = "pulled",
    }
}

words! {
    /// What of the future denies an image.
    DenialCause {
        ScanStale = "scan-stale",
        /// What served it although its scan was stale, or its report had become worse.
        Grace = "grace-ends",
        Exception = "exception-ends",
        Advisory = "advisory-ends",
        Vouching = "vouching-ends",
        BreakGlass = "break-glass-ends",
        Mode = "mode-ends",
        Other = "ends",
    }
}

words! {
    /// What became of a message.
    NotificationResult {
        Sent = "sent",
        /// It is tried again.
        Failed = "failed",
        /// It was tried for a day.
        Dropped = "dropped",
    }
}

words! {
    /// What became of a span of a trace.
    SpanResult {
        Sent = "sent",
        /// The collector did not take it.
        Failed = "failed",
        /// There was no room for it.
        Dropped = "dropped",
    }
}

words! {
    /// What lies on a disk.
    Disk { Cache = "cache", Data = "data" }
}

words! {
    /// How a look-up in the cache ended.
    LookUp { Hit = "hit", Miss = "miss" }
}

words! {
    /// Which of a cluster's webhooks.
    WebhookName { Mutate = "mutate", Validate = "validate" }
}

words! {
    /// What a webhook answered.
    ReviewVerdict {
        Allowed = "allowed",
        Denied = "denied",
        /// An error, or a review that could not be read.
        Unanswered = "unanswered",
    }
}

words! {
    /// The verdict that a running Pod would get if it were created now.
    PodVerdict { Allowed = "allowed", Denied = "denied" }
}

words! {
    /// The methods that upstreams are asked with.
    UpstreamMethod { Head = "HEAD", Get = "GET" }
}

words! {
    /// Why an upstream could not be used for what was asked.
    UpstreamCause {
        /// It, or its token server, refuses our credentials.
        RefusedCredentials = "refused-credentials",
        /// Ours could not be had: their command failed.
        NoCredentials = "no-credentials",
        /// It knows us, and does not let us.
        Forbidden = "forbidden",
        /// It leads to a host where nothing of ours may go.
        RefusedHost = "refused-host",
        /// The bytes are not those that were asked for.
        WrongBytes = "wrong-bytes",
        TooLarge = "too-large",
        /// It answers what the specification does not allow.
        UnreadableAnswer = "unreadable-answer",
        RateLimited = "rate-limited",
        /// Nothing came in time.
        TimedOut = "timed-out",
        /// Its name does not resolve, or no connection comes about.
        Unreachable = "unreachable",
        /// The egress proxy refuses to lead there.
        Proxy = "proxy",
        /// The connection or the body broke off.
        BrokenOff = "broken-off",
        /// It shows a certificate that is not trusted, or none.
        Tls = "tls",
        /// It answers with a 5xx.
        ServerError = "server-error",
        /// It was not asked, after repeated failures.
        LeftAlone = "left-alone",
        /// It was not asked, since too many calls to it are under way.
        Busy = "busy",
    }
}

words! {
    /// What is asked of the remote tier.
    RemoteOperation {
        /// To read an object.
        Open = "open",
        /// Whether it is there.
        Find = "find",
        Write = "write",
        /// To note a pull.
        Mark = "mark",
        Remove = "remove",
        List = "list",
        /// To make an address for a client.
        Redirect = "redirect",
        /// Whether it answers at all.
        Probe = "probe",
    }
}

words! {
    /// How that ended.
    RemoteResult {
        Ok = "ok",
        Absent = "absent",
        /// Nothing came within the bound.
        Slow = "slow",
        Failed = "failed",
        /// It was not asked, after failures.
        Resting = "resting",
        /// It holds other bytes, or another length, than its name says.
        Wrong = "wrong",
    }
}

words! {
    /// Which way bytes went.
    RemoteDirection { Read = "read", Written = "written" }
}

words! {
    /// Why something was not written to the remote tier.
    RemoteDrop {
        /// The queue has no room.
        Full = "full",
        /// It left the local disk first.
        Gone = "gone",
        /// The local file is damaged.
        Damaged = "damaged",
        /// It failed too often.
        GivenUp = "given-up",
    }
}

words! {
    /// What the remote tier is used for.
    RemoteUse { Read = "read", Write = "write" }
}

words! {
    /// Whether an exception holds.
    ExceptionState {
        Active = "active",
        /// Holds, and ends soon.
        Expiring = "expiring",
        Expired = "expired",
    }
}

words! {
    /// Which files a policy comes from.
    PolicyFileKind {
        Config = "config",
        Exceptions = "exceptions",
        Advisories = "advisories",
    }
}

words! {
    /// What records are written to.
    RecordStore {
        /// The audit log.
        Audit = "audit",
        Ledger = "ledger",
    }
}

words! {
    /// Work that one replica at a time does.
    SharedWork {
        /// Copying acts to the audit log.
        Acts = "acts",
        /// Telling people of what they asked to be told of.
        Notifications = "notifications",
        /// Removing what is old.
        Pruning = "pruning",
        /// Judging again what runs, when something changed.
        Rejudging = "rejudging",
        /// Keeping webhook configurations in force.
        Webhooks = "webhooks",
    }
}

words! {
    /// What the ledger is asked to do.
    LedgerVerb {
        BindScans = "bind_scans",
        DecidedSince = "decided_since",
        DeniedSince = "denied_since",
        EndBreakGlass = "end_break_glass",
        EndModes = "end_modes",
        Evidence = "evidence",
        FindingsNaming = "findings_naming",
        FirstNamed = "first_named",
        FollowOnce = "follow_once",
        GrantBreakGlass = "grant_break_glass",
        KnownImages = "known_images",
        KnownPlaces = "known_places",
        LastPass = "last_pass",
        NoteFacts = "note_facts",
        PackagesNamed = "packages_named",
        Promote = "promote",
        RecordAlias = "record_alias",
        RecordClosure = "record_closure",
        RecordDecisions = "record_decisions",
        RecordAct = "record_act",
        Reinstate = "reinstate",
        Revoke = "revoke",
        ScanCoverage = "scan_coverage",
        ScansNaming = "scans_naming",
        SetMode = "set_mode",
        SubmitScan = "submit_scan",
        SubmitUnbound = "submit_unbound",
        UnboundScans = "unbound_scans",
    }
}
