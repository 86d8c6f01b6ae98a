//! Where an image stands in objects of a kind: `spec.templates[].container.image`.

use super::node::YamlNode;
use crate::oci::printable;

/// Steps of one path, at most.
const MOST_STEPS: usize = 32;
/// The longest key in the place of an image, in characters.
pub(super) const MAX_KEY_CHARS: usize = 120;
/// Bytes of one path, at most.
const MAX_PATH_BYTES: usize = 512;

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

    /// All that it leads to from `root`; what is not there is left out.
    pub(super) fn follow<'a>(&self, root: &'a YamlNode, origin: &str) -> Vec<PathEnd<'a>> {
        let mut found = vec![PathEnd {
            around: root,
            value: root,
            path: origin.to_owned(),
        }];
        for step in &self.0 {
            found = found.iter().flat_map(|at| at.step(step)).collect();
        }
        found.retain(|at| *at.value != YamlNode::Null);
        found
    }
}

impl<'a> PathEnd<'a> {
    fn step(&self, step: &Step) -> Vec<PathEnd<'a>> {
        match (step, self.value) {
            (Step::Key(key), map @ YamlNode::Map(_)) => {
                let at_key = |value| Self {
                    around: map,
                    value,
                    path: below(&self.path, key),
                };
                map.get(key).map(at_key).into_iter().collect()
            }
            (Step::Each, YamlNode::List(items)) => {
                let at = |(at, value): (usize, &'a YamlNode)| Self {
                    around: value,
                    value,
                    path: format!("{}[{at}]", self.path),
                };
                items.iter().enumerate().map(at).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The place of `key` in the map at `path`.
pub(super) fn below(path: &str, key: &str) -> String {
    let key = printable(key, MAX_KEY_CHARS);
    match path.is_empty() {
        true => key,
        false => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
