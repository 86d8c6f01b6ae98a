//! Random histories, and how a bad one becomes short.

use super::site::{APP, FIRST, IMAGES, INDEX, ITEMS, OTHER, Place, SOLE, TAGS};
use super::step::{Advice, Env, Hand, PRODUCTION, Played, Step, Trouble};

/// Digests of [`super::site::Site::named`].
const NAMED: u64 = 11;

/// Numbers that a seed determines (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64)]
    }

    /// A history of `length` steps over so many replicas.
    pub fn history(&mut self, length: usize, replicas: u64) -> Vec<Played> {
        let mut history = Vec::new();
        // Otherwise most images are not scanned for most of the time.
        for item in [FIRST, self.below(IMAGES as u64)] {
            let scan = Step::Scan(item, (false, false), Hand::Trivy, 1);
            history.push(Played { at: 0, step: scan });
        }
        while history.len() < length {
            let (at, step) = (self.below(replicas), self.step());
            history.push(Played { at, step });
        }
        history
    }

    fn environment(&mut self) -> Env {
        // Production demands more.
        self.pick(&[PRODUCTION, PRODUCTION, 1])
    }

    fn place(&mut self) -> Place {
        self.pick(&[APP, APP, OTHER])
    }

    fn within(&mut self) -> Option<Env> {
        self.one_in(4).then(|| self.environment())
    }

    fn step(&mut self) -> Step {
        match self.below(32) {
            0..5 => self.scan(),
            5..10 => self.promote(),
            10..13 => Step::Revoke(self.below(NAMED), self.within()),
            13..15 => Step::Reinstate(self.below(NAMED), self.within()),
            15 => Step::BreakGlass(self.below(ITEMS as u64), self.environment(), self.one_in(2)),
            16 => Step::EndBreakGlass,
            17 => {
                let mode = self.pick(&["audit", "warn", "enforce"]);
                Step::Mode(self.environment(), mode, self.pick(&[2, 30]))
            }
            18 => Step::EndMode(self.environment()),
            19..21 => Step::Advise(self.advice()),
            21 => Step::AdviseNothing,
            22..24 => Step::Accept(self.place(), self.one_in(2), self.pick(&[0, 1, 9])),
            24 => self.pick(&[Step::AcceptNothing, Step::WithdrawNarrow]),
            25..27 => Step::MoveTag(self.below(TAGS.len() as u64), self.below(ITEMS as u64)),
            27..29 => Step::Clock(self.pick(&[1, 3, 24, 24, 216, 744, -1, -24, -48, -744])),
            29 => self.pick(&[Step::Restart, Step::LoseCache]),
            30 => Step::Upstream(self.trouble()),
            _ => Step::Upstream(Trouble::None),
        }
    }

    fn trouble(&mut self) -> Trouble {
        // An upstream that fails is left alone for seconds, so that this takes long.
        match self.one_in(8) {
            true => Trouble::Fails,
            false => self.pick(&[Trouble::Refuses, Trouble::Empty, Trouble::Lies]),
        }
    }

    fn scan(&mut self) -> Step {
        let found = self.pick(&[
            (false, false),
            (false, false),
            (true, false),
            (false, true),
            (true, true),
        ]);
        let hand = self.pick(&[
            Hand::Trivy,
            Hand::Trivy,
            Hand::Trivy,
            Hand::Grype,
            Hand::Narrow,
        ]);
        let item = match hand {
            Hand::Narrow => FIRST,
            Hand::Trivy | Hand::Grype => self.below(IMAGES as u64),
        };
        Step::Scan(item, found, hand, self.pick(&[0, 1, 1, 30, 700, 740]))
    }

    fn promote(&mut self) -> Step {
        let place = self.place();
        let item = match place {
            APP => self.pick(&[FIRST, FIRST, 1, 2, 3, INDEX, INDEX, 5, SOLE]),
            _ => FIRST,
        };
        Step::Promote(place, item, self.environment(), !self.one_in(3))
    }

    fn advice(&mut self) -> Advice {
        match self.below(4) {
            0 => Advice::BlockMedium,
            1 => Advice::BlockDigest(self.below(NAMED)),
            2 => Advice::RaiseMedium,
            _ => Advice::LowerCritical(self.pick(&[0, 1, 9])),
        }
    }
}

/// The shortest that is left of `history` when parts of it are taken out, one after the
/// other, as long as `fails` says that the rest still does.
pub async fn shrunk<F: Future<Output = bool>>(
    mut history: Vec<Played>,
    mut fails: impl FnMut(Vec<Played>) -> F,
) -> Vec<Played> {
    let mut part = history.len() / 2;
    while part > 0 {
        let mut from = 0;
        while from < history.len() {
            let mut rest = history.clone();
            rest.drain(from..history.len().min(from + part));
            match fails(rest.clone()).await {
                true => history = rest,
                false => from += part,
            }
        }
        part /= 2;
    }
    history
}
