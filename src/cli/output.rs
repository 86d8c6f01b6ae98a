//! Text output: aligned tables; colours only on a terminal.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::failure::Failure;
use crate::oci::{readable, without_controls};

/// The longest cell of a table, in characters.
const MAX_CELL_CHARS: usize = 240;
/// A column is not cut below this, in characters.
const MIN_COLUMN_CHARS: usize = 6;
/// What stands between two columns.
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

    #[cfg(test)]
    pub const fn plain() -> Self {
        Self {
            coloured: false,
            width: None,
        }
    }

    /// Whether lines have less room than that, in characters.
    pub fn is_narrower_than(self, columns: usize) -> bool {
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

    /// The rows, the widest columns cut to what the palette has room for.
    pub fn render(&self, palette: Palette) -> String {
        let widths = fit(self.widths(), palette.width);
        let mut lines = self.rows.iter().map(|row| line(row, &widths));
        let head = lines.next().unwrap_or_default();
        let body: String = lines.map(|line| format!("{line}\n")).collect();
        format!("{}\n{body}", palette.strong(&head))
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |at: usize| self.rows.iter().map(|row| row[at].chars().count()).max();
        (0..columns).map(|at| width(at).unwrap_or(0)).collect()
    }
}

/// The widths that leave no line longer than `room`: as few columns as possible are cut,
/// and none below [`MIN_COLUMN_CHARS`].
fn fit(widths: Vec<usize>, room: Option<usize>) -> Vec<usize> {
    let Some(room) = room else {
        return widths;
    };
    let gaps = COLUMN_GAP.len() * widths.len().saturating_sub(1);
    let fits = |most: usize| {
        let cut = widths.iter().map(|width| most.min(*width));
        cut.sum::<usize>() + gaps <= room
    };
    let widest = widths.iter().copied().max().unwrap_or(0);
    let mut most = (MIN_COLUMN_CHARS..=widest)
        .rev()
        .skip_while(|most| !fits(*most));
    let most = most.next().unwrap_or(MIN_COLUMN_CHARS);
    widths.into_iter().map(|width| width.min(most)).collect()
}

fn cut(cell: &str, width: usize) -> Cow<'_, str> {
    if cell.chars().count() <= width {
        return Cow::Borrowed(cell);
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    Cow::Owned(format!("{kept}…"))
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{:width$}", cut(cell, *width)))
        .collect();
    cells.join(COLUMN_GAP).trim_end().to_owned()
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

    #[test]
    fn rows_are_cut_to_the_room_that_there_is_the_widest_column_first() {
        let mut table = Table::new(["TIME", "IMAGE", "ID"]);
        table.row([
            "2026-06-01",
            &"i".repeat(200),
            "4f0c0a7d1f6f4d0e9d6c2b1a39e87755",
        ]);
        table.row(["2026-06-02", "short", "5"]);
        for room in [40, 60, 80, 400] {
            let palette = Palette {
                width: Some(room),
                ..Palette::plain()
            };
            let shown = table.render(palette);
            let widest = shown.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(room), "{room}: {shown}");
            assert!(shown.contains("2026-06-01  ii"), "{room}: {shown}");
            assert_eq!(shown.contains('…'), room < 400, "{shown}");
        }
        let whole = table.render(Palette::plain());
        assert!(whole.contains(&"i".repeat(200)), "{whole}");
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
