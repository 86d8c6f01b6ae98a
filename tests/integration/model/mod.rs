//! The gate beside a model of it: small, slow and obviously right (`reference.rs`). Random
//! histories happen to both; after each step every door of the program is asked, everywhere at
//! once, and any difference is shrunk to a short history that is printed as readable steps.
//!
//! `MODEL_SECONDS=3600 cargo test --test integration model::` goes on for an hour with other
//! histories; `MODEL_SEED=…` plays one again.

mod blobs;
mod doors;
mod files;
mod gateways;
mod history;
mod play;
mod reference;
mod site;
mod step;

use std::time::{Duration, Instant};

use gateways::{Checked, Gateways};
use history::{Dice, shrunk};
use step::{Played, Told};

use crate::kit::postgres::{Database, Postgres, USER};
use crate::lab::or_skip;

/// Steps of a history.
const LENGTH: usize = 24;
/// How long the suite plays.
const SUITE_TIME: Duration = Duration::from_secs(8);
/// How long a history is shrunk.
const SHRINK_TIME: Duration = Duration::from_secs(300);

/// What the environment says in a variable.
fn asked<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Where the ledgers of a history lie.
#[derive(Clone, Copy)]
enum Place {
    /// One gateway over a file.
    File,
    /// Two over one database.
    Server(&'static Postgres),
}

/// The table `[ledger]` for a database; the password lies beside the configuration.
fn table(server: &Postgres, database: &Database<'_>) -> String {
    let (port, name) = (server.port(), database.name());
    format!(
        "[ledger]\nurl = \"postgres://{USER}@127.0.0.1:{port}/{name}\"\n\
         password_file = \"password\"\n"
    )
}

impl Place {
    const fn replicas(self) -> u64 {
        match self {
            Self::File => 1,
            Self::Server(_) => 2,
        }
    }

    /// Plays a history from the start, as far as the time lasts; the difference, if there is
    /// one, with its step.
    async fn play(self, history: &[Played], end: Instant) -> Checked {
        match self {
            Self::File => played(&[String::new()], history, end).await,
            Self::Server(server) => {
                let database = server.database();
                let table = table(server, &database);
                played(&[table.clone(), table], history, end).await
            }
        }
    }
}

async fn played(ledgers: &[String], history: &[Played], end: Instant) -> Checked {
    let mut gateways = Gateways::start(ledgers).await;
    let told = walk(&mut gateways, history, end).await;
    gateways.stop().await;
    told
}

async fn walk(gateways: &mut Gateways, history: &[Played], end: Instant) -> Checked {
    gateways
        .ask_all()
        .await
        .map_err(|why| format!("at the start: {why}"))?;
    for (number, step) in history.iter().enumerate() {
        if Instant::now() > end {
            break;
        }
        let played = gateways.play(*step).await;
        let asked = match played {
            Ok(()) => gateways.ask_all().await,
            failed => failed,
        };
        asked.map_err(|why| format!("after step {}: {why}", number + 1))?;
    }
    Ok(())
}

fn told(history: &[Played]) -> String {
    let site = site::Site::new();
    let lines = history.iter().enumerate();
    let lines = lines.map(|(number, step)| format!("{:3}. {}\n", number + 1, Told(&site, *step)));
    lines.collect()
}

/// Plays histories until the time is over, and shrinks the first that differs.
async fn search(place: Place, seeds: impl Iterator<Item = u64>, time: Duration) {
    let begun = Instant::now();
    let end = begun + time;
    let mut count = 0;
    for seed in seeds {
        if Instant::now() > end {
            break;
        }
        count += 1;
        let history = Dice::of(seed).history(LENGTH, place.replicas());
        if let Err(why) = place.play(&history, end).await {
            let took = begun.elapsed();
            eprintln!(
                "history {count} differs after {took:?}, MODEL_SEED={seed}: {why}\n{}",
                told(&history)
            );
            shrink(place, history).await;
        }
    }
    let took = begun.elapsed();
    println!("{count} histories of {LENGTH} steps at most in {took:?}");
}

/// Fails with the shortest history that was found in a bounded time to differ still.
async fn shrink(place: Place, history: Vec<Played>) {
    let end = Instant::now() + SHRINK_TIME;
    let short = shrunk(history, |history| async move {
        Instant::now() < end && place.play(&history, end).await.is_err()
    })
    .await;
    let why = place.play(&short, Instant::now() + SHRINK_TIME).await;
    panic!("the shortest found:\n{}{why:?}", told(&short));
}

async fn every_history_is_answered_as_by_the_reference(place: Place) {
    if let Some(seed) = asked::<u64>("MODEL_SEED") {
        return search(place, std::iter::once(seed), SHRINK_TIME).await;
    }
    match asked::<u64>("MODEL_SECONDS") {
        Some(seconds) => {
            let first = u64::from_le_bytes(sekisho::random::bytes());
            let seeds = (0..).map(|number| first.wrapping_add(number));
            search(place, seeds, Duration::from_secs(seconds)).await;
        }
        None => search(place, 0..u64::MAX, SUITE_TIME).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_gateway_answers_every_history_as_the_reference_does() {
    every_history_is_answered_as_by_the_reference(Place::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_answer_every_history_as_the_reference_does() {
    let server = or_skip!(Postgres::shared());
    every_history_is_answered_as_by_the_reference(Place::Server(server)).await;
}

#[tokio::test]
async fn a_history_shrinks_to_the_steps_that_matter() {
    let history = Dice::of(7).history(40, 2);
    let (first, last) = (history[11], history[29]);
    let fails = |rest: Vec<Played>| {
        let fails = rest.contains(&first) && rest.contains(&last);
        async move { fails }
    };
    let short = shrunk(history, fails).await;
    assert_eq!(short, [first, last], "{}", told(&short));
}
