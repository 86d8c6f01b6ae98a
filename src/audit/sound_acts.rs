//! The acts that are done again are those of lines that are as they were written: who may
//! append to the log's files must not thereby write the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use super::AuditError;
use super::chain::{ChainEnd, ChainLink, hash};
use super::chain_runs::ChainRuns;
use super::logged_acts::{UnreadPart, act_in, read_log_lines};
use super::verify::LinePlace;
use crate::trust::LoggedAct;

/// Up to which line each log was read, by the name of its chain.
pub type ReadLogs = BTreeMap<String, u64>;

/// What ledgers know of the logs.
#[derive(Clone, Debug, Default)]
pub struct KnownLogs {
    /// Where chains ended, each perhaps more than once.
    pub ends: Vec<ChainEnd>,
    /// Whether no chain can be there that is not among them.
    pub are_all: bool,
}

/// The acts that were asked for.
#[derive(Debug, Default)]
pub struct SoundActs {
    pub acts: Vec<LoggedAct>,
    pub doubtful: Vec<DoubtfulAct>,
    /// Of files that are damaged.
    pub unread: Vec<UnreadPart>,
    pub read: ReadLogs,
    /// Where the chains end that nobody knew.
    pub new_ends: Vec<ChainEnd>,
}

/// An act whose line nothing vouches for.
#[derive(Clone, Debug)]
pub struct DoubtfulAct {
    pub logged: LoggedAct,
    pub at: LinePlace,
    pub why: ActDoubt,
}

/// Why a line is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActDoubt {
    #[error("the line has no place in the log's chain")]
    Unchained,
    #[error("the line is of a log that the ledger does not know")]
    UnknownLog,
    #[error("the line does not fit the others of its log")]
    Untied,
    #[error("two different acts stand under its number")]
    Contested,
}

impl fmt::Display for DoubtfulAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = &self.logged.act;
        write!(
            f,
            "{}: {} ({}): {}",
            self.at,
            act.id,
            act.act.as_str(),
            self.why
        )
    }
}

/// An act, and where its line stands.
struct FoundAct {
    logged: LoggedAct,
    file: usize,
    line: u64,
    tie: ActTie,
}

enum ActTie {
    Chain {
        log: String,
        run: usize,
        line: u64,
    },
    /// Before any line of a chain, as earlier versions wrote it; or not.
    None {
        leads: bool,
    },
}

/// Reads the acts in `files` that are `wanted`, also of those that gzip compressed, and holds
/// each line's chain against itself and what is `known`. What a crash tore is passed over:
/// what is missing shows in the acts' numbers, and in how far the logs were read.
///
/// # Errors
/// A file cannot be opened.
pub fn read_sound_acts(
    files: &[PathBuf],
    known: &KnownLogs,
    mut wanted: impl FnMut(&LoggedAct) -> bool,
) -> Result<SoundActs, AuditError> {
    let mut chains: BTreeMap<String, ChainRuns> = BTreeMap::new();
    for end in &known.ends {
        let chain = chains.entry(end.log.clone()).or_default();
        chain.know(end.line, end.hash.clone());
    }
    let is_known: BTreeSet<String> = chains.keys().cloned().collect();
    let (mut found, mut chained) = (Vec::new(), false);
    let unread = read_log_lines(files, &mut |file, number, line| {
        let tie = match ChainLink::of(line) {
            Err(_) => return,
            Ok(None) => ActTie::None { leads: !chained },
            Ok(Some(link)) => {
                chained = true;
                let chain = chains.entry(link.log.clone()).or_default();
                let run = chain.take(&link, hash(line));
                let (log, line) = (link.log, link.line);
                ActTie::Chain { log, run, line }
            }
        };
        if let Some(logged) = act_in(line).filter(|it| wanted(it)) {
            let line = number;
            found.push(FoundAct {
                logged,
                file,
                line,
                tie,
            });
        }
    })?;
    chains.values_mut().for_each(ChainRuns::settle);
    let judge = LineJudge {
        chains,
        is_known,
        known,
    };
    Ok(SoundActs {
        unread,
        ..judge.sorted_out(found, files)
    })
}

struct LineJudge<'a> {
    chains: BTreeMap<String, ChainRuns>,
    is_known: BTreeSet<String>,
    known: &'a KnownLogs,
}

impl LineJudge<'_> {
    fn doubt(&self, tie: &ActTie) -> Option<ActDoubt> {
        match tie {
            // Where a chain is known, each later act is of one.
            ActTie::None { leads } => {
                (!leads || !self.known.ends.is_empty()).then_some(ActDoubt::Unchained)
            }
            ActTie::Chain { log, run, line } => {
                if self.known.are_all && !self.is_known.contains(log) {
                    return Some(ActDoubt::UnknownLog);
                }
                let chain = self.chains.get(log);
                let is_sound = chain.is_some_and(|it| it.is_sound(*run, *line));
                (!is_sound).then_some(ActDoubt::Untied)
            }
        }
    }

    fn sorted_out(self, found: Vec<FoundAct>, files: &[PathBuf]) -> SoundActs {
        let (mut sound, mut doubtful) = (Vec::new(), Vec::new());
        for FoundAct {
            logged,
            file,
            line,
            tie,
        } in found
        {
            let file = files.get(file).cloned().unwrap_or_default();
            let at = LinePlace { file, line };
            match self.doubt(&tie) {
                None => sound.push((at, logged)),
                Some(why) => doubtful.push(DoubtfulAct { logged, at, why }),
            }
        }
        let acts = settle_numbers(sound, &mut doubtful);
        let said: HashMap<_, _> = acts.iter().map(|it| (number(it), &it.act)).collect();
        // The same once more does no harm.
        doubtful.retain(|it| said.get(&number(&it.logged)) != Some(&&it.logged.act));
        let (mut read, mut new_ends) = (ReadLogs::new(), Vec::new());
        for (log, chain) in &self.chains {
            let Some((line, hash)) = chain.sound_end() else {
                continue;
            };
            read.insert(log.clone(), line);
            if line > 0 && !self.is_known.contains(log) {
                let log = log.clone();
                new_ends.push(ChainEnd { log, line, hash });
            }
        }
        SoundActs {
            read,
            acts,
            doubtful,
            unread: Vec::new(),
            new_ends,
        }
    }
}

fn number(logged: &LoggedAct) -> (String, Option<i64>) {
    (logged.ledger.id.clone(), logged.act.number())
}

/// Each once; where two say different things under one number, neither is believed.
fn settle_numbers(
    sound: Vec<(LinePlace, LoggedAct)>,
    doubtful: &mut Vec<DoubtfulAct>,
) -> Vec<LoggedAct> {
    let mut numbered: BTreeMap<_, Vec<(LinePlace, LoggedAct)>> = BTreeMap::new();
    for (at, logged) in sound {
        let same = numbered.entry(number(&logged)).or_default();
        if same.iter().all(|(_, it)| it.act != logged.act) {
            same.push((at, logged));
        }
    }
    let mut acts = Vec::new();
    for same in numbered.into_values() {
        let is_one = same.len() == 1;
        for (at, logged) in same {
            let why = ActDoubt::Contested;
            match is_one {
                true => acts.push(logged),
                false => doubtful.push(DoubtfulAct { logged, at, why }),
            }
        }
    }
    acts
}
