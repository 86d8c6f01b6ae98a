//! Where an object in the API server does less than what `sekisho kubernetes manifests`
//! prints of it.
//!
//! Only what narrows counts: who takes in more, names further validations, or words a
//! message otherwise weakens nothing. CEL is not evaluated: a text that is not the printed
//! one may be true of anything, so it counts as narrower. What the API server fills in
//! where nothing is written stands in what it answers.

use serde_json::{Map, Value};

use super::selector::{NAMESPACE_NAME_LABEL, takes_all};
use super::snapshot::{holds, list, text};

/// How the condition on namespaces is printed, around its list.
const EXEMPT_BY_NAME: (&str, &str) = ("!(request.namespace in [", "])");

/// The place in a webhook, as a JSON pointer.
pub(super) fn webhook(printed: &Value, current: &Value) -> Option<String> {
    scope(printed, current, "/rules")
        .or_else(|| conditions(printed, current, "/matchConditions"))
        .or_else(|| word(printed, current, "/matchPolicy", "Equivalent"))
        .or_else(|| word(printed, current, "/failurePolicy", "Fail"))
        .or_else(|| word(printed, current, "/reinvocationPolicy", "IfNeeded"))
        .or_else(|| door(printed, current))
}

/// The place in a policy, of either kind.
pub(super) fn policy(printed: &Value, current: &Value) -> Option<String> {
    let constraints = constraints(printed);
    let within = current.pointer("/spec/matchConstraints");
    let narrower = scope(
        constraints,
        within.unwrap_or(&Value::Null),
        "/resourceRules",
    );
    narrower
        .map(|at| format!("/spec/matchConstraints{at}"))
        .or_else(|| {
            let at = "/spec/matchConstraints/matchPolicy";
            word(printed, current, at, "Equivalent")
        })
        .or_else(|| conditions(printed, current, "/spec/matchConditions"))
        .or_else(|| word(printed, current, "/spec/failurePolicy", "Fail"))
        .or_else(|| word(printed, current, "/spec/reinvocationPolicy", "IfNeeded"))
        .or_else(|| written(current, "/spec/paramKind"))
        .or_else(|| {
            lacks(
                printed,
                current,
                "/spec/variables",
                &["/name", "/expression"],
            )
        })
        .or_else(|| lacks(printed, current, "/spec/validations", &["/expression"]))
        .or_else(|| mutations(printed, current))
}

/// The place in the binding of a policy.
pub(super) fn binding(policy: &Value, printed: &Value, current: &Value) -> Option<String> {
    const RULES: &str = "/resourceRules";
    const RESOURCES: &str = "/spec/matchResources";
    if text(printed, "/spec/policyName") != text(current, "/spec/policyName") {
        return Some("/spec/policyName".to_owned());
    }
    written(current, "/spec/paramRef").or_else(|| {
        let within = current.pointer(RESOURCES)?;
        let narrower = match list(within, RULES).is_empty() {
            // Without rules of its own it takes what the policy takes.
            true => selectors(constraints(policy), within),
            false => scope(constraints(policy), within, RULES),
        };
        narrower.map(|at| format!("{RESOURCES}{at}"))
    })
}

fn constraints(policy: &Value) -> &Value {
    policy
        .pointer("/spec/matchConstraints")
        .unwrap_or(&Value::Null)
}

fn scope(printed: &Value, current: &Value, rules: &str) -> Option<String> {
    selectors(printed, current).or_else(|| {
        let taken = list(current, rules);
        let is_taken = |asked: &Value| is_covered(asked, taken);
        let all = list(printed, rules).iter().all(is_taken);
        (!all).then(|| rules.to_owned())
    })
}

fn selectors(printed: &Value, current: &Value) -> Option<String> {
    let part = |name| current.get(name).unwrap_or(&Value::Null);
    let places = [
        (
            "/namespaceSelector",
            exempts_more(printed, part("namespaceSelector")),
        ),
        ("/objectSelector", !takes_all(part("objectSelector"))),
        (
            "/excludeResourceRules",
            !list(current, "/excludeResourceRules").is_empty(),
        ),
    ];
    let narrower = places.into_iter().find(|(_, is_narrower)| *is_narrower);
    narrower.map(|(at, _)| at.to_owned())
}

/// Whether it leaves out other namespaces than the printed selector does by name.
fn exempts_more(printed: &Value, selector: &Value) -> bool {
    let exempt: Vec<&Value> = list(printed, "/namespaceSelector/matchExpressions")
        .iter()
        .flat_map(|expression| list(expression, "/values"))
        .collect();
    let is_known = |expression: &Value| {
        text(expression, "/key") == NAMESPACE_NAME_LABEL
            && text(expression, "/operator") == "NotIn"
            && list(expression, "/values")
                .iter()
                .all(|name| exempt.contains(&name))
    };
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    !labels.is_none_or(Map::is_empty) || !list(selector, "/matchExpressions").iter().all(is_known)
}

/// Whether rules take all that a printed one takes.
fn is_covered(asked: &Value, taken: &[Value]) -> bool {
    let words = |part: &str| list(asked, part).iter().filter_map(Value::as_str);
    words("/operations").all(|operation| {
        words("/apiGroups").all(|group| {
            words("/apiVersions").all(|version| {
                words("/resources").all(|resource| {
                    taken.iter().any(|rule| {
                        takes_scope(rule, text(asked, "/scope"))
                            && holds(rule, "/operations", &[operation, "*"])
                            && holds(rule, "/apiGroups", &[group, "*"])
                            && holds(rule, "/apiVersions", &[version, "*"])
                            && takes_resource(rule, resource)
                    })
                })
            })
        })
    })
}

fn takes_scope(rule: &Value, scope: &str) -> bool {
    let own = text(rule, "/scope");
    list(rule, "/resourceNames").is_empty() && (matches!(own, "" | "*") || own == scope)
}

/// `*` takes no subresources.
fn takes_resource(rule: &Value, resource: &str) -> bool {
    match resource.split_once('/') {
        None => holds(rule, "/resources", &[resource, "*", "*/*"]),
        Some((whole, part)) => {
            let (of_whole, of_all) = (format!("{whole}/*"), format!("*/{part}"));
            holds(rule, "/resources", &[resource, &of_whole, &of_all, "*/*"])
        }
    }
}

/// A condition that is not printed: each of them lets requests pass unseen.
fn conditions(printed: &Value, current: &Value, at: &str) -> Option<String> {
    let known = list(printed, at);
    let is_other = |condition: &Value| {
        let asks = text(condition, "/expression");
        let mut texts = known.iter().map(|known| text(known, "/expression"));
        !texts.any(|printed| printed == asks || exempts_fewer(printed, asks))
    };
    let other = list(current, at).iter().position(is_other)?;
    Some(format!("{at}/{other}"))
}

/// Whether both are the condition on namespaces, and the second names none that the first
/// does not name.
fn exempts_fewer(printed: &str, asks: &str) -> bool {
    let names = |text: &str| {
        let (before, after) = EXEMPT_BY_NAME;
        let inner = text.strip_prefix(before)?.strip_suffix(after)?;
        Some(inner.split(", ").map(str::to_owned).collect::<Vec<_>>())
    };
    match (names(printed), names(asks)) {
        (Some(printed), Some(asks)) => asks.iter().all(|name| printed.contains(name)),
        _ => false,
    }
}

/// The place where the stricter of two words was printed, and another one stands.
fn word(printed: &Value, current: &Value, at: &str, stricter: &str) -> Option<String> {
    let is_lost = text(printed, at) == stricter && text(current, at) != stricter;
    is_lost.then(|| at.to_owned())
}

/// The place, where anything is written at all.
fn written(current: &Value, at: &str) -> Option<String> {
    let is_written = current.pointer(at).is_some_and(|value| !value.is_null());
    is_written.then(|| at.to_owned())
}

/// The place of the first member of a printed list that has none of the same in `parts`.
fn lacks(printed: &Value, current: &Value, at: &str, parts: &[&str]) -> Option<String> {
    let is_absent = |asked: &Value| {
        let is_same = |it: &Value| parts.iter().all(|part| text(asked, part) == text(it, part));
        !list(current, at).iter().any(is_same)
    };
    let absent = list(printed, at).iter().position(is_absent)?;
    Some(format!("{at}/{absent}"))
}

/// A further one could undo what these do, so there must be no other.
fn mutations(printed: &Value, current: &Value) -> Option<String> {
    const AT: &str = "/spec/mutations";
    let patches = |policy: &Value| -> Vec<String> {
        let all = list(policy, AT).iter();
        all.map(|it| text(it, "/jsonPatch/expression").to_owned())
            .collect()
    };
    (patches(printed) != patches(current)).then(|| AT.to_owned())
}

/// Where the API server enters: a path, below that of a proxy perhaps, and where a Service
/// is printed, that one.
fn door(printed: &Value, current: &Value) -> Option<String> {
    const SERVICE: &str = "/clientConfig/service";
    const PATH: &str = "/clientConfig/service/path";
    const URL: &str = "/clientConfig/url";
    fn path_of(webhook: &Value) -> &str {
        let url = text(webhook, URL);
        let url = url.strip_prefix("https://").unwrap_or(url);
        let of_url = url.find('/').map_or("", |at| &url[at..]);
        let of_service = text(webhook, PATH);
        if of_service.is_empty() {
            of_url
        } else {
            of_service
        }
    }
    let is_service = |webhook: &Value| webhook.pointer(SERVICE).is_some_and(Value::is_object);
    if !path_of(current).ends_with(path_of(printed)) {
        let at = if is_service(current) { PATH } else { URL };
        return Some(at.to_owned());
    }
    let both = is_service(printed) && is_service(current);
    let mut places = ["/namespace", "/name"]
        .map(|part| format!("{SERVICE}{part}"))
        .into_iter();
    places.find(|at| both && text(printed, at) != text(current, at))
}
