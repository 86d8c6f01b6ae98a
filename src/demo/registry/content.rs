//! What the registry holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::demo::SampleContent;
use crate::oci::{Digest, MediaType};

#[derive(Default)]
pub(super) struct DemoContent(Mutex<HashMap<String, DemoRepository>>);

#[derive(Default)]
struct DemoRepository {
    manifests: BTreeMap<String, SampleContent>,
    blobs: HashMap<String, SampleContent>,
    /// Tag to digest.
    tags: BTreeMap<String, String>,
}

impl DemoContent {
    pub(super) fn put_manifest(&self, name: &str, piece: SampleContent) {
        self.change(name, |repository| {
            repository.manifests.insert(piece.digest.to_string(), piece);
        });
    }

    pub(super) fn put_blob(&self, name: &str, piece: SampleContent) {
        self.change(name, |repository| {
            repository.blobs.insert(piece.digest.to_string(), piece);
        });
    }

    pub(super) fn tag(&self, name: &str, tag: &str, digest: &Digest) {
        self.change(name, |repository| {
            repository.tags.insert(tag.to_owned(), digest.to_string());
        });
    }

    /// Removes a tag, a manifest or a blob.
    pub(super) fn delete(&self, name: &str, reference: &str) {
        self.change(name, |repository| {
            repository.tags.remove(reference);
            repository.manifests.remove(reference);
            repository.blobs.remove(reference);
        });
    }

    pub(super) fn manifest(&self, name: &str, reference: &str) -> Option<SampleContent> {
        let all = self.lock();
        let repository = all.get(name)?;
        let digest = repository.tags.get(reference);
        let digest = digest.map_or(reference, String::as_str);
        repository.manifests.get(digest).cloned()
    }

    pub(super) fn blob(&self, name: &str, digest: &str) -> Option<SampleContent> {
        self.lock().get(name)?.blobs.get(digest).cloned()
    }

    /// Up to `n` tags behind `last`, in order, and whether there are more.
    pub(super) fn tags(&self, name: &str, n: usize, last: &str) -> Option<(Vec<String>, bool)> {
        let all = self.lock();
        let mut behind = all.get(name)?.tags.keys().filter(|tag| tag.as_str() > last);
        let page = behind.by_ref().take(n).cloned().collect();
        Some((page, behind.next().is_some()))
    }

    /// The index of the manifests whose subject is `digest`.
    pub(super) fn referrers(
        &self,
        name: &str,
        digest: &str,
        artifact_type: Option<&str>,
    ) -> SampleContent {
        let all = self.lock();
        let manifests = all
            .get(name)
            .into_iter()
            .flat_map(|one| one.manifests.values());
        let found = manifests.filter_map(|piece| referrer(piece, digest));
        let wanted =
            |entry: &Value| artifact_type.is_none_or(|wanted| entry["artifactType"] == wanted);
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX.as_str(),
            "manifests": found.filter(wanted).collect::<Vec<_>>(),
        });
        SampleContent::new(MediaType::OCI_INDEX, index.to_string())
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut DemoRepository)) {
        change(self.lock().entry(name.to_owned()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, DemoRepository>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn referrer(piece: &SampleContent, subject: &str) -> Option<Value> {
    let body: Value = serde_json::from_slice(&piece.bytes).ok()?;
    let mut entry = piece.descriptor();
    entry["artifactType"] = body["artifactType"].clone();
    (body["subject"]["digest"] == subject).then_some(entry)
}
