//! Credentials of object stores, as a file holds them: lines `name = value`, in the words
//! of the cloud's own tools. A line in brackets begins a section; the first one counts.

use super::error::RemoteError;

/// The pairs of the first section.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, RemoteError> {
    let mut pairs = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with('[') {
            match pairs.is_empty() {
                true => continue,
                false => break,
            }
        }
        // Never the line itself: it may be a secret.
        let Some((name, value)) = line.split_once('=') else {
            let text = format!("line {} of its credentials is not name = value", at + 1);
            return Err(RemoteError::Unusable(text));
        };
        pairs.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    match pairs.is_empty() {
        true => Err(RemoteError::Unusable(
            "its credentials are empty".to_owned(),
        )),
        false => Ok(pairs),
    }
}
