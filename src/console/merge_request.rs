//! The address at which a draft is opened as a merge request: the company's own, with places
//! that are filled here.

use url::form_urlencoded::byte_serialize;

/// Addresses beyond this are cut by servers on the way; then there is no link, and the
/// draft is copied.
const MAX_ADDRESS_BYTES: usize = 6_000;
/// The longest name of a file or a branch, in characters.
const MAX_NAME_CHARS: usize = 100;

/// What fills the places.
pub(super) struct DraftFile<'a> {
    pub kind: DraftKind,
    /// What it is about: an image as `host/name`, a vulnerability, a package or a digest.
    pub about: &'a str,
    pub content: &'a str,
    /// Makes the names of files and branches unique; may be empty.
    pub unique: &'a str,
}

/// Which folder a draft goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DraftKind {
    Exception,
    Advisory,
}

/// `None`: it would be too long.
pub(super) fn address(template: &str, file: &DraftFile<'_>) -> Option<String> {
    let name = name(file);
    let (folder, branch, title) = match file.kind {
        DraftKind::Exception => ("exceptions", "exception", "Accept findings in"),
        DraftKind::Advisory => ("advisories", "advisory", "Block"),
    };
    let filled = template
        .replace("{file}", &encoded(&format!("{folder}/{name}.toml")))
        .replace("{branch}", &encoded(&format!("{branch}-{name}")))
        .replace("{title}", &encoded(&format!("{title} {}", file.about)))
        .replace("{image}", &encoded(file.about))
        .replace("{content}", &encoded(file.content));
    (filled.len() <= MAX_ADDRESS_BYTES).then_some(filled)
}

fn name(file: &DraftFile<'_>) -> String {
    let about = file.about.chars().take(MAX_NAME_CHARS);
    let name: String = about.map(|it| plain(it.to_ascii_lowercase())).collect();
    let unique = file.unique.get(..8).unwrap_or(file.unique);
    match unique {
        "" => name,
        unique => format!("{name}-{unique}"),
    }
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

    fn file(content: &str) -> DraftFile<'_> {
        DraftFile {
            kind: DraftKind::Exception,
            about: "registry.corp:5000/team/app",
            content,
            unique: "4f0c0a7d1f6f4d0e",
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
    fn an_advisory_goes_to_its_own_folder() {
        let advisory = DraftFile {
            kind: DraftKind::Advisory,
            about: "CVE-2026-1234",
            content: "",
            unique: "",
        };
        let address = address("https://x.example/{file}?{branch}&{title}", &advisory).unwrap();
        assert_eq!(
            address,
            "https://x.example/advisories%2Fcve-2026-1234.toml?advisory-cve-2026-1234&Block%20CVE-2026-1234"
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
