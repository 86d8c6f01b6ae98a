//! Where somebody who signs in comes back to: a page of this site, and no other place.

use http::Uri;
use url::form_urlencoded;

/// The form to sign in.
pub(super) const SIGN_IN: &str = "/sign-in";
const ROOT: &str = "/";

/// The address of the form below the root, which leads back to this path and query.
pub(super) fn form(next: Option<&str>) -> String {
    let form = SIGN_IN.trim_start_matches('/');
    match next {
        None | Some(ROOT) => form.to_owned(),
        Some(next) => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("{form}?next={next}")
        }
    }
}

/// Where the address of the form leads back to, as it says.
pub(super) fn asked(form: &Uri) -> String {
    let query = form.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let next = pairs.find(|(name, _)| name == "next");
    next.map_or_else(|| ROOT.to_owned(), |(_, next)| next.into_owned())
}

/// A path of this site as it is written on a page at the root; whatever else is asked for
/// leads to the root, and so does the form itself.
pub(super) fn below_root(next: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let is_form = next.split(['?', '#']).next() == Some(SIGN_IN);
    match next.strip_prefix('/') {
        Some(path) if !is_form && !path.starts_with('/') && path.bytes().all(plain) => {
            format!("./{path}")
        }
        _ => "./".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_leads_back_to_the_page_that_it_was_opened_from() {
        assert_eq!(form(Some("/")), "sign-in");
        for page in ["/d/1", "/images?cve=CVE-2026-1&name=a%26b", "/?within=6h"] {
            let address: Uri = format!("/{}", form(Some(page))).parse().unwrap();
            assert_eq!(asked(&address), page);
            assert_eq!(below_root(&asked(&address)), format!(".{page}"));
        }
    }

    #[test]
    fn signing_in_leads_to_pages_of_this_site_alone() {
        assert_eq!(
            below_root("/denials?reason=revoked"),
            "./denials?reason=revoked"
        );
        assert_eq!(below_root("/d/1"), "./d/1");
        for elsewhere in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a b",
            "/a\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            "/sign-in?next=/d/1",
        ] {
            assert_eq!(below_root(elsewhere), "./", "{elsewhere}");
        }
    }
}
