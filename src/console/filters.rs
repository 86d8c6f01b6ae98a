//! What a page is narrowed to: the query of its address, so that it can be shared.

use http::Uri;
use url::form_urlencoded;

/// Filters of one page that are read, at most.
const MAX_FILTERS: usize = 20;
/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 500;

/// Keys with their values, in the order of the address; empty ones are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters(Vec<(String, String)>);

impl Filters {
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let kept = pairs
            .map(|(key, value)| (key, value.trim().to_owned()))
            .filter(|(_, value)| !value.is_empty() && value.len() <= MAX_VALUE_BYTES);
        Self(kept.take(MAX_FILTERS).collect())
    }

    /// Empty where it is not set.
    pub fn get(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map_or("", |(_, value)| value)
    }

    pub fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == value
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A query of these keys, as far as they are set, and of `more`.
    pub fn query_of(&self, keys: &[&str], more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for key in keys.iter().filter(|key| !self.get(key).is_empty()) {
            query.append_pair(key, self.get(key));
        }
        query.extend_pairs(more);
        query.finish()
    }

    /// The query of the same page with one key changed.
    pub fn with(&self, key: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(known, _)| known != key);
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair(key, value)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_is_set() {
        let uri = Uri::from_static("/denials?image=a+b&reason=&environment=production&x=%26");
        let filters = Filters::of(&uri);
        assert_eq!(filters.get("image"), "a b");
        assert!(filters.is("reason", "") && !filters.is_empty());
        let query = filters.query_of(&["image", "reason"], &[("since", "1&2")]);
        assert_eq!(query, "image=a+b&since=1%262");
        let next = filters.with("environment", "staging");
        assert_eq!(next, "image=a+b&x=%26&environment=staging");
    }

    #[test]
    fn a_long_address_is_read_in_part() {
        let long = format!("/?a={}&b=1", "x".repeat(MAX_VALUE_BYTES + 1));
        let filters = Filters::of(&long.parse().unwrap());
        assert_eq!((filters.get("a"), filters.get("b")), ("", "1"));
    }
}
