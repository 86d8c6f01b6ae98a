//! What one attempted pull proves about the node.
//!
//! A runtime that falls back from the gateway to the registry reports the gateway's
//! denial even so: it is the better error. So its words alone prove nothing. What
//! proves an open way is that the witness, which stands where the registry would be,
//! was asked; what proves a closed one is that it was not, and the gateway answered.

/// Texts that only Sekisho's answers contain.
const OWN_WORDS: [&str; 3] = [
    "sekisho: ",
    "no such repository upstream",
    "no such manifest upstream",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullOutcome {
    /// The gateway alone was asked, and refused.
    Closed,
    /// The registry itself was asked, or the image came.
    Open,
    /// Neither was seen.
    Unproven,
}

impl PullOutcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Unproven => "unproven",
        }
    }
}

/// Judges a pull: did it succeed, was the witness asked, what did the runtime say?
pub fn pull_outcome(pulled: bool, decoy_asked: bool, said: &str) -> PullOutcome {
    match (
        pulled || decoy_asked,
        OWN_WORDS.iter().any(|ours| said.contains(ours)),
    ) {
        (true, _) => PullOutcome::Open,
        (false, true) => PullOutcome::Closed,
        (false, false) => PullOutcome::Unproven,
    }
}
