//! Image names in CEL, the language of conditions and policies in the API server:
//! read as clients read them (distribution/reference), without a Pod of ours.
//!
//! A host is found by equality with every way to spell it, never as a prefix of a
//! string, and what follows it must be a repository's name by the grammar; so both
//! readers, here and `ImageRef`, hold the same names for well-formed.

use serde_json::{Value, json};

use super::Route;
use crate::oci::RegistryHost;

/// What follows the host: a name of the distribution specification with an optional
/// tag and an optional digest.
const REST: &str = "^[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)*\
    (:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[a-f0-9]{64}|@sha512:[a-f0-9]{128})?$";

/// How the aliases of Docker Hub are written.
const HUB: [&str; 4] = [
    RegistryHost::DOCKER_HUB,
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// Names an image in a list: by the container, or by its place in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// `containers/app`. Containers keep their names for life.
    Name,
    /// `/spec/containers/0/image`, as patches need it.
    Pointer,
}

/// A string.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A list of strings.
pub(super) fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| text(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// The images of a Pod's containers, kind by kind. Volumes cannot change.
pub(super) fn images(object: &str) -> String {
    let kind =
        |field: &str| format!("{object}.spec.?{field}.orValue([]).map(c, c.?image.orValue(''))");
    let kinds = ["containers", "initContainers", "ephemeralContainers"].map(kind);
    format!("[{}]", kinds.join(",\n    "))
}

/// Variables of a policy, up to `variables.read`: each image that the request
/// brings, as `slot`, `image`, `host` and `rest`. Names without a host lie at
/// `default`.
pub(super) fn reading(slot: Slot, default: &RegistryHost) -> Vec<Value> {
    let before = format!("oldObject == null ? [] :\n{}", slots("oldObject", slot));
    vec![
        variable("images", slots("object", slot)),
        variable("before", before),
        variable(
            "asked",
            "variables.images.filter(i, !(i in variables.before))",
        ),
        variable("read", read(default)),
    ]
}

pub(super) fn variable(name: &str, expression: impl Into<String>) -> Value {
    json!({ "name": name, "expression": expression.into() })
}

fn slots(object: &str, slot: Slot) -> String {
    let fields = ["containers", "initContainers", "ephemeralContainers"];
    let mut lists: Vec<String> = fields.map(|field| containers(object, field, slot)).to_vec();
    lists.push(volumes(object, slot));
    lists.join("\n+ ")
}

fn containers(object: &str, field: &str, slot: Slot) -> String {
    let all = format!("{object}.spec.?{field}.orValue([])");
    let image = "'image': c.?image.orValue('')";
    match slot {
        Slot::Name => format!("{all}.map(c, {{'slot': '{field}/' + c.name, {image}}})"),
        Slot::Pointer => format!(
            "{all}.transformList(n, c, {{'slot': '/spec/{field}/' + string(n) + '/image', {image}}})"
        ),
    }
}

/// Volumes that hold an image.
fn volumes(object: &str, slot: Slot) -> String {
    let all = format!("{object}.spec.?volumes.orValue([])");
    let image = "'image': v.image.?reference.orValue('')";
    match slot {
        Slot::Name => format!(
            "{all}.filter(v, has(v.image)).map(v, {{'slot': 'volumes/' + v.name, {image}}})"
        ),
        Slot::Pointer => format!(
            "{all}.transformList(n, v, has(v.image), \
             {{'slot': '/spec/volumes/' + string(n) + '/image/reference', {image}}})"
        ),
    }
}

/// The first component is a host when it has a dot or a port, or is `localhost`.
/// Upper case makes one, too, but no host that could be known.
fn read(default: &RegistryHost) -> String {
    let default = text(default.as_str());
    format!(
        "variables.asked\n  \
         .map(i, {{'slot': i.slot, 'image': i.image, 'first': i.image.contains('/') ? i.image.split('/')[0] : ''}})\n  \
         .map(i, i.first.contains('.') || i.first.contains(':') || i.first == 'localhost'\n    \
         ? {{'slot': i.slot, 'image': i.image, 'host': i.first, 'rest': i.image.substring(i.first.size() + 1)}}\n    \
         : {{'slot': i.slot, 'image': i.image, 'host': {default}, 'rest': i.image}})"
    )
}

/// Whether `i.rest` is well-formed.
pub(super) fn well_formed() -> String {
    format!("i.rest.matches('{REST}')")
}

/// Every way to write `host` that clients and the gateway read as this one.
pub(super) fn spellings(host: &RegistryHost) -> Vec<String> {
    let names: Vec<&str> = match host.is_docker_hub() {
        true => HUB.to_vec(),
        false => vec![host.as_str()],
    };
    let with_port = |name: &&str| RegistryHost::parse(&format!("{name}:443")).is_ok();
    let ported = names.iter().copied().filter(with_port);
    let ported: Vec<String> = ported.map(|name| format!("{name}:443")).collect();
    names.into_iter().map(str::to_owned).chain(ported).collect()
}

/// Every spelling of an upstream's host, to its path under the gateway.
pub(super) fn paths(upstreams: &[Route]) -> String {
    let entries: Vec<String> = upstreams
        .iter()
        .flat_map(|route| {
            let path = text(&route.path);
            spellings(&route.host)
                .into_iter()
                .map(move |host| format!("  {}: {path}", text(&host)))
        })
        .collect();
    format!("{{\n{}\n}}", entries.join(",\n"))
}
