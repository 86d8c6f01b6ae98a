//! `Link` headers (RFC 8288), as far as lists use them: to their next page.

use http::{HeaderMap, header};

/// The query of the next page, as in
/// `Link: </v2/a/tags/list?n=2&last=b>; rel="next"`. Where the link points is not looked
/// at: registries behind a proxy name their own host or leave out its path, and nothing
/// of ours may be led elsewhere.
pub(super) fn next_query(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::LINK).into_iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let target = texts.flat_map(links).find_map(|(target, parameters)| {
        let is_next = parameters.split(';').any(is_next);
        is_next.then_some(target)
    })?;
    let (_, query) = target.split_once('?').unwrap_or_default();
    Some(query.split('#').next().unwrap_or_default().to_owned())
}

/// Targets with their parameters. A comma parts links only before a `<`.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('<')
        .skip(1)
        .filter_map(|link| link.split_once('>'))
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let value = value.trim_matches([' ', '\t', ',', '"']);
    let mut relations = value.split(' ');
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|it| it.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(lines: &[&str]) -> Option<String> {
        let lines = lines.iter().map(|line| line.parse().unwrap());
        next_query(&lines.map(|line| (header::LINK, line)).collect())
    }

    #[test]
    fn takes_the_query_of_the_next_page_alone() {
        let cases: [(&[&str], &str); 6] = [
            (
                &["</v2/a/tags/list?n=2&last=b>; rel=\"next\""],
                "n=2&last=b",
            ),
            (&["<https://elsewhere.test/x?last=b#c>; rel=next"], "last=b"),
            (&["<?last=b>; title=\"a, b\"; REL=\"prev next\""], "last=b"),
            (
                &["<?first>; rel=\"prev\", <?last=b>; rel=\"next\""],
                "last=b",
            ),
            (
                &["<?first>; rel=\"prev\"", "<?last=b>; rel=\"next\""],
                "last=b",
            ),
            (&["</v2/a/tags/list>; rel=\"next\""], ""),
        ];
        for (lines, query) in cases {
            assert_eq!(next(lines).as_deref(), Some(query), "{lines:?}");
        }
        assert_eq!(next(&[]), None);
        for line in [
            "<?last=b>; rel=\"prev\"",
            "<?last=b>",
            "?last=b; rel=\"next\"",
            "garbage",
        ] {
            assert_eq!(next(&[line]), None, "{line}");
        }
    }
}
