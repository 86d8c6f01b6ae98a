//! The image fields of a Pod and of Pod templates.

use serde_json::Value;

use crate::kubernetes::names::{CONTAINERS, EPHEMERAL_CONTAINERS, INIT_CONTAINERS};
use crate::oci::printable;

/// A Pod's lists of containers, in the order in which they start.
pub(super) const IN_ORDER: [&str; 3] = [INIT_CONTAINERS, CONTAINERS, EPHEMERAL_CONTAINERS];

/// The list in which images may be volumes.
pub(super) const VOLUMES: &str = "volumes";

/// One place for an image in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageField<'a> {
    /// JSON Pointer (RFC 6901) to the image's name.
    pub(super) pointer: String,
    /// The list that it stands in.
    list: &'static str,
    /// The container's or volume's name.
    pub(super) name: &'a str,
    /// As it is written; `None`: left out, or no text.
    pub(super) image: Option<&'a str>,
    /// Whether its `imagePullPolicy` is `Never`.
    pub(super) is_never_pulled: bool,
}

impl ImageField<'_> {
    /// For messages: `container "app"`.
    pub(super) fn place(&self) -> String {
        let kind = match self.list {
            INIT_CONTAINERS => "init container",
            EPHEMERAL_CONTAINERS => "ephemeral container",
            VOLUMES => "volume",
            _ => "container",
        };
        format!("{kind} {:?}", printable(self.name, 63))
    }
}

/// The slots of the PodSpec at `pointer`; none where there is none.
pub(super) fn image_fields<'a>(object: &'a Value, pointer: &str) -> Vec<ImageField<'a>> {
    let Some(spec) = object.pointer(pointer) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for list in IN_ORDER {
        for (at, item) in items(spec, list) {
            found.push(ImageField {
                pointer: format!("{pointer}/{list}/{at}/image"),
                list,
                name: text(item, "name").unwrap_or_default(),
                image: text(item, "image"),
                is_never_pulled: text(item, "imagePullPolicy") == Some("Never"),
            });
        }
    }
    found.extend(items(spec, VOLUMES).filter_map(|(at, item)| volume(pointer, at, item)));
    found
}

/// An image volume (Kubernetes 1.31); other volumes are none.
fn volume<'a>(pointer: &str, at: usize, item: &'a Value) -> Option<ImageField<'a>> {
    let source = item.get("image").filter(|image| image.is_object())?;
    Some(ImageField {
        pointer: format!("{pointer}/volumes/{at}/image/reference"),
        list: VOLUMES,
        name: text(item, "name").unwrap_or_default(),
        image: text(source, "reference"),
        is_never_pulled: text(source, "pullPolicy") == Some("Never"),
    })
}

fn items<'a>(spec: &'a Value, list: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    let items = spec.get(list).and_then(Value::as_array);
    items.into_iter().flatten().enumerate()
}

fn text<'a>(item: &'a Value, key: &str) -> Option<&'a str> {
    item.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// The slots that an update brings something new to: those whose image is not the
/// one that the slot of the same name had.
pub(super) fn changed<'a>(
    slots: Vec<ImageField<'a>>,
    before: &[ImageField<'_>],
) -> Vec<ImageField<'a>> {
    let was = |slot: &ImageField<'_>| {
        before.iter().any(|old| {
            (old.list, old.name, old.image, old.is_never_pulled)
                == (slot.list, slot.name, slot.image, slot.is_never_pulled)
        })
    };
    slots.into_iter().filter(|slot| !was(slot)).collect()
}
