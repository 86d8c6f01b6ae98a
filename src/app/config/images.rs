//! `[[images]]`: where objects of a kind have their images, for `verify`.

use super::section::Section;
use crate::kubernetes::images::KindImages;

/// Tables, at most.
const MAX_TABLES: usize = 1000;

pub(super) fn images(root: &mut Section<'_, '_>) -> Vec<KindImages> {
    let sections = root.sections("images").unwrap_or_default();
    if sections.len() > MAX_TABLES {
        root.problem("images", format_args!("has over {MAX_TABLES} tables"));
    }
    sections.into_iter().filter_map(one).collect()
}

fn one(mut section: Section<'_, '_>) -> Option<KindImages> {
    let kind = section.words("kind", "write kind = \"MyDatabase\", as objects say it");
    let path = section.words("path", "write path = \"spec.image\"");
    let read = kind.zip(path).and_then(|(kind, path)| {
        let read = KindImages::parse(&kind, &path);
        if let Err(error) = &read {
            section.problem("path", format_args!("{path:?} is no path: {error}"));
        }
        read.ok()
    });
    section.finish();
    read
}
