//! What is wrong with one `hosts.toml`.

pub(super) const UNREAD_HINT: &str =
    "containerd cannot read that, ignores the file and goes to the registry itself";
pub(super) const WRITE_HINT: &str = "write it with `sekisho node-config`";

/// A flaw of one file: what, why it matters, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostsFlaw {
    pub open: bool,
    pub what: String,
    pub why: &'static str,
    pub next_step: &'static str,
}

pub(super) fn open(
    what: impl Into<String>,
    why: &'static str,
    next_step: &'static str,
) -> HostsFlaw {
    HostsFlaw {
        open: true,
        what: what.into(),
        why,
        next_step,
    }
}

/// A file that is named and not there.
pub(super) fn absent(path: &str) -> HostsFlaw {
    HostsFlaw {
        open: false,
        what: format!("it names {path}, which is not there"),
        why: "containerd refuses every pull until it is",
        next_step: "put the file there, or write both with `sekisho node-config --ca FILE`",
    }
}
