//! Where an image stands in objects of a kind: `spec.templates[].container.image`.

use super::node::YamlNode;
use crate::oci::printable;

/// Steps of one path, at most.
const MOST_STEPS: usize = 32;
/// The longest key in the place of an image, in characters.
pub(super) const MAX_KEY_CHARS: usize = 120;
/// Bytes of one path, at most; no longer one is told either, since it could not be named.
pub(super) const MAX_PATH_BYTES: usize = 512;
/// In the place of what is cut from a path.
const CUT: &str = "...";

/// Why a text is no path to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a path is keys with dots between them, as in spec.templates[].container.image; behind a key, \
     [] is each entry of its list"
)]
pub struct ImagePathError;

/// The way from an object's root to the texts that name images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// Each entry of a list.
    Each,
}

/// What stands at the end of a path, the map or list entry around it, and its place.
pub(super) struct PathEnd<'a> {
    pub(super) around: &'a YamlNode,
    pub(super) value: &'a YamlNode,
    pub(super) path: String,
}

impl ImagePath {
    /// Reads `a.b[].c`: at most 32 steps.
    ///
    /// # Errors
    /// [`ImagePathError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ImagePathError> {
        let mut steps = Vec::new();
        for part in text.split('.') {
            let key = part.trim_end_matches("[]");
            let lists = (part.len() - key.len()) / 2;
            let is_plain = !key.is_empty() && !key.contains(['[', ']', ' ']);
            if !is_plain {
                return Err(ImagePathError);
            }
            steps.push(Step::Key(key.to_owned()));
            steps.extend((0..lists).map(|_| Step::Each));
        }
        match steps.len() <= MOST_STEPS && text.len() <= MAX_PATH_BYTES {
            true => Ok(Self(steps)),
            false => Err(ImagePathError),
        }
    }

    /// All that it leads to from `root`, one by one, since there may be more than anybody
    /// takes; what is not there is left out.
    pub(super) fn follow<'a>(&'a self, root: &'a YamlNode, origin: &str) -> PathEnds<'a> {
        let root = PathEnd {
            around: root,
            value: root,
            path: origin.to_owned(),
        };
        let mut found: PathEnds<'a> = Box::new(std::iter::once(root));
        for step in &self.0 {
            found = Box::new(found.flat_map(move |at| at.step(step)));
        }
        Box::new(found.filter(|at| *at.value != YamlNode::Null))
    }
}

pub(super) type PathEnds<'a> = Box<dyn Iterator<Item = PathEnd<'a>> + 'a>;

impl<'a> PathEnd<'a> {
    fn step(self, step: &'a Step) -> PathEnds<'a> {
        match (step, self.value) {
            (Step::Key(key), map @ YamlNode::Map(_)) => {
                let at_key = move |value| Self {
                    around: map,
                    value,
                    path: below(&self.path, key),
                };
                Box::new(map.get(key).map(at_key).into_iter())
            }
            (Step::Each, YamlNode::List(items)) => {
                let at = move |(at, value): (usize, &'a YamlNode)| Self {
                    around: value,
                    value,
                    path: entry_of(&self.path, at),
                };
                Box::new(items.iter().enumerate().map(at))
            }
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// The place of `key` in the map at `path`.
pub(super) fn below(path: &str, key: &str) -> String {
    let key = printable(key, MAX_KEY_CHARS);
    match path.is_empty() {
        true => key,
        false => told(format!("{path}.{key}")),
    }
}

/// The place of an entry of the list at `path`.
pub(super) fn entry_of(path: &str, at: usize) -> String {
    told(format!("{path}[{at}]"))
}

/// Without its middle where it is too long: a small file of long keys that nest, with a
/// long list below them, would take gigabytes of paths else. Paths grow by pieces, so that
/// what is cut already is cut again: its beginning and the newest end stay.
pub(super) fn told(path: String) -> String {
    if path.len() <= MAX_PATH_BYTES {
        return path;
    }
    let kept = MAX_PATH_BYTES - CUT.len();
    let head: String = path.chars().take(kept / 2).collect();
    let tail: Vec<char> = path.chars().rev().take(kept - kept / 2).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}{CUT}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_keeps_its_beginning_and_its_end_however_it_grew() {
        let keys = |count: usize| (0..count).map(|at| format!("{at:0>100}"));
        let grown = keys(90).fold("spec".to_owned(), |path, key| below(&path, &key));
        let grown = entry_of(&below(&grown, "images"), 7);
        assert_eq!(grown.len(), MAX_PATH_BYTES);
        assert!(grown.starts_with("spec.0000") && grown.ends_with("89.images[7]"));
        assert_eq!(grown.matches(CUT).count(), 1, "{grown}");
        let whole = format!("spec.{}.images[7]", keys(90).collect::<Vec<_>>().join("."));
        assert_eq!(told(whole), grown);
        assert_eq!(entry_of("spec.images", 7), "spec.images[7]");
    }

    #[test]
    fn reads_paths_and_refuses_what_is_none() {
        for good in ["image", "spec.image", "spec.a[].b[][].image"] {
            assert!(ImagePath::parse(good).is_ok(), "{good}");
        }
        let long = vec!["a"; MOST_STEPS + 1].join(".");
        for bad in [
            "",
            ".",
            "spec.",
            "spec[0].image",
            "spec..image",
            "[].a",
            "a b",
            &long,
        ] {
            assert_eq!(ImagePath::parse(bad), Err(ImagePathError), "{bad}");
        }
    }
}
