//! The OpenAPI document describes what is there.

use std::collections::BTreeSet;

use crate::kit::lab::Lab;

#[tokio::test]
async fn the_document_lists_every_route_and_every_name_in_it_is_defined() {
    let lab = Lab::start().await;
    let answer = lab.nobody("GET", "/api/v1/openapi.json").send().await;
    let document = answer.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let mut routes = BTreeSet::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap() {
            routes.insert(format!("{verb} {path}"));
            let named = operation["parameters"].as_array().into_iter().flatten();
            let in_path = named.filter(|it| it["in"] == "path" && it["required"] == true);
            assert_eq!(in_path.count(), path.matches('{').count(), "{path}");
            assert!(
                operation["responses"]["200"].is_object(),
                "{path}: {operation}"
            );
            let refusal = &operation["responses"]["default"]["content"]["application/json"];
            let body = &refusal["schema"]["$ref"];
            assert_eq!(body, "#/components/schemas/ErrorBody", "{verb} {path}");
        }
    }
    let expected = [
        "post /api/v1/scans",
        "post /api/v1/scans/bind",
        "get /api/v1/scans/due",
        "get /api/v1/images",
        "get /api/v1/images/{digest}",
        "get /api/v1/forecast",
        "post /api/v1/promotions",
        "get /api/v1/revocations",
        "post /api/v1/revocations",
        "post /api/v1/revocations/reinstate",
        "get /api/v1/break-glass",
        "post /api/v1/break-glass",
        "delete /api/v1/break-glass/{id}",
        "get /api/v1/modes",
        "post /api/v1/modes",
        "delete /api/v1/modes/{environment}",
        "post /api/v1/replays",
        "get /api/v1/verdicts",
        "get /api/v1/passing",
        "get /api/v1/denials",
        "get /api/v1/activity",
        "get /api/v1/acts",
        "get /api/v1/decisions",
        "get /api/v1/decisions/stream",
        "get /api/v1/decisions/{id}",
        "post /api/v1/notifications/test",
        "get /api/v1/tokens",
        "post /api/v1/tokens",
        "delete /api/v1/tokens/{name}",
        "get /api/v1/exceptions",
        "get /api/v1/advisories",
        "get /api/v1/audit/seals",
        "get /api/v1/status",
        "get /api/v1/replicas",
    ];
    assert_eq!(routes, expected.map(str::to_owned).into());
    let text = answer.text();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let reference = reference.split('"').next().unwrap();
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for path in routes {
        let (verb, path) = path.split_once(' ').unwrap();
        let path = path
            .replace("{id}", "x")
            .replace("{name}", "x")
            .replace("{digest}", "x")
            .replace("{environment}", "x");
        // No event has that id: what would go on without an end is refused.
        let ask = lab.nobody(&verb.to_uppercase(), &path);
        let there = ask.header("last-event-id", "none").send().await;
        let known = there.status != 405 && !there.text().contains("nothing lies at that path");
        assert!(known, "{verb} {path}: {}", there.head);
    }
    lab.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_reported_in_our_words() {
    let lab = Lab::start().await;
    let (code, text) = lab.api("GET", "/api/v1/nothing").send().await.refusal(404);
    assert_eq!(code, "not-found");
    assert!(text.contains("/api/v1/openapi.json"), "{text}");
    let wrong = lab.api("DELETE", "/api/v1/scans").send().await;
    let (code, _) = wrong.refusal(405);
    assert_eq!(code, "method-not-allowed");
    assert!(wrong.header("allow").is_some(), "{}", wrong.head);
    for (method, path) in [("GET", "/d/%ff"), ("DELETE", "/api/v1/tokens/%ff")] {
        let answer = lab.api(method, path).send().await;
        assert_eq!(answer.refusal(400).0, "bad-request", "{path}");
    }
    lab.stop().await;
}
