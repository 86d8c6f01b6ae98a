//! Lifetimes of certificates, and the times of a CA change.

use jiff::SignedDuration;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The lives of certificates, and the time that a change of CA takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Life of what listeners show. It is renewed after two thirds.
    pub leaf: SignedDuration,
    /// Life of a CA. Its successor enters the bundle when two thirds have passed.
    pub authority: SignedDuration,
    /// How long a new CA stands in the bundle before it signs: time for everybody
    /// to read the bundle, also for machines whose files people write.
    pub overlap: SignedDuration,
    /// Certificates begin this much earlier, for clocks that are behind.
    pub backdate: SignedDuration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            leaf: DAY * 90,
            authority: DAY * (5 * 365),
            overlap: DAY * 180,
            backdate: SignedDuration::from_hours(1),
        }
    }
}
