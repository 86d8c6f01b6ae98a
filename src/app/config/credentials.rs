//! Who the gateway is at an upstream.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::section::Section;

/// Credentials for an upstream, as their files held them at the start.
#[derive(Clone, Debug)]
pub enum ConfiguredCredentials {
    Password {
        username: String,
        file: PathBuf,
        password: SecretString,
    },
    /// A Docker `config.json`, and its text.
    DockerConfig { file: PathBuf, text: SecretString },
    /// A program that prints them, with its arguments; with a `username`, the password
    /// alone.
    Command {
        command: Vec<String>,
        username: Option<String>,
    },
}

/// A password as a file holds it: without the end of its line.
pub fn password_of(text: &str) -> SecretString {
    text.trim_end_matches(['\r', '\n']).into()
}

/// The program may be on the gateway's machine alone, so an absent one is no mistake for sure.
fn warn_of_absent(section: &Section<'_, '_>, command: Option<&[String]>) {
    let program = command.and_then(<[String]>::first).map(Path::new);
    if program.is_some_and(|it| it.is_absolute() && !it.is_file()) {
        section.warning("command", "names a program that is not on this machine");
    }
}

/// Reads `credentials`, where it stands.
pub(super) fn credentials(section: &mut Section<'_, '_>) -> Option<ConfiguredCredentials> {
    let mut written = section.optional_section("credentials")?;
    let username: Option<String> = written.read("username");
    let password = written.file_with_text("password_file");
    let docker = written.file_with_text("docker_config");
    let command: Option<Vec<String>> = written.list("command");
    let has = |key| usize::from(written.has(key));
    let sources = has("password_file") + has("docker_config") + has("command");
    let named = written.has("username");
    let fits = match written.has("docker_config") {
        true => !named,
        false => named || written.has("command"),
    };
    if sources != 1 || !fits {
        let text = "write either { username = \"…\", password_file = \"…\" }, \
                    { docker_config = \"…\" } or { command = [\"…\"] }";
        section.problem("credentials", text);
    }
    if command
        .as_ref()
        .is_some_and(|it| it.first().is_none_or(String::is_empty))
    {
        let hint = "name a program, as in [\"docker-credential-ecr-login\", \"get\"]";
        written.problem("command", format_args!("names no program; {hint}"));
    }
    warn_of_absent(&written, command.as_deref());
    written.finish();
    match (username, password, docker, command) {
        (Some(username), Some((file, text)), None, None) => Some(ConfiguredCredentials::Password {
            username,
            file,
            password: password_of(&text),
        }),
        (None, None, Some((file, text)), None) => Some(ConfiguredCredentials::DockerConfig {
            file,
            text: text.into(),
        }),
        (username, None, None, Some(command)) => {
            Some(ConfiguredCredentials::Command { command, username })
        }
        _ => None,
    }
}
