//! Mistakes in the command line, where clap's own words mislead.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// `help --help` asks for what `help` tells, and clap knows no such option of it.
pub fn without_help_of_help(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let words = arguments.get(1..).unwrap_or_default();
    let Some(place) = place_of_help(command, words) else {
        return arguments;
    };
    let kept = arguments.into_iter().enumerate().filter(|(at, word)| {
        let asks = word == "--help" || word == "-h";
        *at <= place + 1 || !asks
    });
    kept.map(|(_, word)| word).collect()
}

/// Where `help` stands as a command, behind those that have others below them.
fn place_of_help(command: &Command, words: &[OsString]) -> Option<usize> {
    let (first, rest) = words.split_first()?;
    match first.to_str()? {
        _ if !command.has_subcommands() => None,
        "help" => Some(0),
        name => place_of_help(command.find_subcommand(name)?, rest).map(|place| place + 1),
    }
}

/// What clap says of these arguments, in better words where there are any. `bare`: the
/// command line that reads no variables.
pub fn told(error: Error, mut bare: Command, arguments: &[OsString]) -> Error {
    if !error.use_stderr() {
        return error;
    }
    // What variables say stands in usage lines as if it had to be written.
    let again = bare.try_get_matches_from_mut(arguments).err();
    let error = match again {
        Some(again) if is_same(&error, &again) => again,
        _ => error,
    };
    match one_too_many(&error) {
        Some(told) => told.with_cmd(&bare),
        None => error,
    }
}

/// Whether both are of the same kind and about the same.
fn is_same(one: &Error, other: &Error) -> bool {
    let about = |error: &Error| -> Vec<(ContextKind, String)> {
        let about = error
            .context()
            .filter(|(kind, _)| *kind != ContextKind::Usage);
        about
            .map(|(kind, value)| (kind, value.to_string()))
            .collect()
    };
    one.kind() == other.kind() && about(one) == about(other)
}

/// A word behind all that are taken, which clap takes for a command that stands too late.
fn one_too_many(error: &Error) -> Option<Error> {
    let word = match error.get(ContextKind::InvalidSubcommand)? {
        ContextValue::String(word) if error.kind() == ErrorKind::ArgumentConflict => word,
        _ => return None,
    };
    let before = error.get(ContextKind::PriorArg)?;
    let why = format!("it is one word too many behind {before}");
    let mut told = Error::new(ErrorKind::UnknownArgument);
    told.insert(
        ContextKind::InvalidArg,
        ContextValue::String(word.to_owned()),
    );
    told.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![why.into()]),
    );
    if let Some(usage) = error.get(ContextKind::Usage) {
        told.insert(ContextKind::Usage, usage.clone());
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_help_of_help_is_left_out() {
        let below = Command::new("token").subcommand(Command::new("list"));
        let command = Command::new("sekisho")
            .subcommand(below)
            .subcommand(Command::new("explain"));
        for (line, read) in [
            ("sekisho help --help", "sekisho help"),
            ("sekisho help -h", "sekisho help"),
            ("sekisho help token --help", "sekisho help token"),
            ("sekisho token help --help", "sekisho token help"),
            ("sekisho --help", "sekisho --help"),
            ("sekisho token --help", "sekisho token --help"),
            ("sekisho explain help --help", "sekisho explain help --help"),
            ("sekisho", "sekisho"),
        ] {
            let words = line.split(' ').map(OsString::from).collect();
            let kept: Vec<OsString> = read.split(' ').map(OsString::from).collect();
            assert_eq!(without_help_of_help(&command, words), kept, "{line}");
        }
    }
}
