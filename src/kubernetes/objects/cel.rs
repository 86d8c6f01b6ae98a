//! Image names in CEL, the language of conditions and policies in the API server:
//! read as the webhook reads them, without a Pod of ours.
//!
//! A host is found by equality, never as the beginning of a string, and what follows
//! it must be a repository's name by the grammar. What clients could read in two ways
//! is not well-formed, and neither are image IDs.

use serde_json::{Value, json};

use super::literal::text;
use super::{Installation, UpstreamRoute};
use crate::kubernetes::names::CONTAINER_LISTS;
use crate::oci::RegistryHost;

/// What follows the host: a name of the distribution specification with an optional
/// tag and an optional digest.
const NAME_PATTERN: &str = "^[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)*\
    (:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[a-f0-9]{64}|@sha512:[a-f0-9]{128})?$";
/// The only other spelling of a host that clients read as the same registry.
const HUB_ALIAS: &str = "index.docker.io";

/// How the images of an object are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// By the names of containers and volumes, which no update can change.
    Named,
    /// With `at`, the place that a patch names; it needs Kubernetes 1.33.
    Placed,
}

/// The images of a Pod's containers, list by list. Volumes cannot change.
pub(super) fn images(object: &str) -> String {
    let one =
        |list: &str| format!("{object}.spec.?{list}.orValue([]).map(c, c.?image.orValue(''))");
    format!("[{}]", CONTAINER_LISTS.map(one).join(",\n    "))
}

pub(super) fn variable(name: &str, expression: impl Into<String>) -> Value {
    json!({ "name": name, "expression": expression.into() })
}

/// Variables of a policy, up to `variables.read`: each image that the request
/// brings, as `image`, `host`, `rest` (what follows the host) and `name` (that
/// without tag and digest). Names without a host lie at `default`.
pub(super) fn reading(
    installation: &Installation,
    listing: Listing,
    default: &RegistryHost,
) -> Vec<Value> {
    let listed = |object, listing| slots(object, listing, installation.allow_never);
    let before = format!(
        "oldObject == null ? [] :\n{}",
        listed("oldObject", Listing::Named)
    );
    let asked = "variables.images\n  \
        .filter(i, !variables.before.exists(b, b.slot == i.slot && b.image == i.image))";
    vec![
        variable("images", listed("object", listing)),
        variable("before", before),
        variable("asked", asked),
        variable("read", read(listing, default)),
    ]
}

fn slots(object: &str, listing: Listing, allow_never: bool) -> String {
    let mut lists: Vec<String> = CONTAINER_LISTS
        .iter()
        .map(|list| containers(object, list, listing, allow_never))
        .collect();
    lists.push(volumes(object, listing, allow_never));
    lists.join("\n+ ")
}

/// The containers of a list. Where `Never` is allowed, containers with it are left out.
fn containers(object: &str, list: &str, listing: Listing, allow_never: bool) -> String {
    let all = format!("{object}.spec.?{list}.orValue([])");
    let pulled = "c.?imagePullPolicy.orValue('') != 'Never'";
    let slot = format!("'slot': '{list}/' + c.name, 'image': string(c.?image.orValue(''))");
    match (listing, allow_never) {
        (Listing::Named, false) => format!("{all}.map(c, {{{slot}}})"),
        (Listing::Named, true) => format!("{all}.filter(c, {pulled}).map(c, {{{slot}}})"),
        (Listing::Placed, _) => {
            let filter = if allow_never {
                format!(" {pulled},")
            } else {
                String::new()
            };
            let at = format!("'at': '/spec/{list}/' + string(n) + '/image'");
            format!("{all}.transformList(n, c,{filter} {{{slot}, {at}}})")
        }
    }
}

/// Volumes that hold an image.
fn volumes(object: &str, listing: Listing, allow_never: bool) -> String {
    let all = format!("{object}.spec.?volumes.orValue([])");
    let slot = "'slot': 'volumes/' + v.name, 'image': string(v.image.?reference.orValue(''))";
    let wanted = match allow_never {
        false => "has(v.image)",
        true => "has(v.image) && v.image.?pullPolicy.orValue('') != 'Never'",
    };
    match listing {
        Listing::Named => format!("{all}.filter(v, {wanted}).map(v, {{{slot}}})"),
        Listing::Placed => {
            let at = "'at': '/spec/volumes/' + string(n) + '/image/reference'";
            format!("{all}.transformList(n, v, {wanted}, {{{slot}, {at}}})")
        }
    }
}

/// The first component is a host when it has a dot or a port, or is `localhost`.
/// Upper case makes one, too, but no host that could be known.
fn read(listing: Listing, default: &RegistryHost) -> String {
    let (kept, default) = (kept(listing), text(default.as_str()));
    format!(
        "variables.asked\n  \
         .map(i, {{{kept}, 'first': i.image.contains('/') ? i.image.split('/')[0] : ''}})\n  \
         .map(i, i.first.contains('.') || i.first.contains(':') || i.first == 'localhost'\n    \
         ? {{{kept}, 'host': i.first, 'rest': i.image.substring(i.first.size() + 1)}}\n    \
         : {{{kept}, 'host': {default}, 'rest': i.image}})\n  \
         .map(i, {{{kept}, 'host': i.host, 'rest': i.rest, 'name': i.rest.split('@')[0].split(':')[0]}})"
    )
}

fn kept(listing: Listing) -> &'static str {
    match listing {
        Listing::Named => "'image': i.image",
        Listing::Placed => "'at': i.at, 'image': i.image",
    }
}

/// Whether `i.rest` is well-formed; 64 hexadecimal characters alone are an image ID
/// to a node.
pub(super) fn is_well_formed() -> String {
    format!("i.rest.matches('{NAME_PATTERN}') && !i.image.matches('^[a-f0-9]{{64}}$')")
}

/// Every way to write `host` that all clients read as this one.
pub(super) fn spellings(host: &RegistryHost) -> Vec<String> {
    let alias = host.is_docker_hub().then(|| HUB_ALIAS.to_owned());
    [host.to_string()].into_iter().chain(alias).collect()
}

/// Every spelling of an upstream's host, to its path under the gateway.
pub(super) fn paths(upstreams: &[UpstreamRoute]) -> String {
    let entry = |route: &UpstreamRoute| {
        let path = text(&route.path);
        let spelled = spellings(&route.host).into_iter();
        let entries: Vec<String> = spelled
            .map(|host| format!("  {}: {path}", text(&host)))
            .collect();
        entries.join(",\n")
    };
    let entries: Vec<String> = upstreams.iter().map(entry).collect();
    format!("{{\n{}\n}}", entries.join(",\n"))
}
