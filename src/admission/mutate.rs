//! The mutating webhook: every image of a Pod through the gateway.
//!
//! Works on the raw object, and replaces nothing but names of images; what no type
//! knows stays. The name needs no I/O and is never withheld, whatever the verdict
//! will be. A digest is written down with it when it is known in time.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation, jsonptr::PointerBuf};
use serde_json::{Value, json};

use super::answer::allowed;
use super::images::ImageField;
use super::pod::ReviewedKind;
use super::review::{AdmissionResponse, Operation};
use super::review_call::{ReviewCall, target};
use crate::oci::{Digest, Reference};
use crate::trust::NamedImage;
use crate::trust::WorkloadLocation;

/// The most digests that one review resolves.
const MAX_DIGESTS_PINNED: usize = 64;

/// One name that stays or is replaced.
struct NamedField<'a> {
    slot: ImageField<'a>,
    text: &'a str,
    image: NamedImage,
}

impl ReviewCall<'_> {
    /// Rewrites the images. Always allows.
    pub(super) async fn mutate(&self) -> AdmissionResponse {
        let request = &self.request;
        let leaves = request.subject() != Some(ReviewedKind::Pod)
            || request.is_exempt()
            || self.cluster.is_exempt(request.namespace())
            || self.rule().is_some_and(|rule| !rule.rewrite);
        if leaves {
            return allowed(&request.uid);
        }
        let images = self.images_to_write();
        let digests = self.digests(&images).await;
        let mut operations: Vec<PatchOperation> = images
            .iter()
            .zip(&digests)
            .filter_map(|(image, digest)| self.replace(image, digest.as_ref()))
            .collect();
        operations.extend(self.pull_secret(&images));
        self.patched(operations)
    }

    /// Those whose names can be read; the others are left for `validate` to deny.
    fn images_to_write(&self) -> Vec<NamedField<'_>> {
        let kept = |slot: &ImageField<'_>| !(slot.is_never_pulled && self.cluster.allow_never);
        let slots = self.request.image_fields().into_iter().filter(kept);
        slots
            .filter_map(|slot| {
                let text = slot.image?;
                let image = self.cluster.names.read_by_node(text).ok()?;
                Some(NamedField { slot, text, image })
            })
            .collect()
    }

    /// What the tags mean now, as far as it is known in half of the time.
    async fn digests(&self, images: &[NamedField<'_>]) -> Vec<Option<Digest>> {
        if !self.cluster.pin_digests || !self.room.pins_digests {
            return vec![None; images.len()];
        }
        let half = tokio::time::Instant::from_std(self.deadline.half);
        let place = self.place();
        let look_up = images.iter().enumerate().map(|(at, written)| {
            let place = &place;
            async move {
                if written.image.digest.is_some() || at >= MAX_DIGESTS_PINNED {
                    return None;
                }
                let pinned = self.pin(place, &written.image);
                tokio::time::timeout_at(half, pinned).await.ok().flatten()
            }
        });
        join_all(look_up).await
    }

    async fn pin(&self, place: &WorkloadLocation, image: &NamedImage) -> Option<Digest> {
        let reference = image.reference();
        if let Reference::Digest(_) = reference {
            return None;
        }
        let target = target(image);
        let admission = self.admission(place, None);
        self.webhook.gate.pin(admission, &target, &reference).await
    }

    fn replace(&self, written: &NamedField<'_>, digest: Option<&Digest>) -> Option<PatchOperation> {
        let names = &self.cluster.names;
        let name = names.rewritten(written.text, &written.image, digest)?;
        Some(PatchOperation::Replace(ReplaceOperation {
            path: PointerBuf::parse(&written.slot.pointer).ok()?,
            value: Value::String(name),
        }))
    }

    /// New Pods may get one Secret to pull with; an update may not touch that list.
    fn pull_secret(&self, images: &[NamedField<'_>]) -> Option<PatchOperation> {
        let name = self.cluster.pull_secret.as_deref()?;
        if self.request.operation != Operation::Create || images.is_empty() {
            return None;
        }
        let list = self.request.object.pointer("/spec/imagePullSecrets");
        let held = list.and_then(Value::as_array);
        let entry = json!({ "name": name });
        let (path, value) = match held {
            Some(held) if held.iter().any(|it| it.get("name") == entry.get("name")) => return None,
            Some(_) => ("/spec/imagePullSecrets/-", entry),
            None => ("/spec/imagePullSecrets", json!([entry])),
        };
        Some(PatchOperation::Add(AddOperation {
            path: PointerBuf::parse(path).ok()?,
            value,
        }))
    }

    fn patched(&self, operations: Vec<PatchOperation>) -> AdmissionResponse {
        let response = allowed(&self.request.uid);
        if operations.is_empty() {
            return response;
        }
        // Texts are always JSON; without a patch the object goes on as it is, to be judged.
        match serde_json::to_vec(&Patch(operations)) {
            Ok(patch) => AdmissionResponse {
                patch: Some(BASE64_STANDARD.encode(patch)),
                patch_type: Some("JSONPatch"),
                ..response
            },
            Err(_) => response,
        }
    }
}
