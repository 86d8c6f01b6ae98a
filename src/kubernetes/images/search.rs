//! The images of one object.

use super::found::{FoundImage, Lack, Place, Unclear};
use super::node::Node;
use super::object::Object;
use super::path::{ImagePath, below};
use crate::kubernetes::names::CONTAINER_LISTS;
use crate::oci::printable;

/// The longest name of a container, in characters.
const NAME: usize = 120;

/// Searches one object, which stands at `origin` in a file.
pub(super) struct Search<'a> {
    object: &'a Object<'a>,
    origin: Origin<'a>,
    pub(super) images: Vec<FoundImage>,
    pub(super) unclear: Vec<Unclear>,
}

/// Which document of which file.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) file: &'a str,
    pub(super) document: usize,
    pub(super) line: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(object: &'a Object<'a>, origin: Origin<'a>) -> Self {
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
        let Node::Map(entries) = self.object.root else {
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
            let is_found = |it: &Place| it.path == end.path;
            let found = self.images.iter().map(|it| &it.place);
            let unclear = self.unclear.iter().map(|it| &it.place);
            if found.chain(unclear).any(is_found) {
                continue;
            }
            match end.value {
                Node::Text(text) if is_template(text) => {
                    self.unclear(&end.path, end.around, Lack::FilledIn);
                }
                value => self.image(&end.path, end.around, Some(value)),
            }
        }
    }

    fn node(&mut self, path: &str, node: &Node) {
        match node {
            Node::Map(entries) => {
                for (key, value) in entries {
                    self.entry(path, key, value);
                }
            }
            Node::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.node(&format!("{path}[{at}]"), item);
                }
            }
            Node::Null | Node::Text(_) | Node::LongText | Node::Other => {}
        }
    }

    fn entry(&mut self, path: &str, key: &str, value: &Node) {
        let path = below(path, key);
        if let Node::List(items) = value {
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

    fn container(&mut self, path: &str, item: &Node) {
        match item {
            Node::Map(_) => self.image(&below(path, "image"), item, item.get("image")),
            Node::Null | Node::Text(_) | Node::LongText | Node::Other | Node::List(_) => {
                self.unclear(path, item, Lack::NotAMap);
            }
        }
    }

    /// Most volumes are no images.
    fn volume(&mut self, path: &str, item: &Node) {
        let source = item.get("image");
        if let Some(Node::Map(_)) = source {
            let reference = source.and_then(|image| image.get("reference"));
            self.image(&below(path, "image.reference"), item, reference);
        }
    }

    fn image(&mut self, path: &str, item: &Node, image: Option<&Node>) {
        let lack = match image {
            Some(Node::Text(image)) if !image.trim().is_empty() => {
                let place = self.place(path, item);
                let image = image.clone();
                return self.images.push(FoundImage { image, place });
            }
            None | Some(Node::Null) => Lack::Missing,
            Some(Node::Text(_)) => Lack::Empty,
            Some(Node::LongText) => Lack::TooLong,
            Some(Node::Other | Node::List(_) | Node::Map(_)) => Lack::NotText,
        };
        self.unclear(path, item, lack);
    }

    fn unclear(&mut self, path: &str, item: &Node, lack: Lack) {
        self.unclear.push(Unclear {
            place: self.place(path, item),
            lack,
            is_final: self.object.is_final,
        });
    }

    fn place(&self, path: &str, item: &Node) -> Place {
        Place {
            file: self.origin.file.to_owned(),
            document: self.origin.document,
            line: self.origin.line,
            kind: self.object.kind.clone(),
            namespace: self.object.namespace.clone(),
            name: self.object.name.clone(),
            path: path.to_owned(),
            container: item.text("name").map(|name| printable(name, NAME)),
        }
    }
}

/// Whether a text is filled in when it runs, as Argo and Tekton do.
fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("$(")
}
