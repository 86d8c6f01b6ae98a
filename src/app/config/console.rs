//! What the pages for people lead to.

use super::section::Section;
use super::urls::web_address;

/// The places that a template may name.
const PLACES: [&str; 5] = ["{file}", "{content}", "{title}", "{branch}", "{image}"];

/// The pages that people watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// Where a drafted exception is opened as a merge request, with places for its file,
    /// content, title, branch and image.
    pub merge_request_url: Option<String>,
}

/// Reads `[console]`.
pub(super) fn console(root: &mut Section<'_, '_>) -> ConsoleConfig {
    let mut section = root.section("console");
    let merge_request_url = merge_request_url(&mut section);
    section.finish();
    ConsoleConfig { merge_request_url }
}

fn merge_request_url(section: &mut Section<'_, '_>) -> Option<String> {
    let key = "merge_request_url";
    let text: String = section.read(key)?;
    let hint = "write it as https://gitlab.example/…/-/new/main?file_name={file}&content={content}";
    // Filled as it will be, so that it is a web address then.
    let mut filled = text.clone();
    for place in PLACES {
        filled = filled.replace(place, "x");
    }
    web_address(section, key, &filled, hint, |_| true)?;
    if filled == text {
        section.hinted_problem(key, "names no place for what is drafted", hint);
        return None;
    }
    if filled.contains(['{', '}']) {
        let known = PLACES.join(", ");
        let told = format!("names a place that there is not; there are {known}");
        section.hinted_problem(key, told, hint);
        return None;
    }
    Some(text)
}
