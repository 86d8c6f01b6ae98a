//! The loop: which text is mutated next, and what a check may cost.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::mutation::{Dice, mutated};

/// How much text the suite gives a target, in bytes, and in how many rounds at most.
const SUITE_BYTES: usize = 512 << 10;
const SUITE_ROUNDS: usize = 4000;
/// Seeds that are kept, and the longest mutant.
const MAX_SEEDS: usize = 500;
const MAX_BYTES: usize = 64 << 10;
/// What a check may allocate at once: so much, and so much more for each byte of its text.
const FREE_BYTES: u64 = 256 << 10;
const BYTES_FOR_A_BYTE: u64 = 200;
/// How often it may allocate, likewise.
const FREE_COUNT: u64 = 5000;
const COUNT_FOR_A_BYTE: u64 = 20;

/// A target.
pub struct Fuzz {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    free_bytes: u64,
}

impl Fuzz {
    pub fn new<S: AsRef<[u8]>>(name: &'static str, seeds: &[S]) -> Self {
        Self {
            name,
            seeds: seeds.iter().map(|seed| seed.as_ref().to_vec()).collect(),
            words: &[],
            free_bytes: FREE_BYTES,
        }
    }

    /// Words that mean something to the reader.
    pub fn words(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    /// For a check that allocates this much whatever it is given.
    pub fn free_bytes(mut self, bytes: u64) -> Self {
        self.free_bytes = bytes;
        self
    }

    /// Gives mutants to `check`, which panics where something is wrong, and says of each how
    /// it came out. What panics is made shorter while it still does, and told.
    pub fn run(mut self, check: impl Fn(&[u8]) -> String) {
        let (seed, end) = plan(self.name);
        let mut dice = Dice::new(seed);
        let mut seen = HashSet::new();
        for seed in self.seeds.clone() {
            seen.insert(self.one(&seed, &check));
        }
        let (mut rounds, mut bytes) = (0, 0);
        while end.is_not_reached(rounds, bytes) {
            let first = dice.below(self.seeds.len());
            let second = dice.below(self.seeds.len());
            let (text, other) = (&self.seeds[first], &self.seeds[second]);
            let mut mutant = mutated(&mut dice, text, other, self.words);
            mutant.truncate(MAX_BYTES);
            (rounds, bytes) = (rounds + 1, bytes + mutant.len().max(1));
            let outcome = self.one(&mutant, &check);
            if seen.insert(outcome) && self.seeds.len() < MAX_SEEDS {
                self.seeds.push(mutant);
            }
        }
    }

    fn one(&self, text: &[u8], check: &impl Fn(&[u8]) -> String) -> String {
        let mut outcome = None;
        let taken = allocation_counter::measure(|| outcome = guarded(text, check));
        let Some(outcome) = outcome else {
            let least = shortened(text, |text| guarded(text, check).is_none());
            panic!("{}: panics on {}", self.name, told(&least));
        };
        let length = text.len() as u64;
        let dear = taken.bytes_max > self.free_bytes + BYTES_FOR_A_BYTE * length
            || taken.count_total > FREE_COUNT + COUNT_FOR_A_BYTE * length;
        assert!(!dear, "{}: takes {taken:?} on {}", self.name, told(text));
        outcome
    }
}

fn guarded(text: &[u8], check: &impl Fn(&[u8]) -> String) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| check(text))).ok()
}

/// How a run ends.
enum End {
    OfSuite,
    At(Instant),
}

impl End {
    fn is_not_reached(&self, rounds: usize, bytes: usize) -> bool {
        match self {
            Self::OfSuite => rounds < SUITE_ROUNDS && bytes < SUITE_BYTES,
            Self::At(moment) => Instant::now() < *moment,
        }
    }
}

/// The seed of the dice and the end: fixed in the suite, told where somebody asks for more.
#[allow(clippy::print_stderr)]
fn plan(name: &str) -> (u64, End) {
    let number = |variable: &str| std::env::var(variable).ok()?.parse::<u64>().ok();
    let seed = number("SEKISHO_FUZZ_SEED");
    let Some(seconds) = number("SEKISHO_FUZZ_SECONDS") else {
        return (seed.unwrap_or(17), End::OfSuite);
    };
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seed = seed.unwrap_or(since_1970.as_micros() as u64);
    eprintln!("{name}: SEKISHO_FUZZ_SEED={seed}");
    (seed, End::At(Instant::now() + Duration::from_secs(seconds)))
}

/// Leaves out pieces, large ones first, as long as it still `fails`.
fn shortened(text: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut least = text.to_vec();
    let mut piece = least.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < least.len() {
            let end = (at + piece).min(least.len());
            let shorter = [&least[..at], &least[end..]].concat();
            match fails(&shorter) {
                true => least = shorter,
                false => at = end,
            }
        }
        piece /= 2;
    }
    least
}

fn told(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

/// An error's text without what it quotes and counts: what makes one outcome of many.
pub fn folded(text: &str) -> String {
    let outside = text.split('"').step_by(2).flat_map(str::chars);
    let letters = outside.filter(|letter| letter.is_ascii_alphabetic() || *letter == ' ');
    letters.take(120).collect()
}

#[test]
fn finds_what_panics_and_makes_it_short() {
    let found = catch_unwind(|| {
        let fuzz = Fuzz::new("self", &["some words, of which none is wrong"]).words(&["bang"]);
        fuzz.run(|text| {
            assert!(!text.windows(4).any(|word| word == b"bang"));
            folded("")
        });
    });
    let told = found.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*told, "self: panics on bang");
}

#[test]
fn finds_what_allocates_without_bound() {
    let found = catch_unwind(|| {
        let fuzz = Fuzz::new("self", &["9"]);
        fuzz.run(|text| vec![0_u8; text.len().pow(2) << 12].len().to_string());
    });
    let told = found.unwrap_err().downcast::<String>().unwrap();
    assert!(told.starts_with("self: takes "), "{told}");
}
