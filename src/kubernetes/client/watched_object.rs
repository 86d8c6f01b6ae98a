//! What a watch brings. Of an object: its metadata and the few fields of its `spec`
//! and `status` that matter. Whatever else it holds is dropped as it is read.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::Deserialize;

/// Namespace and name.
pub(super) type NamespacedName = (Box<str>, Box<str>);

/// What a watch brings: one object, or the complete list of them. An object
/// that is None is gone, or does not matter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WatchChange<T, N = NamespacedName> {
    One(N, Option<T>),
    All(Vec<(N, Option<T>)>),
}

impl<T, N> WatchChange<T, N> {
    /// The same, under names of another type.
    pub fn named<M>(self, name: impl Fn(N) -> M) -> WatchChange<T, M> {
        match self {
            Self::One(old, kept) => WatchChange::One(name(old), kept),
            Self::All(kept) => {
                let renamed = kept.into_iter().map(|(old, kept)| (name(old), kept));
                WatchChange::All(renamed.collect())
            }
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct WatchedObject<S> {
    pub metadata: ObjectMeta,
    #[serde(default)]
    pub spec: S,
    #[serde(default)]
    pub status: WatchedStatus,
}

/// What a Pod's containers run; other kinds have none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WatchedStatus {
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Clone, Debug, Deserialize)]
struct ContainerStatus {
    /// Empty until it runs.
    #[serde(rename = "imageID", default)]
    image_id: String,
}

impl WatchedStatus {
    /// Once each, as the runtime reports them.
    pub fn image_ids(self) -> Vec<String> {
        let kinds = [
            self.container_statuses,
            self.init_container_statuses,
            self.ephemeral_container_statuses,
        ];
        let all = kinds.into_iter().flatten().flatten();
        let mut ids: Vec<String> = all.map(|it| it.image_id).collect();
        ids.retain(|id| !id.is_empty());
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl<S> WatchedObject<S> {
    /// Namespace and name, each empty where the object has none.
    pub fn name(&self) -> NamespacedName {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let name = self.metadata.name.as_deref().unwrap_or_default();
        (namespace.into(), name.into())
    }
}

impl<S> Resource for WatchedObject<S> {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn api_version(kind: &ApiResource) -> Cow<'_, str> {
        kind.api_version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
