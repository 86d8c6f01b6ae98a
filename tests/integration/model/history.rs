//! Random histories, and how a bad one becomes short.

use std::ops::Range;

use super::site::{ALIAS, APP, FIRST, INDEX, Item, ON_AMD, ON_ARM, OTHER, Place, SOLE, TAGS};
use super::step::{Advice, Env, Hand, PRODUCTION, Played, Step, Trouble};

/// What steps are rolled by: see [`Dice::step`].
const FACES: usize = 35;
/// Kinds of steps, by what is rolled. A history has the first always, and of the others some.
const KINDS: [Range<usize>; 9] = [
    0..10,
    10..15,
    15..20,
    20..26,
    26..27,
    27..29,
    29..31,
    31..33,
    33..FACES,
];

/// Images that have something to do with each other.
struct Family {
    items: &'static [Item],
    /// Those of them that a scanner can report on.
    images: &'static [Item],
    /// Their digests, in [`super::site::Site::named`]; what most rests on is there twice.
    named: &'static [usize],
}

const ALL: Family = Family {
    items: &[FIRST, 1, ON_AMD, ON_ARM, INDEX, ALIAS, SOLE],
    images: &[FIRST, 1, ON_AMD, ON_ARM],
    named: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
};
const OF_FIRST: Family = Family {
    items: &[FIRST, ALIAS, SOLE],
    images: &[FIRST],
    named: &[0, 5, 5, 6, 6, 7, 8, 9],
};
const OF_INDEX: Family = Family {
    items: &[INDEX, ON_AMD, ON_ARM],
    images: &[ON_AMD, ON_ARM],
    named: &[2, 3, 4, 7, 10],
};

/// Numbers that a seed determines (SplitMix64), and what a history is about: a few kinds of
/// steps on a few images meet more often than all of them on all.
pub struct Dice {
    state: u64,
    family: &'static Family,
    /// What may be rolled.
    faces: Vec<usize>,
}

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self {
            state: seed,
            family: &ALL,
            faces: (0..FACES).collect(),
        }
    }

    fn choose(&mut self) {
        self.family = self.pick(&[&ALL, &OF_FIRST, &OF_INDEX]);
        let are_all = self.one_in(4);
        let mut kinds = KINDS.to_vec();
        let first = kinds.remove(0);
        kinds.retain(|_| are_all || self.one_in(2));
        self.faces = kinds.into_iter().flatten().chain(first).collect();
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
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
        self.choose();
        let mut history = Vec::new();
        // Otherwise most images are not scanned for most of the time.
        for item in [FIRST, self.pick(self.family.images)] {
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

    fn item(&mut self) -> Item {
        self.pick(self.family.items)
    }

    fn within(&mut self) -> Option<Env> {
        self.one_in(4).then(|| self.environment())
    }

    fn step(&mut self) -> Step {
        match self.pick(&self.faces.clone()) {
            0..5 => self.scan(),
            5..10 => self.promote(),
            10..13 => Step::Revoke(self.pick(self.family.named), self.within()),
            13..15 => Step::Reinstate(self.pick(self.family.named), self.within()),
            15..17 => Step::BreakGlass(self.item(), self.environment(), self.one_in(2)),
            17 => Step::EndBreakGlass,
            18 => {
                let mode = self.pick(&["audit", "warn", "enforce"]);
                Step::Mode(self.environment(), mode, self.pick(&[2, 30]))
            }
            19 => Step::EndMode(self.environment()),
            20..22 => Step::Advise(self.advice()),
            22 => Step::AdviseNothing,
            23..25 => Step::Accept(self.place(), self.one_in(2), self.pick(&[0, 1, 9])),
            25 => Step::AcceptNothing,
            26 => Step::WithdrawNarrow,
            27..29 => Step::MoveTag(self.below(TAGS.len() as u64), self.item()),
            29..31 => Step::Clock(self.pick(&[1, 3, 24, 24, 216, 744, -1, -24, -48, -744])),
            31..33 => self.pick(&[Step::Restart, Step::LoseCache]),
            33 => Step::Upstream(self.trouble()),
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
            Hand::Trivy | Hand::Grype => self.pick(self.family.images),
        };
        Step::Scan(item, found, hand, self.pick(&[0, 1, 1, 30, 700, 740]))
    }

    fn promote(&mut self) -> Step {
        let place = self.place();
        let item = match place {
            APP => self.item(),
            _ => FIRST,
        };
        Step::Promote(place, item, self.environment(), !self.one_in(3))
    }

    fn advice(&mut self) -> Advice {
        match self.below(4) {
            0 => Advice::BlockMedium,
            1 => Advice::BlockDigest(self.pick(self.family.named)),
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
