//! The images of one object.

use super::found::{FoundImage, ImageProblem, ManifestLocation, UnclearImage};
use super::node::YamlNode;
use super::object::ManifestObject;
use super::path::{ImagePath, below};
use crate::kubernetes::names::CONTAINER_LISTS;
use crate::oci::printable;

/// The longest name of a container, in characters.
const MAX_NAME_CHARS: usize = 120;

/// Searches one object, which stands at `origin` in a file.
pub(super) struct Search<'a> {
    object: &'a ManifestObject<'a>,
    origin: DocumentOrigin<'a>,
    pub(super) images: Vec<FoundImage>,
    pub(super) unclear: Vec<UnclearImage>,
}

/// Which document of which file.
#[derive(Clone, Copy)]
pub(super) struct DocumentOrigin<'a> {
    pub(super) file: &'a str,
    pub(super) document: usize,
    pub(super) line: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(object: &'a ManifestObject<'a>, origin: DocumentOrigin<'a>) -> Self {
        Self {
            object,
            origin,
            images: Vec::new(),
            unclear: Vec::new(),
        }
    }

    /// Everything below the object but the items of a list, which are objects of
    /// their own.
    pub(super) fn run(&mut self) {
        let YamlNode::Map(entries) = self.object.root else {
            return;
        };
        let items = self.object.items().is_some();
        let own = entries.iter().filter(|(key, _)| !items || key != "items");
        for (key, value) in own {
            self.entry(&self.object.path, key, value);
        }
    }

    /// Images at the ends of a path, beside those that were found already. What is not
    /// there is no lack: an operator has an image of its own then.
    pub(super) fn follow(&mut self, path: &ImagePath) {
        for end in path.follow(self.object.root, &self.object.path) {
            let is_found = |it: &ManifestLocation| it.path == end.path;
            let found = self.images.iter().map(|it| &it.place);
            let unclear = self.unclear.iter().map(|it| &it.place);
            if found.chain(unclear).any(is_found) {
                continue;
            }
            match end.value {
                YamlNode::Text(text) if is_template(text) => {
                    self.unclear(&end.path, end.around, ImageProblem::FilledIn);
                }
                value => self.image(&end.path, end.around, Some(value)),
            }
        }
    }

    fn node(&mut self, path: &str, node: &YamlNode) {
        match node {
            YamlNode::Map(entries) => {
                for (key, value) in entries {
                    self.entry(path, key, value);
                }
            }
            YamlNode::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.node(&format!("{path}[{at}]"), item);
                }
            }
            YamlNode::Null | YamlNode::Text(_) | YamlNode::LongText | YamlNode::Other => {}
        }
    }

    fn entry(&mut self, path: &str, key: &str, value: &YamlNode) {
        let path = below(path, key);
        if let YamlNode::List(items) = value {
            for (at, item) in items.iter().enumerate() {
                let path = format!("{path}[{at}]");
                match key {
                    "volumes" => self.volume(&path, item),
                    key if CONTAINER_LISTS.contains(&key) => self.container(&path, item),
                    _ => {}
                }
            }
        }
        self.node(&path, value);
    }

    fn container(&mut self, path: &str, item: &YamlNode) {
        match item {
            YamlNode::Map(_) => self.image(&below(path, "image"), item, item.get("image")),
            YamlNode::Null
            | YamlNode::Text(_)
            | YamlNode::LongText
            | YamlNode::Other
            | YamlNode::List(_) => {
                self.unclear(path, item, ImageProblem::NotAMap);
            }
        }
    }

    /// Most volumes are no images.
    fn volume(&mut self, path: &str, item: &YamlNode) {
        let source = item.get("image");
        if let Some(YamlNode::Map(_)) = source {
            let reference = source.and_then(|image| image.get("reference"));
            self.image(&below(path, "image.reference"), item, reference);
        }
    }

    fn image(&mut self, path: &str, item: &YamlNode, image: Option<&YamlNode>) {
        let lack = match image {
            Some(YamlNode::Text(image)) if !image.trim().is_empty() => {
                let place = self.place(path, item);
                let image = image.clone();
                return self.images.push(FoundImage { image, place });
            }
            None | Some(YamlNode::Null) => ImageProblem::Missing,
            Some(YamlNode::Text(_)) => ImageProblem::Empty,
            Some(YamlNode::LongText) => ImageProblem::TooLong,
            Some(YamlNode::Other | YamlNode::List(_) | YamlNode::Map(_)) => ImageProblem::NotText,
        };
        self.unclear(path, item, lack);
    }

    fn unclear(&mut self, path: &str, item: &YamlNode, lack: ImageProblem) {
        self.unclear.push(UnclearImage {
            place: self.place(path, item),
            problem: lack,
            is_final: self.object.is_final,
        });
    }

    fn place(&self, path: &str, item: &YamlNode) -> ManifestLocation {
        ManifestLocation {
            file: self.origin.file.to_owned(),
            document: self.origin.document,
            line: self.origin.line,
            kind: self.object.kind.clone(),
            namespace: self.object.namespace.clone(),
            name: self.object.name.clone(),
            path: path.to_owned(),
            container: item
                .text("name")
                .map(|name| printable(name, MAX_NAME_CHARS)),
        }
    }
}

/// Whether a text is filled in when it runs, as Argo and Tekton do.
fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("$(")
}
