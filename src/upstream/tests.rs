//! Headers of upstreams, whatever they write into them.

use http::{HeaderMap, HeaderValue, header};

use super::challenge::{Challenge, parse};
use super::link::next_query;
use crate::tests::Fuzz;

#[test]
fn fuzz_challenges() {
    let seeds = [
        "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"",
        "Negotiate abc==, bEaReR realm = \"a,b\" , Basic realm=\"x\\\"y\", Digest q=1",
    ];
    Fuzz::new("challenges", &seeds).run(|text| {
        let Ok(text) = std::str::from_utf8(text) else {
            return "no text".to_owned();
        };
        let found = parse(text);
        for challenge in &found {
            // It means the same beside another scheme that is not known.
            assert!(parse(&format!("Other x=1, {text}")).contains(challenge));
        }
        let kind = |challenge: &Challenge| match challenge {
            Challenge::Basic => "basic",
            Challenge::Bearer { service: None, .. } => "bearer",
            Challenge::Bearer { .. } => "bearer of a service",
        };
        found.iter().take(4).map(kind).collect()
    });
}

#[test]
fn fuzz_links() {
    let seeds = [
        "</v2/a/tags/list?n=2&last=b>; rel=\"next\"",
        "<?first>; rel=\"prev\", <https://elsewhere.test/x?last=b#c>; title=\"a, b\"; REL=\"x next\"",
    ];
    Fuzz::new("links", &seeds).run(|text| {
        let Ok(value) = HeaderValue::from_bytes(text) else {
            return "no header".to_owned();
        };
        let query = next_query(&HeaderMap::from_iter([(header::LINK, value)]));
        // Only the query of a link is used: it leads to no other path and to no other host.
        assert!(!query.as_ref().is_some_and(|query| query.contains('#')));
        query.map_or("none".to_owned(), |query| format!("{}", query.is_empty()))
    });
}
