//! One thing that happens, as it is read in a history.

use std::fmt;

use super::site::{Item, PLACES, Place, Site, TAGS};

pub const ENVIRONMENTS: [&str; 2] = ["production", "staging"];
/// An environment, by its number.
pub type Env = usize;
pub const PRODUCTION: Env = 0;

/// What a report finds: a medium finding, a critical one.
pub type Found = (bool, bool);

/// Whose report it is: a scanner, and a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hand {
    Trivy,
    /// Finds nothing, ever.
    Grype,
    /// Trivy, handed in by a token of the other repository alone. (All promotions there are
    /// made with such a token, too.)
    Narrow,
}

/// An entry of the security department.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    BlockMedium,
    /// A digest of [`Site::named`].
    BlockDigest(usize),
    /// What is medium counts as critical.
    RaiseMedium,
    /// What is critical counts as low, until the end of the day so many days ahead.
    LowerCritical(i64),
}

/// What is wrong with the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Everything is 503.
    Fails,
    /// Everything is 403.
    Refuses,
    /// Nothing is there.
    Empty,
    /// Other bytes than asked for.
    Lies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The report's age is in hours.
    Scan(Item, Found, Hand, i64),
    /// Forced or not, under the first tag or none.
    Promote(Place, Item, Env, bool),
    Revoke(usize, Option<Env>),
    Reinstate(usize, Option<Env>),
    /// Two hours; whether it lifts a revocation.
    BreakGlass(Item, Env, bool),
    EndBreakGlass,
    /// A mode for so many hours.
    Mode(Env, &'static str, u32),
    EndMode(Env),
    Advise(Advice),
    AdviseNothing,
    /// Accepts the medium or (`true`) the critical finding in a repository, until the end of
    /// the day so many days ahead.
    Accept(Place, bool, i64),
    AcceptNothing,
    /// Those who speak for the other repository alone are withdrawn with all that they said.
    WithdrawNarrow,
    MoveTag(usize, Item),
    /// The clock moves by so many hours, also back.
    Clock(i64),
    Restart,
    /// As [`Self::Restart`], and nothing is cached any more.
    LoseCache,
    Upstream(Trouble),
}

/// A step, and which of the replicas it happens at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    pub at: usize,
    pub step: Step,
}

/// For readers: numbers become names.
pub struct Told<'a>(pub &'a Site, pub Played);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(site, Played { at, step }) = self;
        let item = |item: &Item| site.manifests[*item].name;
        let named = |number: &usize| site.named().swap_remove(*number).0;
        let within = |env: &Option<Env>| env.map_or("everywhere", |it| ENVIRONMENTS[it]);
        write!(f, "[{at}] ")?;
        match step {
            Step::Scan(of, (medium, critical), hand, age) => write!(
                f,
                "{hand:?} reports on {}: medium {medium}, critical {critical}, {age} h ago",
                item(of)
            ),
            Step::Promote(place, of, env, force) => {
                let (place, env) = (PLACES[*place], ENVIRONMENTS[*env]);
                write!(f, "promote {} of {place} to {env}, force {force}", item(of))
            }
            Step::Revoke(of, env) => write!(f, "revoke {} in {}", named(of), within(env)),
            Step::Reinstate(of, env) => write!(f, "reinstate {} in {}", named(of), within(env)),
            Step::BreakGlass(of, env, revoked) => {
                let env = ENVIRONMENTS[*env];
                write!(
                    f,
                    "break glass for {} in {env}, revoked {revoked}",
                    item(of)
                )
            }
            Step::EndBreakGlass => write!(f, "end every break-glass"),
            Step::Mode(env, mode, hours) => {
                write!(f, "mode {mode} in {} for {hours} h", ENVIRONMENTS[*env])
            }
            Step::EndMode(env) => write!(f, "end the mode in {}", ENVIRONMENTS[*env]),
            Step::Advise(Advice::BlockDigest(of)) => write!(f, "advisory: block {}", named(of)),
            Step::Advise(advice) => write!(f, "advisory: {advice:?}"),
            Step::AdviseNothing => write!(f, "no advisories"),
            Step::Accept(place, critical, days) => {
                let place = PLACES[*place];
                write!(
                    f,
                    "exception in {place}, critical {critical}, for {days} days"
                )
            }
            Step::AcceptNothing => write!(f, "no exceptions"),
            Step::WithdrawNarrow => {
                write!(f, "withdraw what was said for the other repository alone")
            }
            Step::MoveTag(tag, of) => write!(f, "tag {} moves to {}", TAGS[*tag], item(of)),
            Step::Clock(hours) => write!(f, "the clock moves by {hours} h"),
            Step::Restart => write!(f, "restart"),
            Step::LoseCache => write!(f, "restart, with nothing cached"),
            Step::Upstream(Trouble::None) => write!(f, "the upstream is well again"),
            Step::Upstream(trouble) => write!(f, "the upstream: {trouble:?}"),
        }
    }
}
