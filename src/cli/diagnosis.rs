//! How what a doctor found is shown, and what it makes of the exit code.

use super::failure::Exit;
use super::output::Palette;
use crate::oci::readable;

/// The longest text that is shown of one thing, in characters.
const MAX_TEXT_CHARS: usize = 600;

/// One finding as people read it.
pub struct Entry<'a> {
    /// How bad it is, in one word.
    pub word: &'a str,
    /// Columns that the word takes.
    pub width: usize,
    /// Columns before it.
    pub indent: usize,
    pub what: &'a str,
    pub why: &'a str,
    pub next_step: &'a str,
}

impl Entry<'_> {
    /// Three lines: what, why, and what to do next.
    pub fn render(&self, palette: Palette) -> String {
        let texts = [self.what, self.why, self.next_step];
        let [what, why, next] = texts.map(|text| readable(text, MAX_TEXT_CHARS));
        let word = coloured(self.word, self.width, palette);
        let (before, below) = (
            " ".repeat(self.indent),
            " ".repeat(self.indent + self.width + 2),
        );
        format!("{before}{word}  {what}\n{below}{why}\n{below}next: {next}\n")
    }
}

/// Padded before it is coloured.
pub fn coloured(word: &str, width: usize, palette: Palette) -> String {
    let padded = format!("{word:width$}");
    match word {
        "open" | "wrong" => palette.bad(&padded),
        "unproven" | "unknown" => palette.doubtful(&padded),
        "closed" => palette.good(&padded),
        _ => padded,
    }
}

/// A failure unless all is as it should be.
pub const fn exit(is_sound: bool) -> Exit {
    match is_sound {
        true => Exit::Done,
        false => Exit::Failure,
    }
}
