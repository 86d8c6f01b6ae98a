//! What one attempted pull proves.
//!
//! A runtime that falls back from the gateway to the registry reports the gateway's
//! denial even so: it is the better error. So its words alone prove nothing. What
//! proves an open way is that the witness, which stands where the registry would be,
//! was asked; what proves a closed one is that it was not, and the gateway answered.

/// Words that only Sekisho says.
const OURS: [&str; 3] = [
    "sekisho: ",
    "no such repository upstream",
    "no such manifest upstream",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway alone was asked, and refused.
    Closed,
    /// The registry itself was asked, or the image came.
    Open,
    /// Neither was seen.
    Unproven,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Unproven => "unproven",
        }
    }
}

/// Judges a pull: did it succeed, was the witness asked, what did the runtime say?
pub fn outcome(pulled: bool, witnessed: bool, said: &str) -> Outcome {
    match (
        pulled || witnessed,
        OURS.iter().any(|ours| said.contains(ours)),
    ) {
        (true, _) => Outcome::Open,
        (false, true) => Outcome::Closed,
        (false, false) => Outcome::Unproven,
    }
}
