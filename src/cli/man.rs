//! `sekisho man`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;

use super::failure::{Exit, Failure};
use super::file;
use super::output::say;

/// Write the manual pages, one for each command
#[derive(Debug, Args)]
#[command(
    after_help = "Without DIR the page of the program itself goes to stdout.

Examples:
  sekisho man /usr/local/share/man/man1
  sekisho man | man -l -"
)]
pub struct WriteManual {
    /// The folder; it is made where it is not there
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl WriteManual {
    /// Writes the manual of `commands`.
    pub fn run(self, mut commands: clap::Command) -> Result<Exit, Failure> {
        // Gives each command below its whole name, as in `sekisho-scan-submit`.
        commands.build();
        match &self.folder {
            Some(folder) => {
                let written = fs::create_dir_all(folder)
                    .and_then(|()| write_pages(&commands, folder))
                    .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
                say(&format!("{written} pages in {}", folder.display()))?;
            }
            None => say(&page(&commands).map_err(|error| Failure::new(error.to_string()))?)?,
        }
        Ok(Exit::Done)
    }
}

/// The page of a command and of those below it; how many that are.
fn write_pages(command: &clap::Command, folder: &Path) -> io::Result<usize> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    file::replace(&folder.join(format!("{name}.1")), &page(command)?)?;
    let mut written = 1;
    for below in shown(command) {
        written += write_pages(below, folder)?;
    }
    Ok(written)
}

/// The commands below, without the one that only shows help.
fn shown(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    let below = command.get_subcommands();
    below.filter(|it| !it.is_hide_set() && it.get_name() != "help")
}

/// In the language of manual pages, roff.
fn page(command: &clap::Command) -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_that_names_it_as_it_is_typed() {
        let folder = tempfile::tempdir().unwrap();
        let mut commands = super::super::told_command();
        commands.build();
        let written = write_pages(&commands, folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), written);
        for (name, part) in [
            ("sekisho.1", "sekisho\\-status(1)"),
            ("sekisho-scan-submit.1", "\\-\\-report"),
            ("sekisho-break-glass.1", "\\-\\-ticket"),
        ] {
            let page = fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(page.contains(".TH"), "{name}: {page}");
            assert!(page.contains(part), "{name}: {page}");
        }
        assert!(!folder.path().join("sekisho-help.1").exists());
    }
}
