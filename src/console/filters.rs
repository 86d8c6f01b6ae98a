//! What a page is narrowed to, as its address says: so that a view can be shared.

use std::collections::BTreeMap;

use http::Uri;
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::admin_api::address;

/// The longest value that is taken from an address, in bytes.
const MAX_VALUE_BYTES: usize = 1000;

/// The filters that an address sets, by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters(BTreeMap<String, String>);

impl Filters {
    /// Those of `known` that have a value; others belong to other pages.
    pub fn of(uri: &Uri, known: &[&str]) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let set = pairs.filter_map(|(name, value)| {
            let value = value.trim();
            let is_known = known.contains(&&*name);
            let is_set = is_known && !value.is_empty() && value.len() <= MAX_VALUE_BYTES;
            is_set.then(|| (name.into_owned(), value.to_owned()))
        });
        Self(set.collect())
    }

    /// Empty where it is not set.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Those among `names` alone.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| names.contains(&&**name));
        self
    }

    /// The page at `path` with these filters.
    pub fn at(&self, path: &str) -> String {
        address(path, &self.0)
    }

    /// The API at `path`, as it is asked for the page.
    pub fn twin(&self, path: &str, now: Timestamp) -> String {
        address(path, &self.query(now))
    }

    /// The same as the API is asked, where `since` is a moment.
    pub fn query(&self, now: Timestamp) -> BTreeMap<String, String> {
        let mut query = self.0.clone();
        if let Some(period) = query.remove("since") {
            let since = now.checked_sub(period_of(&period));
            let since = since.unwrap_or(Timestamp::MIN);
            query.insert("since".to_owned(), since.to_string());
        }
        query
    }
}

/// A word of the pages' own forms; another one is a day.
fn period_of(word: &str) -> SignedDuration {
    let hours = match word {
        "1h" => 1,
        "7d" => 7 * 24,
        "30d" => 30 * 24,
        _ => 24,
    };
    SignedDuration::from_hours(hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_sets_what_its_page_knows_and_is_written_again() {
        let uri: Uri = "/acts?act=revoke&since=7d&x=1&principal=&image=a%26b"
            .parse()
            .unwrap();
        let filters = Filters::of(&uri, &["act", "since", "principal", "image"]);
        assert_eq!(
            (filters.get("act"), filters.get("principal")),
            ("revoke", "")
        );
        assert_eq!(filters.at("acts"), "acts?act=revoke&image=a%26b&since=7d");
        let now: Timestamp = "2026-06-08T00:00:00Z".parse().unwrap();
        assert_eq!(filters.query(now)["since"], "2026-06-01T00:00:00Z");
        let next = filters.with("page", "x").without("image");
        assert_eq!(next.at("acts"), "acts?act=revoke&page=x&since=7d");
        assert_eq!(next.only(&["act", "image"]).at("live"), "live?act=revoke");
    }

    #[test]
    fn a_value_beyond_the_bound_is_none() {
        let long = format!("/?a={}&b=1", "x".repeat(MAX_VALUE_BYTES + 1));
        let filters = Filters::of(&long.parse().unwrap(), &["a", "b"]);
        assert_eq!((filters.get("a"), filters.get("b")), ("", "1"));
    }
}
