//! Reviews that no API server would send.

use serde_json::json;

use crate::admission::beginning::request_of;
use crate::admission::review::AdmissionReview;
use crate::tests::{Fuzz, folded};

fn seed(kind: &str, spec: serde_json::Value) -> Vec<u8> {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": if kind == "Pod" { "" } else { "apps" }, "version": "v1", "kind": kind},
        "namespace": "shop", "operation": "UPDATE", "userInfo": {"username": "dev"},
        "object": {"metadata": {"name": "web"}, "spec": spec.clone()},
        "oldObject": {"metadata": {"name": "web"}, "spec": spec},
    }});
    serde_json::to_vec(&review).unwrap()
}

#[test]
fn fuzz_reviews() {
    let pod = json!({
        "initContainers": [{"name": "i", "image": "busybox:1", "imagePullPolicy": "Never"}],
        "containers": [{"name": "a", "image": "nginx"}, {"name": "b"}],
        "ephemeralContainers": [{"name": "e", "image": "debug"}],
        "volumes": [{"name": "v", "image": {"reference": "quay.io/a/b:1"}}],
    });
    let seeds = [
        seed("Pod", pod.clone()),
        seed("Deployment", json!({"template": {"spec": pod}})),
    ];
    let words = &[
        "\"image\"",
        "\"CREATE\"",
        "\"DELETE\"",
        "\"CronJob\"",
        "request",
        "uid",
        "\"batch\"",
    ];
    Fuzz::new("reviews", &seeds).words(words).run(|text| {
        let uid = request_of(text).map(|it| it.uid);
        match serde_json::from_slice::<AdmissionReview>(text) {
            Ok(review) => {
                let request = &review.request;
                // A uid that is longer than any is not found ahead.
                assert!(uid.as_ref().is_none_or(|uid| *uid == request.uid));
                let fields = request.image_fields();
                for field in &fields {
                    let there = request.object.pointer(&field.pointer);
                    let there = there.and_then(|it| it.as_str()).filter(|it| !it.is_empty());
                    assert_eq!(there, field.image, "{}", field.pointer);
                    let _ = field.place();
                }
                let exempt = request.is_exempt();
                format!("{:?} {exempt} {}", request.subject(), fields.len())
            }
            Err(error) => format!("{} {}", uid.is_some(), folded(&error.to_string())),
        }
    });
}
