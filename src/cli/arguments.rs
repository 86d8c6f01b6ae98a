//! The arguments that commands share. No command is known here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;

use super::failure::Failure;
use super::output::Output;
use crate::app::config::{AdminAccess, Config, Problems, ledger_location};
use crate::ledger::LedgerLocation;
use crate::oci::{Digest, ImageRef, RegistryHost, RepositoryGlobs};
use crate::trust::Exposure;

/// What every command takes.
#[derive(Debug, Args)]
pub struct SharedArgs {
    /// The configuration file; without one, the defaults hold
    #[arg(long, global = true, env = "SEKISHO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to log, on stderr: info, or warn,sekisho::gate=debug
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

impl SharedArgs {
    /// Reads the configuration to serve by it: without exceptions that are invalid. What else
    /// is wrong with it ends the command.
    pub fn load_to_serve(&self) -> Result<Config, Failure> {
        Config::load_to_serve(self.config.as_deref(), variable, Timestamp::now())
            .map_err(|problems| Failure::config(&problems))
    }

    /// Reads the configuration.
    pub fn read(&self) -> Result<Config, Problems> {
        Config::load(self.config.as_deref(), variable, Timestamp::now())
    }

    /// Reads those keys of the configuration, or all, and neither the files that it names
    /// nor exceptions and advisories.
    pub fn load_parts(&self, keys: Option<&[&str]>) -> Result<Config, Failure> {
        let file = self.config.as_deref();
        Config::load_parts(file, variable, Timestamp::now(), keys)
            .map_err(|problems| Failure::config(&problems))
    }

    /// Reads where the admin API is, and nothing else of the configuration.
    pub fn admin_access(&self) -> Result<AdminAccess, Problems> {
        AdminAccess::load(self.config.as_deref(), variable)
    }

    /// Reads where the ledger is, and nothing else of the configuration.
    pub fn ledger_location(&self) -> Result<LedgerLocation, Failure> {
        ledger_location(self.config.as_deref(), variable)
            .map_err(|problems| Failure::config(&problems))
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// For commands that show something.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// text for people, json for scripts: exactly what the API answered
    #[arg(short, long, value_name = "text|json", default_value = "text", value_parser = output())]
    pub output: Output,
}

/// `text` or `json`.
pub fn output() -> impl TypedValueParser<Value = Output> {
    PossibleValuesParser::new(["text", "json"]).map(|word| match word.as_str() {
        "json" => Output::Json,
        _ => Output::Text,
    })
}

/// `external` or `internal`.
pub fn exposure() -> impl TypedValueParser<Value = Exposure> {
    PossibleValuesParser::new(["external", "internal"]).map(|word| match word.as_str() {
        "internal" => Exposure::Internal,
        _ => Exposure::External,
    })
}

/// One of `all`, by its word: completion offers them.
pub fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(word)).try_map(move |text| {
        let named = all.into_iter().find(|it| word(*it) == text);
        named.ok_or_else(|| format!("{text} is none of them"))
    })
}

/// A number of hours, from one to `most`.
pub fn hours(most: u32) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync {
    move |text| match text.parse() {
        Ok(hours) if (1..=most).contains(&hours) => Ok(hours),
        _ => Err(format!("write a whole number of hours, from 1 to {most}")),
    }
}

/// A moment, which is one only with its offset from UTC.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let form = "write date, time and offset from UTC, as 2026-06-01T12:00:00Z";
    text.parse().map_err(|_| form.to_owned())
}

/// What a list is narrowed to: a part of a name, a digest, or a glob over host/name.
pub fn image_filter(text: &str) -> Result<String, String> {
    if text.contains('*') {
        RepositoryGlobs::asked(text)?;
    }
    Ok(text.to_owned())
}

/// An image name, as written: the server fills in what it leaves out. Only its
/// form is checked here.
pub fn image(text: &str) -> Result<String, String> {
    if Digest::parse(text).is_ok() {
        return Err(format!(
            "a digest alone names no image; write host/name@{text}, which sekisho images \
             --digest {text} finds"
        ));
    }
    let anywhere = RegistryHost::parse(RegistryHost::DOCKER_HUB);
    let host = anywhere.map_err(|error| error.to_string())?;
    ImageRef::parse(text, &host)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_hours_or_no_moment_shows_the_form() {
        assert_eq!((hours(24)("1"), hours(24)("24")), (Ok(1), Ok(24)));
        for bad in ["2h", "0", "25", "", "-1"] {
            assert!(
                hours(24)(bad).unwrap_err().contains("from 1 to 24"),
                "{bad}"
            );
        }
        assert!(moment("2026-06-01T12:00:00+02:00").is_ok());
        for bad in ["yesterday", "2026-06-01", "2026-06-01T12:00:00"] {
            assert!(moment(bad).unwrap_err().contains("T12:00:00Z"), "{bad}");
        }
    }

    #[test]
    fn an_image_name_is_checked_at_once() {
        assert_eq!(image("nginx:1.27"), Ok("nginx:1.27".to_owned()));
        assert!(
            image("https://docker.io/nginx")
                .unwrap_err()
                .contains("without a scheme")
        );
    }
}
