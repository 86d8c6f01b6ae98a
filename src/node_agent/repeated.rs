//! What would be said again and again.

use std::time::Duration;

use tokio::time::Instant;

/// What lasts is said again after so long, for who reads the end of a log alone.
const SAID_ANEW: Duration = Duration::from_secs(3600);

/// The last thing that was said of one matter.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    said: Option<(String, Instant)>,
}

impl Repeated {
    /// Whether it is to be said: it is another thing than before, or that was long ago.
    pub(super) fn is_news(&mut self, text: &str, now: Instant) -> bool {
        if let Some((said, at)) = &self.said
            && said == text
            && now.duration_since(*at) < SAID_ANEW
        {
            return false;
        }
        self.said = Some((text.to_owned(), now));
        true
    }

    /// All is well: whatever comes next is news.
    pub(super) fn is_over(&mut self) {
        self.said = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_and_again_after_long() {
        let (mut told, begun) = (Repeated::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert!(told.is_news("gone", begun));
        assert!(!told.is_news("gone", begun + second));
        assert!(told.is_news("forbidden", begun + second));
        assert!(told.is_news("gone", begun + second));
        assert!(!told.is_news("gone", begun + SAID_ANEW));
        assert!(told.is_news("gone", begun + SAID_ANEW + second));
        told.is_over();
        assert!(told.is_news("gone", begun + SAID_ANEW + second));
    }
}
