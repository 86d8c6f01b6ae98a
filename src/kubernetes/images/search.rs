//! The images of one object.

use std::collections::HashSet;
use std::ptr;

use super::found::{FoundImage, ImageProblem, ManifestLocation, UnclearImage};
use super::lookalike::{is_aside, look_alikes, nobody_reads};
use super::node::YamlNode;
use super::object::ManifestObject;
use super::path::{ImagePath, below, entry_of, told};
use crate::kubernetes::names::CONTAINER_LISTS;
use crate::oci::printable;

/// The longest name of a container, in characters.
const MAX_NAME_CHARS: usize = 120;

/// The values of a document that were read as images. Paths cannot tell them apart, since
/// long keys are cut in them.
pub(super) type ReadValues = HashSet<*const YamlNode>;

/// How many of each may yet be found: more are an error, whatever else follows.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) images: usize,
    pub(super) unclear: usize,
    pub(super) overlooked: usize,
}

/// Searches one object, which stands at `origin` in a file.
pub(super) struct Search<'a, 'd> {
    object: &'a ManifestObject<'d>,
    origin: DocumentOrigin<'a>,
    /// Whether what looks like an image is noted: where only some paths are known.
    is_wary: bool,
    room: Room,
    /// Whether a container may be a mere pattern of one, as in kinds that nobody knows.
    pub(super) is_doubtful: bool,
    /// Parts in which nothing runs.
    idle: ReadValues,
    read: &'a mut ReadValues,
    pub(super) images: Vec<FoundImage>,
    pub(super) unclear: Vec<UnclearImage>,
    /// Objects that lie in it, with their paths: they are searched for themselves.
    pub(super) nested: Vec<(String, &'d YamlNode)>,
    /// What looks like an image, with its path: some of it is read as one only later.
    alike: Vec<(String, &'d YamlNode)>,
    /// Where an image should stand, and a text does that is no name.
    unread: Vec<ManifestLocation>,
}

/// Which document of which file.
#[derive(Clone, Copy)]
pub(super) struct DocumentOrigin<'a> {
    pub(super) file: &'a str,
    pub(super) document: usize,
    pub(super) line: u64,
}

impl<'a, 'd> Search<'a, 'd> {
    pub(super) fn new(
        object: &'a ManifestObject<'d>,
        origin: DocumentOrigin<'a>,
        is_wary: bool,
        room: Room,
        read: &'a mut ReadValues,
    ) -> Self {
        Self {
            object,
            origin,
            is_wary,
            room,
            is_doubtful: false,
            idle: ReadValues::new(),
            read,
            images: Vec::new(),
            unclear: Vec::new(),
            nested: Vec::new(),
            alike: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Whether more was found than there is room for. Nothing further is looked for then.
    pub(super) fn is_over(&self) -> bool {
        let Room {
            images,
            unclear,
            overlooked,
        } = self.room;
        // What is alike may turn out to be read: as an image, or as an unclear one.
        self.images.len() > images
            || self.unclear.len() > unclear
            || self.unread.len() > overlooked
            || self.alike.len() > images + unclear + overlooked
    }

    /// Looks into nothing at the ends of a path.
    pub(super) fn pass_over(&mut self, path: &ImagePath) {
        let ends = path.follow(self.object.root, "");
        self.idle.extend(ends.map(|end| ptr::from_ref(end.value)));
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
            self.entry(&self.object.path, key, value, false);
        }
    }

    /// What looks like an image, and was not read as one.
    pub(super) fn overlooked(&self) -> Vec<ManifestLocation> {
        let read = &*self.read;
        let is_read = |value: &YamlNode| match value {
            // As `image.reference` of a volume.
            YamlNode::Map(parts) => parts
                .iter()
                .any(|(_, part)| read.contains(&ptr::from_ref(part))),
            _ => false,
        };
        let alike = self.alike.iter();
        let alike = alike.filter(|(_, it)| !read.contains(&ptr::from_ref(*it)) && !is_read(it));
        let alike = alike.map(|(path, _)| self.place(path, &YamlNode::Null));
        let all = self.unread.iter().cloned().chain(alike);
        // One more than there is room for is enough to be told of.
        all.take(self.room.overlooked + 1).collect()
    }

    /// Images at the ends of a path, beside those that were found already. What is not
    /// there is no lack: an operator has an image of its own then.
    pub(super) fn follow(&mut self, path: &ImagePath) {
        for end in path.follow(self.object.root, &self.object.path) {
            if self.is_over() {
                return;
            }
            if self.read.contains(&ptr::from_ref(end.value)) {
                continue;
            }
            match end.value {
                YamlNode::Text(text) if is_template(text) => {
                    self.read.insert(ptr::from_ref(end.value));
                    self.unclear(&end.path, end.around, ImageProblem::FilledIn);
                }
                value => self.image(&end.path, end.around, Some(value)),
            }
        }
    }

    /// `aside`: it lies where nothing is run, so that looks say nothing.
    fn node(&mut self, path: &str, node: &'d YamlNode, aside: bool) {
        if self.is_over() {
            return;
        }
        if self.is_nested(path, node) {
            return self.nested.push((path.to_owned(), node));
        }
        match node {
            YamlNode::Map(entries) => {
                for (key, value) in entries {
                    self.entry(path, key, value, aside);
                }
            }
            YamlNode::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.node(&entry_of(path, at), item, aside);
                }
            }
            YamlNode::Null | YamlNode::Text(_) | YamlNode::LongText | YamlNode::Other => {}
        }
    }

    /// Whether it is an object of its own.
    fn is_nested(&self, path: &str, node: &YamlNode) -> bool {
        self.object.may_hold_objects()
            && ManifestObject::nested(node, path).is_some_and(|it| !it.is_data_with_containers())
    }

    fn entry(&mut self, path: &str, key: &str, value: &'d YamlNode, aside: bool) {
        if self.idle.contains(&ptr::from_ref(value)) {
            return;
        }
        let path = below(path, key);
        let aside = aside || is_aside(key);
        if self.is_wary && !aside {
            for (rest, value) in look_alikes(key, value) {
                if self.is_over() {
                    return;
                }
                self.alike.push((told(format!("{path}{rest}")), value));
            }
        }
        if let YamlNode::List(items) = value {
            for (at, item) in items.iter().enumerate() {
                match key {
                    _ if self.is_over() => return,
                    "volumes" => self.volume(&entry_of(&path, at), item),
                    key if CONTAINER_LISTS.contains(&key) => {
                        self.container(&entry_of(&path, at), item);
                    }
                    _ => break,
                }
            }
        }
        self.node(&path, value, aside);
    }

    fn container(&mut self, path: &str, item: &YamlNode) {
        match item {
            YamlNode::Map(_) => self.likely(&below(path, "image"), item, item.get("image")),
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
            self.likely(&below(path, "image.reference"), item, reference);
        }
    }

    /// An image where a Pod would have it: in a kind that nobody knows it may be a pattern,
    /// which is told and not judged.
    fn likely(&mut self, path: &str, item: &YamlNode, image: Option<&YamlNode>) {
        match image {
            Some(value @ YamlNode::Text(text)) if self.is_doubtful && nobody_reads(text) => {
                self.read.insert(ptr::from_ref(value));
                self.unread.push(self.place(path, item));
            }
            image => self.image(path, item, image),
        }
    }

    fn image(&mut self, path: &str, item: &YamlNode, image: Option<&YamlNode>) {
        self.read.extend(image.map(ptr::from_ref));
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
