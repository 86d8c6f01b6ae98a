//! The file of an agent's token.

use std::path::Path;

use super::error::AgentError;
use super::gateway_tls::read;

/// The token in a file, as it is sent. What surely is none is not sent at all.
pub(super) fn token_in(file: &Path) -> Result<String, AgentError> {
    let bytes = read("--token-file", file)?;
    let text = String::from_utf8_lossy(&bytes);
    let token = text.trim();
    let flaw = match token {
        "" => "is empty; write a token of role node into it",
        _ if token.starts_with('{') => {
            "holds JSON; write the `secret` in it alone, as jq -r .secret prints it"
        }
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            "holds more than a token, which is one word: sks_…"
        }
        _ => return Ok(token.to_owned()),
    };
    Err(AgentError::Token(file.display().to_string(), flaw))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, text).unwrap();
        token_in(&file).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn what_surely_is_no_token_is_never_sent() {
        assert_eq!(told("sks_12\n"), "sks_12");
        for (text, said) in [
            ("", "is empty"),
            ("\n", "is empty"),
            ("{\"secret\":\"sks_12\"}", "jq -r .secret"),
            ("sks_12\nsks_13\n", "one word"),
            ("sks_\u{e9}", "one word"),
        ] {
            let said_of_it = told(text);
            assert!(said_of_it.starts_with("--token-file "), "{said_of_it}");
            assert!(said_of_it.contains(said), "{text}: {said_of_it}");
            assert!(!said_of_it.contains("12"), "{said_of_it}");
        }
        let absent = token_in(Path::new("/nonexistent/token")).unwrap_err();
        assert!(
            absent
                .to_string()
                .starts_with("--token-file /nonexistent/token: "),
            "{absent}"
        );
    }
}
