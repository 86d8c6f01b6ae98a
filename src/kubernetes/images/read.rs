//! All files that are looked at together.

use super::error::ManifestError;
use super::found::{FoundImage, ManifestLocation, UnclearImage};
use super::kinds::{KindImages, KindKnowledge, renders_elsewhere};
use super::node::YamlNode;
use super::object::ManifestObject;
use super::path::{below, entry_of};
use super::search::{DocumentOrigin, ReadValues, Room, Search};
use super::seen::{KindSeen, ObjectSeen, Seen};
use super::yaml;
use crate::oci::printable;

/// How much is read in all, in bytes.
pub const MAX_BYTES: usize = 32 << 20;
/// How many documents, in all.
const MAX_DOCUMENTS: usize = 10_000;
/// How many images, and how many containers without one, in all.
pub(super) const MAX_IMAGES: usize = 20_000;
/// How many places that only look like images, in all.
pub(super) const MAX_OVERLOOKED: usize = 20_000;
/// The longest file name in a location, in characters.
const MAX_FILE_NAME_CHARS: usize = 400;

/// What was read so far.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    bytes: usize,
    documents: usize,
    objects: usize,
    non_objects: usize,
    images: Vec<FoundImage>,
    unclear: Vec<UnclearImage>,
    overlooked: Vec<ManifestLocation>,
    /// Where callers say that images stand.
    named: Vec<KindImages>,
    seen: Seen,
}

impl Manifests {
    /// Nothing yet. Images of the kinds in `named` stand at its paths too.
    pub fn knowing(named: Vec<KindImages>) -> Self {
        Self {
            named,
            ..Self::default()
        }
    }

    /// Reads one file more. After an error, what was read is not whole.
    ///
    /// # Errors
    /// [`ManifestError`] where the file is no YAML, or too much of it.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), ManifestError> {
        let file = printable(file, MAX_FILE_NAME_CHARS);
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MAX_BYTES {
            let limit = MAX_BYTES;
            return Err(ManifestError::TooLarge { file, limit });
        }
        let documents = match yaml::read(text, MAX_DOCUMENTS) {
            Ok(documents) => documents,
            Err(why) => return Err(ManifestError::Unreadable { file, why }),
        };
        self.documents += documents.len();
        if self.documents > MAX_DOCUMENTS {
            let limit = MAX_DOCUMENTS;
            return Err(ManifestError::TooManyDocuments { file, limit });
        }
        for (at, document) in documents.iter().enumerate() {
            let origin = DocumentOrigin {
                file: &file,
                document: at + 1,
                line: document.line,
            };
            self.document(&document.root, origin)?;
        }
        Ok(())
    }

    fn document(
        &mut self,
        root: &YamlNode,
        origin: DocumentOrigin<'_>,
    ) -> Result<(), ManifestError> {
        match ManifestObject::new(root, None, String::new()) {
            Some(object) => self.object(&object, origin, &mut ReadValues::new()),
            None => {
                self.non_objects += 1;
                Ok(())
            }
        }
    }

    /// An object, and the objects in it: the items when it is a list of them, and what lies
    /// anywhere else. They nest as deep as a document can be.
    fn object(
        &mut self,
        object: &ManifestObject<'_>,
        origin: DocumentOrigin<'_>,
        read: &mut ReadValues,
    ) -> Result<(), ManifestError> {
        let items = object.items();
        self.objects += usize::from(items.is_none());
        if object.may_run() {
            self.search(object, origin, read)?;
        } else {
            let seen = ObjectSeen {
                images: 0,
                is_known: true,
                renders_elsewhere: false,
            };
            self.seen.note(&object.api_version, &object.kind, seen);
        }
        let (items, implied) = items.unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let path = entry_of(&below(&object.path, "items"), at);
            match ManifestObject::new(item, implied, path) {
                Some(item) => self.object(&item, origin, read)?,
                None => self.non_objects += 1,
            }
        }
        Ok(())
    }

    fn search(
        &mut self,
        object: &ManifestObject<'_>,
        origin: DocumentOrigin<'_>,
        read: &mut ReadValues,
    ) -> Result<(), ManifestError> {
        let knowledge = KindKnowledge::of(object.group(), &object.kind);
        let is_wary = knowledge != KindKnowledge::Kubernetes;
        let mut search = Search::new(object, origin, is_wary, self.room(), read);
        search.is_doubtful = self.may_hold_patterns(object, &knowledge);
        if let KindKnowledge::Policy(idle) = &knowledge {
            idle.iter().for_each(|path| search.pass_over(path));
        }
        search.run();
        let is_known = self.follow(&mut search, object, knowledge);
        if object.items().is_none() {
            let seen = ObjectSeen {
                images: search.images.len(),
                is_known,
                renders_elsewhere: renders_elsewhere(object.group(), &object.kind),
            };
            self.seen.note(&object.api_version, &object.kind, seen);
        }
        let is_over = search.is_over();
        self.overlooked.append(&mut search.overlooked());
        self.images.append(&mut search.images);
        self.unclear.append(&mut search.unclear);
        if is_over || self.overlooked.len() > MAX_OVERLOOKED {
            return Err(ManifestError::TooManyImages {
                file: origin.file.to_owned(),
                limit: MAX_IMAGES,
            });
        }
        let nested = search.nested;
        for (path, root) in nested {
            if let Some(object) = ManifestObject::nested(root, &path) {
                self.object(&object, origin, read)?;
            }
        }
        Ok(())
    }

    /// Whether its containers may be patterns of some: where callers name the kind, they say
    /// that it runs images.
    fn may_hold_patterns(&self, object: &ManifestObject<'_>, knowledge: &KindKnowledge) -> bool {
        match knowledge {
            KindKnowledge::Policy(_) => true,
            KindKnowledge::Unknown => !self.named.iter().any(|it| it.kind == object.kind),
            KindKnowledge::Kubernetes | KindKnowledge::Listed(_) => false,
        }
    }

    /// What may yet be found.
    const fn room(&self) -> Room {
        Room {
            images: MAX_IMAGES.saturating_sub(self.images.len()),
            unclear: MAX_IMAGES.saturating_sub(self.unclear.len()),
            overlooked: MAX_OVERLOOKED.saturating_sub(self.overlooked.len()),
        }
    }

    /// Follows the paths that are known of the object's kind; whether it is known at all.
    fn follow(
        &self,
        search: &mut Search<'_, '_>,
        object: &ManifestObject<'_>,
        knowledge: KindKnowledge,
    ) -> bool {
        let is_known = knowledge != KindKnowledge::Unknown;
        if let KindKnowledge::Listed(paths) = knowledge {
            paths.iter().for_each(|path| search.follow(path));
        }
        let named = self.named.iter().filter(|it| it.kind == object.kind);
        let mut is_named = false;
        for images in named {
            search.follow(&images.path);
            is_named = true;
        }
        is_known || is_named
    }

    /// Every kind that was met, with what was found in its objects.
    pub fn kinds(&self) -> impl Iterator<Item = &KindSeen> {
        self.seen.all()
    }

    /// How many Kubernetes objects there are.
    pub const fn objects(&self) -> usize {
        self.objects
    }

    /// How many documents hold something without a kind.
    pub const fn non_objects(&self) -> usize {
        self.non_objects
    }

    /// In the order of files and documents; the same image may stand in many places.
    pub fn images(&self) -> &[FoundImage] {
        &self.images
    }

    /// Where an image should stand, and none does.
    pub fn unclear(&self) -> &[UnclearImage] {
        &self.unclear
    }

    /// What looks like an image in a kind of others, and stands where none is known. It was
    /// not read as one.
    pub fn overlooked(&self) -> &[ManifestLocation] {
        &self.overlooked
    }
}
