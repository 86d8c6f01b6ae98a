//! All files that are looked at together.

use super::error::ManifestError;
use super::found::{FoundImage, UnclearImage};
use super::kinds::{self, KindImages};
use super::node::YamlNode;
use super::object::ManifestObject;
use super::path::ImagePath;
use super::search::{DocumentOrigin, Search};
use super::seen::{KindSeen, Seen};
use super::yaml;
use crate::oci::printable;

/// How much is read in all, in bytes.
pub const MAX_BYTES: usize = 32 << 20;
/// How many documents, in all.
const MAX_DOCUMENTS: usize = 10_000;
/// How many images, and how many containers without one, in all.
const MAX_IMAGES: usize = 20_000;
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
            Some(object) => self.object(&object, origin),
            None => {
                self.non_objects += 1;
                Ok(())
            }
        }
    }

    /// An object, or the objects in it when it is a list of them. Lists in lists
    /// are as deep as a document can be.
    fn object(
        &mut self,
        object: &ManifestObject<'_>,
        origin: DocumentOrigin<'_>,
    ) -> Result<(), ManifestError> {
        let items = object.items();
        self.objects += usize::from(items.is_none());
        match object.may_run() {
            true => self.search(object, origin)?,
            false => self.seen.note(&object.api_version, &object.kind, 0, true),
        }
        let (items, implied) = items.unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let path = format!("{}items[{at}]", prefix(&object.path));
            match ManifestObject::new(item, implied, path) {
                Some(item) => self.object(&item, origin)?,
                None => self.non_objects += 1,
            }
        }
        Ok(())
    }

    fn search(
        &mut self,
        object: &ManifestObject<'_>,
        origin: DocumentOrigin<'_>,
    ) -> Result<(), ManifestError> {
        let mut search = Search::new(object, origin);
        search.run();
        let is_known = self.follow(&mut search, object);
        if object.items().is_none() {
            let images = search.images.len();
            self.seen
                .note(&object.api_version, &object.kind, images, is_known);
        }
        self.images.append(&mut search.images);
        self.unclear.append(&mut search.unclear);
        if self.images.len().max(self.unclear.len()) > MAX_IMAGES {
            return Err(ManifestError::TooManyImages {
                file: origin.file.to_owned(),
                limit: MAX_IMAGES,
            });
        }
        Ok(())
    }

    /// Follows the paths that are known of the object's kind; whether it is known at all.
    fn follow(&self, search: &mut Search<'_>, object: &ManifestObject<'_>) -> bool {
        let known = kinds::known(object.group(), &object.kind);
        let by_table = known.unwrap_or_default().iter();
        for path in by_table.filter_map(|path| ImagePath::parse(path).ok()) {
            search.follow(&path);
        }
        let named = self.named.iter().filter(|it| it.kind == object.kind);
        let mut is_named = false;
        for images in named {
            search.follow(&images.path);
            is_named = true;
        }
        known.is_some() || is_named
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
}

fn prefix(path: &str) -> String {
    match path.is_empty() {
        true => String::new(),
        false => format!("{path}."),
    }
}
