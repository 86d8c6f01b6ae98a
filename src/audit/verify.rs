//! Whether a log is as it was written: its chain, walked through all its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use super::chain::{ChainEnd, ChainLink, hash};
use super::files::lines_of;
use super::known_end::{KnownEnd, log_place};
use super::listed::{ListedFile, listed};

/// The longest line that is read, in bytes; no record comes near.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// Faults that are named, at most. More are counted.
const MAX_FAULTS: usize = 100;

/// What was found in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditCheck {
    /// The files, in the order of their lines.
    pub files: Vec<PathBuf>,
    /// Lines of chains.
    pub lines: u64,
    /// Lines from before the chain began: nothing vouches for them.
    pub unchained: u64,
    /// Half lines, where a crash broke off a write: no sign of tampering.
    pub torn: Vec<LinePlace>,
    /// What does not fit; the first hundred.
    pub faults: Vec<ChainFault>,
    /// How many there are in all.
    pub fault_count: u64,
    /// Where each chain begins and ends, by its name.
    pub chains: BTreeMap<String, ChainSpan>,
    /// Logs that the ledger knows of other places, and of which nothing is here.
    pub elsewhere: Vec<KnownEnd>,
    /// Behind what the ledger knew when the log went on: of the last seconds before a crash, or
    /// put in.
    pub unsealed: Vec<UnsealedLines>,
}

/// The lines of one chain that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSpan {
    pub first: u64,
    pub last: u64,
    /// SHA-256 of the last line, in hex.
    pub hash: String,
    /// The hash of the line that the ledger knows, where it lies here.
    sealed: Option<String>,
    /// Where its first line stands.
    at: LinePlace,
}

/// Lines of a log that the ledger never came to know: when it was opened next it went on
/// under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsealedLines {
    pub log: String,
    pub first: u64,
    pub last: u64,
}

impl fmt::Display for UnsealedLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, first, last } = self;
        write!(f, "lines {first} to {last} of the log {log}")
    }
}

/// A line of a file, from one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePlace {
    pub file: PathBuf,
    pub line: u64,
}

impl fmt::Display for LinePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("{0}: line {1} of the log was changed")]
    Changed(LinePlace, u64),
    #[error("{at}: lines {from} to {to} of the log are missing before this one")]
    Missing { at: LinePlace, from: u64, to: u64 },
    #[error("{at}: line {line} of the log stands here after line {after}: moved, or put in")]
    OutOfOrder {
        at: LinePlace,
        line: u64,
        after: u64,
    },
    #[error("{0}: a line that is no record of the log was put in")]
    Foreign(LinePlace),
    #[error("the log {log} ends at line {found}, and the ledger knows line {sealed} of it")]
    CutOff {
        log: String,
        found: u64,
        sealed: u64,
    },
    #[error("line {line} of the log {log} is another one than the ledger knows")]
    Rewritten { log: String, line: u64 },
    #[error("{at}: the ledger does not know the log {log}, which begins here")]
    Unknown { log: String, at: LinePlace },
    #[error("the log {log} begins at line {first}, and no retention removes what came before it")]
    Beginning { log: String, first: u64 },
    #[error("nothing is left of the log {log}, and the ledger knows it to line {sealed}")]
    Lost { log: String, sealed: u64 },
}

/// Walks the log at `path` with all that it was rotated to, compressed by gzip or not.
/// `seals`: where the ledger knows that chains ended, here and elsewhere. `progress` is told the bytes that each
/// file has when its turn comes.
///
/// # Errors
/// A file cannot be read.
pub fn check_log(
    path: &Path,
    seals: &[KnownEnd],
    mut progress: impl FnMut(&Path, u64),
) -> io::Result<AuditCheck> {
    let mut walk = Walk::new(seals);
    for file in in_order(path)? {
        let open = file.open(path)?;
        progress(&file.path, open.metadata()?.len());
        walk.is_written = file.path == path;
        walk.file(&file.path, open)?;
    }
    Ok(walk.finish(seals, &log_place(path)))
}

/// The files of a log, the oldest first: by the place of their first line in its chain, and
/// by age where they tell none.
fn in_order(path: &Path) -> io::Result<Vec<ListedFile>> {
    let mut logs: Vec<String> = Vec::new();
    let mut keyed = Vec::new();
    for file in listed(path)? {
        let link = first_link(file.open(path)?)?;
        let log = match &link {
            None => logs.len(),
            Some(link) => logs
                .iter()
                .position(|it| *it == link.log)
                .unwrap_or_else(|| {
                    logs.push(link.log.clone());
                    logs.len() - 1
                }),
        };
        keyed.push((log, link.map_or(0, |link| link.line), file));
    }
    keyed.sort_by_key(|(log, line, _)| (*log, *line));
    Ok(keyed.into_iter().map(|(.., file)| file).collect())
}

fn first_link(file: File) -> io::Result<Option<ChainLink>> {
    let mut lines = lines_of(file)?;
    while let Some(line) = next_line(&mut lines)? {
        if let Ok(Some(link)) = ChainLink::of(&line) {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

/// Without its newline; `None` at the end.
fn next_line(lines: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    lines.take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
    let ended = line.pop_if(|last| *last == b'\n').is_some();
    match line.len() as u64 >= MAX_LINE_BYTES {
        true => Err(io::Error::other("a line is too long for a record")),
        false => Ok((ended || !line.is_empty()).then_some(line)),
    }
}

/// The state of a walk.
struct Walk {
    found: AuditCheck,
    /// The lines that the ledger knows, by chain.
    sealed: BTreeMap<String, u64>,
    /// The line before.
    before: Option<Vec<u8>>,
    /// The line of a chain before, and where it stands.
    end: Option<(LinePlace, ChainEnd)>,
    /// Whether the file is the one that is written.
    is_written: bool,
    /// The chain that goes on: the ledger may not know its newest lines yet.
    going_on: Option<String>,
}

impl Walk {
    fn new(seals: &[KnownEnd]) -> Self {
        let sealed = seals.iter().map(|it| (it.end.log.clone(), it.end.line));
        Self {
            found: AuditCheck::default(),
            sealed: sealed.collect(),
            before: None,
            end: None,
            is_written: false,
            going_on: None,
        }
    }

    fn file(&mut self, file: &Path, open: File) -> io::Result<()> {
        self.found.files.push(file.to_owned());
        let mut lines = lines_of(open)?;
        let mut number = 0;
        while let Some(line) = next_line(&mut lines)? {
            number += 1;
            let file = file.to_owned();
            self.line(LinePlace { file, line: number }, line);
        }
        Ok(())
    }

    fn line(&mut self, at: LinePlace, line: Vec<u8>) {
        match ChainLink::of(&line) {
            Ok(Some(link)) => self.link(at, link, &line),
            Ok(None) if self.end.is_some() => self.fault(ChainFault::Foreign(at)),
            Ok(None) => {
                self.found.unchained += 1;
                self.before = Some(line);
            }
            // What a crash broke off is the beginning of a record.
            Err(_) if line.starts_with(b"{") => self.found.torn.push(at),
            Err(_) => self.fault(ChainFault::Foreign(at)),
        }
    }

    fn link(&mut self, at: LinePlace, link: ChainLink, line: &[u8]) {
        self.compare(&at, &link);
        if self.is_written {
            self.going_on = Some(link.log.clone());
        }
        self.found.lines += 1;
        let end = ChainEnd::at(link.clone(), line);
        let hash = end.hash.clone().unwrap_or_default();
        let sealed = self.sealed.get(&link.log) == Some(&link.line);
        let place = at.clone();
        let chains = &mut self.found.chains;
        let span = chains.entry(link.log).or_insert_with(|| ChainSpan {
            first: link.line,
            last: 0,
            hash: String::new(),
            sealed: None,
            at: place,
        });
        if sealed {
            span.sealed = Some(hash.clone());
        }
        if link.line > span.last {
            (span.last, span.hash) = (link.line, hash);
        }
        self.end = Some((at, end));
    }

    /// Holds a line against the one before.
    fn compare(&mut self, at: &LinePlace, link: &ChainLink) {
        let before = self.end.as_ref().filter(|(_, end)| end.log == link.log);
        let Some((place, before)) = before else {
            return self.begin(at, link);
        };
        let fault = match link.line {
            line if line.checked_sub(1) == Some(before.line) => {
                (link.prev != before.hash).then(|| ChainFault::Changed(place.clone(), before.line))
            }
            line if line > before.line => Some(ChainFault::Missing {
                at: at.clone(),
                from: before.line + 1,
                to: line - 1,
            }),
            line => Some(ChainFault::OutOfOrder {
                at: at.clone(),
                line,
                after: before.line,
            }),
        };
        fault.into_iter().for_each(|fault| self.fault(fault));
    }

    /// The first line of a chain: the one before it, of none, is tied to it; what lies before
    /// may have been kept elsewhere.
    fn begin(&mut self, at: &LinePlace, link: &ChainLink) {
        let before = self.before.as_deref().map(hash);
        let seen = self.found.chains.contains_key(&link.log);
        if seen {
            let line = link.line;
            let after = self.found.chains.get(&link.log).map_or(0, |it| it.last);
            let at = at.clone();
            return self.fault(ChainFault::OutOfOrder { at, line, after });
        }
        if link.line == 1 && self.end.is_none() && before.is_some() && link.prev != before {
            let last = self.found.unchained;
            self.fault(ChainFault::Changed(at.clone(), last));
        }
        // One that goes on where another was not as the ledger knew it.
        let other = self
            .end
            .as_ref()
            .filter(|_| link.line == 1 && link.prev.is_some());
        if let Some((place, other)) = other.filter(|(_, other)| other.hash != link.prev) {
            let changed = ChainFault::Changed(place.clone(), other.line);
            self.fault(changed);
        }
    }

    fn fault(&mut self, fault: ChainFault) {
        self.found.fault_count += 1;
        if self.found.faults.len() < MAX_FAULTS {
            self.found.faults.push(fault);
        }
    }

    /// Holds the chains against what the ledger knows of them. `here`: where the log lies.
    fn finish(mut self, seals: &[KnownEnd], here: &str) -> AuditCheck {
        let is_there = |it: &&KnownEnd| self.found.chains.contains_key(&it.end.log);
        let (there, absent): (Vec<_>, Vec<_>) = seals.iter().partition(is_there);
        // A log that was copied here takes the place that it came from along.
        let mut places: BTreeSet<&str> = there.iter().filter_map(|it| it.place()).collect();
        places.insert(here);
        there.iter().for_each(|it| self.hold_against(it));
        if !seals.is_empty() {
            self.find_unknown();
        }
        let lasting = |it: &&KnownEnd| !it.may_be_removed && it.end.line > 0;
        for seal in absent.into_iter().filter(lasting) {
            let of_here = seal.place().map(|it| places.contains(it));
            match of_here.unwrap_or(there.is_empty()) {
                true => self.fault(ChainFault::Lost {
                    log: seal.end.log.clone(),
                    sealed: seal.end.line,
                }),
                false => self.found.elsewhere.push(seal.clone()),
            }
        }
        self.found
    }

    /// Holds a chain of which something is here against where it ended.
    fn hold_against(&mut self, known: &KnownEnd) {
        let seal = &known.end;
        let Some(span) = self.found.chains.get(&seal.log) else {
            return;
        };
        let (log, line, last) = (seal.log.clone(), seal.line, span.last);
        let rewritten = span.sealed.is_some() && span.sealed != seal.hash;
        if known.keeps_all && span.first > 1 {
            let (log, first) = (log.clone(), span.first);
            self.fault(ChainFault::Beginning { log, first });
        }
        if last > line && self.going_on.as_ref().is_some_and(|it| *it != log) {
            let (log, first) = (log.clone(), line + 1);
            self.found.unsealed.push(UnsealedLines { log, first, last });
        }
        if last < line {
            self.fault(ChainFault::CutOff {
                log,
                found: last,
                sealed: line,
            });
        } else if rewritten {
            self.fault(ChainFault::Rewritten { log, line });
        }
    }

    /// Chains that the ledger has never heard of; the one that is written may be new.
    fn find_unknown(&mut self) {
        let chains = self.found.chains.iter();
        let unknown = chains.filter(|(log, _)| {
            !self.sealed.contains_key(*log) && self.going_on.as_ref() != Some(*log)
        });
        let unknown = unknown.map(|(log, span)| ChainFault::Unknown {
            log: log.clone(),
            at: span.at.clone(),
        });
        let unknown: Vec<ChainFault> = unknown.collect();
        unknown.into_iter().for_each(|fault| self.fault(fault));
    }
}
