//! Exit codes and failures of commands.

use std::process::ExitCode;

use super::aside::say_aside;
use crate::api::{ErrorBody, ErrorCode, VerdictView};
use crate::app::config::Problems;
use crate::oci::{readable, without_user_info};
use crate::trust::DenialReason;

/// Exit codes, as documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or allowed.
    Done,
    Failure,
    Usage,
    Denied,
    Config,
    /// Nobody reads the output any more, as behind `| head`: 128 and SIGPIPE's number,
    /// as a shell reports the programs that the signal ends.
    ReaderGone,
}

impl Exit {
    /// What a verdict ends with. One that cannot be given is a failure, as a pull's 503 is:
    /// a pipeline tries again, and looks for no fault in the image.
    pub fn of(verdict: &VerdictView) -> Self {
        match verdict.allowed {
            true => Self::Done,
            false if verdict.is_undecided() => Self::Failure,
            false => Self::Denied,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Denied => 3,
            Exit::Config => 64,
            Exit::ReaderGone => 141,
        })
    }
}

/// Why a command did not do what it was asked: which input, and what to do next.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    next_step: Option<String>,
    /// When the server refused it.
    code: Option<ErrorCode>,
    /// Likewise, where pulls are denied for it.
    reason: Option<DenialReason>,
    /// When judged and denied: the verdict, and the answer that it came in.
    verdict: Option<Box<(VerdictView, String)>>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failure,
            message: message.into(),
            next_step: None,
            code: None,
            reason: None,
            verdict: None,
        }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(message)
        }
    }

    /// Nobody reads the output any more: the command ends, and says nothing.
    pub fn reader_gone() -> Self {
        Self {
            exit: Exit::ReaderGone,
            ..Self::new("nobody reads the output")
        }
    }

    /// Every problem on a line of its own.
    pub fn config(problems: &Problems) -> Self {
        Self::bad_config(problems.to_string())
    }

    /// The configuration is not what the command needs.
    pub fn bad_config(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Config,
            ..Self::new(message)
        }
    }

    /// What the server refused, and its answer as it came.
    pub fn refused(body: ErrorBody, raw: String) -> Self {
        let exit = match body.error.code {
            ErrorCode::Denied => Exit::Denied,
            _ => Exit::Failure,
        };
        Self {
            exit,
            message: readable(&body.error.message, 2000),
            next_step: body.error.next_step.map(|step| readable(&step, 1000)),
            code: Some(body.error.code),
            reason: body.error.reason,
            verdict: body.verdict.map(|verdict| Box::new((*verdict, raw))),
        }
    }

    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step.get_or_insert(step.into());
        self
    }

    /// Says what to do next in place of what the server said.
    pub fn instead(mut self, step: &str) -> Self {
        self.next_step = Some(step.to_owned());
        self
    }

    /// Ends as a denial does, where pulls are denied for what the server refused.
    pub const fn denied_as_pulls_are(mut self) -> Self {
        match self.reason {
            None | Some(DenialReason::Undecidable) => {}
            Some(_) => self.exit = Exit::Denied,
        }
        self
    }

    /// Ends as a wrong argument does, where the server could not read what was asked.
    pub const fn asked_wrongly(mut self) -> Self {
        if matches!(self.code, Some(ErrorCode::BadRequest)) {
            self.exit = Exit::Usage;
        }
        self
    }

    /// Says which of several things it is about.
    pub fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The error code of the server's answer.
    pub const fn code(&self) -> Option<ErrorCode> {
        self.code
    }

    /// For which pulls are denied what the server refused.
    pub const fn reason(&self) -> Option<DenialReason> {
        self.reason
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn next_step(&self) -> Option<&str> {
        self.next_step.as_deref()
    }

    /// The verdict and the raw answer, when judged and denied; else itself.
    pub fn into_verdict(mut self) -> Result<(VerdictView, String), Self> {
        match self.verdict.take() {
            Some(verdict) => Ok(*verdict),
            None => Err(self),
        }
    }

    /// Says it on stderr, unless it is only that nobody reads the output.
    pub fn tell(&self) -> ExitCode {
        if self.exit != Exit::ReaderGone {
            say_aside(&self.to_string());
        }
        self.exit.into()
    }
}

/// Passwords in URLs are never shown.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.exit {
            Exit::Config => f.write_str(&without_user_info(&self.message))?,
            _ => write!(f, "sekisho: {}", without_user_info(&self.message))?,
        }
        match &self.next_step {
            Some(step) => write!(f, "\n  {}", without_user_info(step)),
            None => Ok(()),
        }
    }
}
