//! Text output: aligned tables, and records in lines of their own where a table has no
//! room; colours only on a terminal.

use std::io::{self, IsTerminal, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::failure::Failure;
use crate::oci::{readable, without_controls};

/// The longest cell of a table, in characters.
const MAX_CELL_CHARS: usize = 400;
/// What stands between two columns, and between a key and its value.
const COLUMN_GAP: &str = "  ";

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Text,
    /// Exactly what the API answered.
    Json,
}

impl Output {
    /// Shows an answer: as it came, or as `text` renders it.
    pub fn show(self, raw: &str, text: impl FnOnce(Palette) -> String) -> Result<(), Failure> {
        match self {
            Self::Json => say(raw),
            Self::Text => {
                let palette = Palette::of_stdout();
                write(&palette.screened(&text(palette)))
            }
        }
    }
}

/// Writes to stdout, ended by one line end, without control characters.
///
/// # Errors
/// A reader that has gone away, as `head` does, ends the command without a word.
pub fn say(text: &str) -> Result<(), Failure> {
    write(&without_controls(text))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush());
    written.map_err(|error| unwritten(&error))
}

/// What it means that stdout could not be written.
pub fn unwritten(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::new(format!("cannot write the output: {error}")),
    }
}

/// Whether somebody may still read stdout: for commands that wait between two lines. A
/// pipe without a reader reports an error at once (poll(2)).
pub fn is_read() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec::default();
    let gone = poll(&mut asked, Some(&at_once)).is_ok()
        && asked[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::NVAL);
    !gone
}

/// The colours that a palette has, as terminals are told them (ECMA-48, 8.3.117).
const PLAIN: &str = "[0m";
const STRONG: &str = "[1m";
const RED: &str = "[31m";
const GREEN: &str = "[32m";
const YELLOW: &str = "[33m";

/// Colours, or none, and how wide a line may be.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    coloured: bool,
    /// In characters; `None`: as wide as it is.
    width: Option<usize>,
}

impl Palette {
    /// Colours on a terminal, unless `NO_COLOR` is set (no-color.org).
    fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            coloured: wanted && io::stdout().is_terminal(),
            width: width_of_stdout(),
        }
    }

    /// The same with lines of so many characters.
    #[cfg(test)]
    pub const fn of_width(self, columns: usize) -> Self {
        Self {
            width: Some(columns),
            ..self
        }
    }

    #[cfg(test)]
    pub const fn plain() -> Self {
        Self {
            coloured: false,
            width: None,
        }
    }

    /// Whether lines have less room than that, in characters.
    fn is_narrower_than(self, columns: usize) -> bool {
        self.width.is_some_and(|width| width < columns)
    }

    pub fn good(self, text: &str) -> String {
        self.paint(GREEN, text)
    }

    pub fn bad(self, text: &str) -> String {
        self.paint(RED, text)
    }

    pub fn doubtful(self, text: &str) -> String {
        self.paint(YELLOW, text)
    }

    pub fn strong(self, text: &str) -> String {
        self.paint(STRONG, text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.coloured {
            true => format!("\x1b{code}{text}\x1b{PLAIN}"),
            false => text.to_owned(),
        }
    }

    /// `text` without any control characters but those of its own colours.
    fn screened(self, text: &str) -> String {
        let mut pieces = text.split('\x1b');
        let mut screened = without_controls(pieces.next().unwrap_or_default()).into_owned();
        for piece in pieces {
            let colours = [PLAIN, STRONG, RED, GREEN, YELLOW];
            let is_own = self.coloured && colours.iter().any(|code| piece.starts_with(code));
            screened.push_str(if is_own { "\x1b" } else { "\\u001b" });
            screened.push_str(&without_controls(piece));
        }
        screened
    }
}

/// What `COLUMNS` says, else the terminal's width; what goes elsewhere is not cut.
fn width_of_stdout() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    let said = said.and_then(|columns| columns.parse().ok());
    let terminal = || {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col))
    };
    said.or_else(terminal).filter(|columns| *columns > 0)
}

/// Columns, each as wide as its widest cell. Cells may hold text from outside.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned).to_vec()],
        }
    }

    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows
            .push(cells.map(|cell| readable(cell, MAX_CELL_CHARS)).to_vec());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The rows below each other. Where a line has no room for them, each record has lines of
    /// its own: a column that is cut hides what one looks for.
    pub fn render(&self, palette: Palette) -> String {
        let widths = self.widths();
        let gaps = COLUMN_GAP.len() * widths.len().saturating_sub(1);
        match palette.is_narrower_than(widths.iter().sum::<usize>() + gaps) {
            true if !self.is_empty() => self.records(palette),
            _ => self.lines(&widths, palette),
        }
    }

    fn lines(&self, widths: &[usize], palette: Palette) -> String {
        let mut lines = self.rows.iter().map(|row| line(row, widths));
        let head = lines.next().unwrap_or_default();
        let body: String = lines.map(|line| format!("{line}\n")).collect();
        format!("{}\n{body}", palette.strong(&head))
    }

    /// With an empty line between two.
    fn records(&self, palette: Palette) -> String {
        let (head, records) = self.rows.split_first().unzip();
        let head = head.map_or(&[][..], Vec::as_slice);
        let records = records.unwrap_or_default().iter();
        let told = records.map(|cells| record(head, cells, palette));
        told.collect::<Vec<_>>().join("\n")
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |at: usize| self.rows.iter().map(|row| row[at].chars().count()).max();
        (0..columns).map(|at| width(at).unwrap_or(0)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    cells.join(COLUMN_GAP).trim_end().to_owned()
}

/// A line for each cell that is not empty, behind the head of its column.
fn record(head: &[String], cells: &[String], palette: Palette) -> String {
    let key_chars = head.iter().map(|key| key.chars().count()).max();
    let key_chars = key_chars.unwrap_or(0);
    let indent = key_chars + COLUMN_GAP.len();
    let room = palette.width.unwrap_or(usize::MAX).saturating_sub(indent);
    let filled = head.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
    let told = filled.map(|(key, cell)| {
        let key = palette.strong(&format!("{key:key_chars$}"));
        let value = wrapped(cell, room).join(&format!("\n{:indent$}", ""));
        format!("{key}{COLUMN_GAP}{value}\n")
    });
    told.collect()
}

/// In lines of so many characters. A longer word stays whole: the terminal breaks it, and it
/// can be copied as one.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let fits = |line: &String| line.chars().count() + 1 + word.chars().count() <= room;
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A number of bytes for people: `1.5 GiB`.
pub fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = "B";
    for larger in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    match unit {
        "B" => format!("{count} B"),
        unit => format!("{value:.1} {unit}"),
    }
}

/// Seconds for people: `45s`, `12m`, `3h`, `30d`.
pub fn seconds(count: i64) -> String {
    match count {
        ..120 => format!("{count}s"),
        120..7200 => format!("{}m", count / 60),
        7200..172_800 => format!("{}h", count / 3600),
        172_800.. => format!("{}d", count / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_escapes_are_shown_harmless() {
        let mut table = Table::new(["NAME", "STATE"]);
        table.row(["docker.io", "up"]);
        table.row(["a\x1b[31m", "down"]);
        assert_eq!(
            table.render(Palette::plain()),
            "NAME       STATE\ndocker.io  up\na?[31m     down\n"
        );
    }

    fn wide() -> Table {
        let mut table = Table::new(["TIME", "IMAGE", "WHY", "ID"]);
        let image = format!("a.example/{}", "i".repeat(100));
        let why = "checkout is down, and the fix of it is not scanned yet; it is known to work";
        table.row([
            "2026-06-01",
            &image,
            why,
            "4f0c0a7d1f6f4d0e9d6c2b1a39e87755",
        ]);
        table.row(["2026-06-02", "short", "", "5"]);
        table
    }

    #[test]
    fn a_record_has_lines_of_its_own_where_the_table_has_no_room() {
        let image = format!("a.example/{}", "i".repeat(100));
        let told = wide().render(Palette::plain().of_width(60));
        let expected = format!(
            "TIME   2026-06-01\n\
             IMAGE  {image}\n\
             WHY    checkout is down, and the fix of it is not scanned\n       \
             yet; it is known to work\n\
             ID     4f0c0a7d1f6f4d0e9d6c2b1a39e87755\n\
             \n\
             TIME   2026-06-02\n\
             IMAGE  short\n\
             ID     5\n"
        );
        assert_eq!(told, expected);
    }

    #[test]
    fn a_table_stays_one_where_it_fits_and_nothing_of_it_is_ever_cut() {
        let whole = wide().render(Palette::plain());
        let widest = whole.lines().map(|line| line.chars().count()).max();
        let widest = widest.unwrap();
        assert_eq!(wide().render(Palette::plain().of_width(widest)), whole);
        for room in [1, 20, 80, widest - 1] {
            let told = wide().render(Palette::plain().of_width(room));
            assert!(told.starts_with("TIME   2026-06-01\n"), "{room}: {told}");
            assert!(told.contains(&"i".repeat(100)), "{room}: {told}");
            assert!(!told.contains('…'), "{room}: {told}");
        }
        let head = Table::new(["NAME", "STATE"]).render(Palette::plain().of_width(3));
        assert_eq!(head, "NAME  STATE\n", "nothing to tell of");
    }

    #[test]
    fn only_its_own_colours_reach_a_terminal() {
        let plain = Palette::plain();
        let coloured = Palette {
            coloured: true,
            ..plain
        };
        let evil = "\x1b[2J\u{9b}2J\u{202e}\r";
        let harmless = "\\u001b[2J\\u009b2J\\u202e\\u000d";
        assert_eq!(plain.screened(evil), harmless);
        assert_eq!(plain.screened("\x1b[31mred"), "\\u001b[31mred");
        let shown = coloured.screened(&format!("{}{evil}", coloured.bad("red")));
        assert_eq!(shown, format!("\x1b[31mred\x1b[0m{harmless}"));
    }

    #[test]
    fn quantities_are_short() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
        assert_eq!(seconds(45), "45s");
        assert_eq!(seconds(86_400 * 30), "30d");
    }
}
