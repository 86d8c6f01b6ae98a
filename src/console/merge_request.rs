//! The address at which a drafted exception is opened as a merge request: the company's own,
//! with places that are filled here.

use url::form_urlencoded::byte_serialize;

/// Addresses beyond this are cut by servers on the way; then there is no link, and the
/// draft is copied.
const MAX_ADDRESS_BYTES: usize = 6_000;

/// What fills the places.
pub(super) struct ExceptionFile<'a> {
    /// `host/name`.
    pub image: &'a str,
    pub content: &'a str,
    /// Where the draft comes from; the beginning of it makes names unique.
    pub decision: &'a str,
}

/// `None`: it would be too long.
pub(super) fn address(template: &str, file: &ExceptionFile<'_>) -> Option<String> {
    let name: String = file.image.chars().map(plain).collect();
    let unique = file.decision.get(..8).unwrap_or(file.decision);
    let filled = template
        .replace(
            "{file}",
            &encoded(&format!("exceptions/{name}-{unique}.toml")),
        )
        .replace("{branch}", &encoded(&format!("exception-{name}-{unique}")))
        .replace(
            "{title}",
            &encoded(&format!("Accept findings in {}", file.image)),
        )
        .replace("{image}", &encoded(file.image))
        .replace("{content}", &encoded(file.content));
    (filled.len() <= MAX_ADDRESS_BYTES).then_some(filled)
}

/// `%20`, not `+`, which only forms read as a space.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes())
        .map(|part| if part == "+" { "%20" } else { part })
        .collect()
}

fn plain(character: char) -> char {
    match character {
        'a'..='z' | '0'..='9' => character,
        _ => '-',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str =
        "https://gitlab.example/s/e/-/new/main?file_name={file}&content={content}&b={branch}";

    fn file(content: &str) -> ExceptionFile<'_> {
        ExceptionFile {
            image: "registry.corp:5000/team/app",
            content,
            decision: "4f0c0a7d1f6f4d0e",
        }
    }

    #[test]
    fn every_place_is_filled_and_nothing_leaves_its_place() {
        let address = address(TEMPLATE, &file("a = \"b&c\"\n# {branch} ?")).unwrap();
        assert_eq!(
            address,
            "https://gitlab.example/s/e/-/new/main\
             ?file_name=exceptions%2Fregistry-corp-5000-team-app-4f0c0a7d.toml\
             &content=a%20%3D%20%22b%26c%22%0A%23%20%7Bbranch%7D%20%3F\
             &b=exception-registry-corp-5000-team-app-4f0c0a7d"
        );
    }

    #[test]
    fn a_draft_too_long_for_an_address_gets_none() {
        assert_eq!(
            address(TEMPLATE, &file(&"x".repeat(MAX_ADDRESS_BYTES))),
            None
        );
    }
}
