//! Names of images, read as the webhook of the environment reads them.

use serde_json::{Value, json};

use crate::kit::lab::{DOOR, ENVIRONMENTS, Lab, NAME, trivy};
use crate::lab::free_port;

/// Each environment with a cluster's gateway of its own.
const CLUSTERS: &str = "
[webhook]
address = \"127.0.0.1:0\"
[[clusters]]
name = \"shop\"
environment = \"production\"
gateway = \"gateway.shop:5080\"
nodes = \"mirror\"
[[clusters]]
name = \"try\"
environment = \"staging\"
gateway = \"gateway.try:5080\"
nodes = \"mirror\"
";
/// The gateways of each environment: a cluster's and a listener.
type Gateways = [(String, &'static str); 4];

async fn lab() -> (Lab, Gateways) {
    let own = ["production", "staging"].map(|it| (format!("127.0.0.1:{}", free_port()), it));
    let listeners = own.each_ref().map(|(address, environment)| {
        format!("[[listeners]]\naddress = \"{address}\"\nenvironment = \"{environment}\"\n")
    });
    let rest = format!("{ENVIRONMENTS}{CLUSTERS}");
    let lab = Lab::with(&listeners.concat(), &rest).await;
    let [production, staging] = own;
    let shop = ("gateway.shop:5080".to_owned(), "production");
    let try_out = ("gateway.try:5080".to_owned(), "staging");
    (lab, [shop, production, try_out, staging])
}

/// Every route that takes an image in a body, with a body that names `image`; `true`:
/// for production.
fn requests(image: &str, report: &Value) -> [(&'static str, Value, bool); 6] {
    let grant = json!({
        "image": image, "environment": "production", "hours": 1, "ticket": "T-1",
        "reason": "an incident",
    });
    let id = format!("sha256:{}", "0".repeat(64));
    [
        ("scans", json!({"image": image, "report": report}), false),
        (
            "promotions",
            json!({"image": image, "environment": "production"}),
            true,
        ),
        ("scans/bind", json!({"image": image, "image_id": id}), false),
        ("break-glass", grant, true),
        (
            "revocations",
            json!({"image": image, "reason": "a key"}),
            false,
        ),
        (
            "revocations/reinstate",
            json!({"image": image, "reason": "mended"}),
            false,
        ),
    ]
}

#[tokio::test]
async fn only_the_gateways_of_the_environment_are_its_own_names() {
    let (lab, gateways) = lab().await;
    let (image, named) = lab.put(NAME, "1");
    let digest = &image.manifest.digest;
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    for (gateway, own) in &gateways {
        let path = format!("/api/v1/verdicts?image={gateway}/registry.example/{NAME}@{digest}");
        let verdict = lab.api("GET", &path).send().await.expect(200);
        assert_eq!(verdict["environment"], *own, "the one whose gateway it is");
    }
    for (gateway, own) in gateways {
        for environment in ["production", "staging"] {
            let name = format!("{gateway}/registry.example/{NAME}@{digest}");
            let path = format!("/api/v1/verdicts?image={name}&environment={environment}");
            let answer = lab.api("GET", &path).send().await;
            match own == environment {
                true => assert_eq!(answer.expect(200)["image"], named.as_str(), "{name}"),
                false => {
                    let (_, text) = answer.refusal(422);
                    assert!(text.contains("unknown-upstream"), "{name}: {text}");
                }
            }
        }
    }
    lab.stop().await;
}

#[tokio::test]
async fn every_route_refuses_a_name_that_is_not_read_alike_by_all() {
    let (lab, _) = lab().await;
    let (image, named) = lab.put(DOOR, "1");
    let report = trivy(&image, &[]);
    let odd = named.replace("registry.example/", "docker.io:443/");
    for (route, body, _) in requests(&odd, &report) {
        let ask = lab.api("POST", &format!("/api/v1/{route}"));
        let (code, text) = ask.json(&body).send().await.refusal(422);
        assert_eq!(code, "refused", "{route}");
        assert!(text.contains("ambiguous-reference"), "{route}: {text}");
    }
    lab.stop().await;
}

#[tokio::test]
async fn every_route_takes_the_names_at_its_gateways() {
    let (lab, gateways) = lab().await;
    let (image, named) = lab.put(NAME, "1");
    let report = trivy(&image, &[]);
    for (gateway, environment) in gateways {
        for (route, body, is_for_production) in requests(&format!("{gateway}/{named}"), &report) {
            let ask = lab.api("POST", &format!("/api/v1/{route}"));
            let answer = ask.json(&body).send().await;
            let text = answer.text();
            let is_foreign = is_for_production && environment != "production";
            assert_eq!(
                text.contains("unknown-upstream"),
                is_foreign,
                "{route}: {text}"
            );
            // Nothing is handed in before the push that could be bound.
            let is_done = !is_foreign && route != "scans/bind";
            assert_eq!(answer.status == 200, is_done, "{route}: {text}");
        }
    }
    lab.stop().await;
}
