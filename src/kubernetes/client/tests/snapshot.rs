use http::Method;
use jiff::Timestamp;
use serde_json::json;

use super::kit::{Answer, Asked, cluster};
use crate::kubernetes::client::SnapshotScope;
use crate::kubernetes::doctor::DryRun;

/// What the trial tells where the API server refuses the Pod with this status, and
/// says of us that we may make Pods, or may not, or nothing.
async fn trial(status: u16, may: Option<bool>) -> DryRun {
    let cluster = cluster(move |asked: Asked| match (asked.method, &*asked.path) {
        (Method::POST, "/api/v1/namespaces/shop/pods") => Answer::Refused(status, "no"),
        (Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") => {
            let resource = &asked.body["spec"]["resourceAttributes"];
            assert_eq!(
                resource,
                &json!({"namespace": "shop", "verb": "create", "resource": "pods"})
            );
            match may {
                Some(allowed) => Answer::Json(json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                    "metadata": {}, "spec": {}, "status": {"allowed": allowed},
                })),
                None => Answer::Refused(500, "out of order"),
            }
        }
        _ => Answer::Refused(404, "no such kind"),
    });
    let look = SnapshotScope {
        namespace: "sekisho".to_owned(),
        configuration: "sekisho".to_owned(),
        trial: Some(("shop".to_owned(), "docker.io/library/nginx:1".to_owned())),
        inside: false,
    };
    cluster.snapshot(&look, Timestamp::UNIX_EPOCH).await.dry_run
}

#[tokio::test]
async fn a_refused_trial_is_no_trial_only_for_who_may_make_no_pods() {
    let (refused, not_tried) = (
        DryRun::Refused("no".to_owned()),
        DryRun::NotTried("no".to_owned()),
    );
    assert_eq!(trial(403, Some(false)).await, not_tried);
    for (status, may) in [
        (403, Some(true)),
        (403, None),
        (400, Some(false)),
        (500, Some(false)),
    ] {
        assert_eq!(trial(status, may).await, refused, "{status} {may:?}");
    }
}
