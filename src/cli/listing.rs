//! Long lists of records: how many, from where on, and in which form.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::{SignedDuration, Timestamp};

use super::aside::say_aside;
use super::failure::Failure;
use super::output::{Output, Palette, say};

/// Arguments of a command that lists records, newest first.
#[derive(Debug, Args)]
pub struct ListingArgs {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
    pub limit: usize,
    /// Go on behind an earlier answer, by the page that it named
    #[arg(long, value_name = "PAGE")]
    pub page: Option<String>,
    /// text for people, json for scripts, csv for spreadsheets
    #[arg(
        short,
        long,
        value_name = "text|json|csv",
        default_value = "text",
        value_parser = list_output()
    )]
    pub output: ListOutput,
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOutput {
    Text,
    Json,
    Csv,
}

pub fn list_output() -> impl TypedValueParser<Value = ListOutput> {
    PossibleValuesParser::new(["text", "json", "csv"]).map(|word| match word.as_str() {
        "json" => ListOutput::Json,
        "csv" => ListOutput::Csv,
        _ => ListOutput::Text,
    })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a number of rows, 1 at least".to_owned()),
        Ok(limit) => Ok(limit),
    }
}

/// What a list looks like in each form.
pub trait Listing {
    /// As the API answers.
    fn json(&self) -> Result<String, serde_json::Error>;
    fn csv(&self) -> String;
    fn text(&self, palette: Palette) -> String;
    /// Where older records follow.
    fn next(&self) -> Option<&str>;
}

impl ListingArgs {
    /// Asks page by page, until there are enough records or no more: `ask` gets the page
    /// and how many are wanted of it, `most` at most, and gives records and the next page.
    pub async fn collect<T>(
        &self,
        most: usize,
        mut ask: impl AsyncFnMut(Option<String>, usize) -> Result<(Vec<T>, Option<String>), Failure>,
    ) -> Result<(Vec<T>, Option<String>), Failure> {
        let (mut records, mut page) = (Vec::new(), self.page.clone());
        while records.len() < self.limit {
            let wanted = self.limit - records.len();
            let (more, next) = ask(page, wanted.min(most)).await?;
            records.extend(more);
            page = next;
            if page.is_none() {
                break;
            }
        }
        Ok((records, page))
    }

    /// Shows a list, and on stderr where it goes on.
    pub fn show(&self, list: &impl Listing) -> Result<(), Failure> {
        match self.output {
            ListOutput::Json => {
                let unwritten = |error| Failure::new(format!("cannot write the list: {error}"));
                return say(&list.json().map_err(unwritten)?);
            }
            ListOutput::Csv => csv_out(&list.csv())?,
            ListOutput::Text => Output::Text.show("", |palette| list.text(palette))?,
        }
        if let Some(next) = list.next() {
            say_aside(&format!("more: the same command with --page {next}"));
        }
        Ok(())
    }
}

/// Line by line, since line ends are controls.
pub fn csv_out(text: &str) -> Result<(), Failure> {
    text.lines().try_for_each(say)
}

/// The moment so long ago.
pub fn before(now: Timestamp, period: SignedDuration) -> Timestamp {
    now.checked_sub(period).unwrap_or(Timestamp::MIN)
}
