//! The policy follows its file; a file that is wrong changes nothing.

use serde_json::json;

use crate::admin::lab::{ENVIRONMENTS, Lab, NAME, eventually, trivy};

const ONE: &str = "
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"production\"
";

async fn readyz(lab: &Lab) -> String {
    let answer = lab.nobody("GET", "/readyz").send().await;
    assert_eq!(
        answer.status, 200,
        "what is cached can be served all the same"
    );
    answer.text()
}

async fn status(lab: &Lab) -> String {
    lab.nobody("GET", "/api/v1/status").send().await.expect(200)["warnings"].to_string()
}

#[tokio::test]
async fn the_next_answer_follows_the_file() {
    let lab = Lab::with(ONE, "[environments.production]\n").await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.submit(&lab.token, &named, &trivy(&image, &["LOW"]))
        .await
        .expect(200);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    let pulls = async |status: u16| {
        let what = format!("a pull is answered with {status}");
        eventually(&what, || async {
            lab.pull(0, NAME, &digest).await.status == status
        })
        .await;
    };

    lab.rewrite(ONE, "[environments.production]\nrequire = [\"scan\"]\n");
    pulls(200).await;

    lab.rewrite(ONE, "[environments.production]\nrequire = [\"scam\"]\n");
    eventually("the file is seen", || async {
        readyz(&lab).await.contains("degraded")
    })
    .await;
    eventually("readyz says so", || async {
        readyz(&lab).await.contains("policy")
    })
    .await;
    assert!(
        status(&lab).await.contains("scam"),
        "{}",
        status(&lab).await
    );
    assert_eq!(
        lab.pull(0, NAME, &digest).await.status,
        200,
        "the last good state holds"
    );

    std::fs::remove_file(lab.config_file()).unwrap();
    eventually("its absence is seen", || async {
        !status(&lab).await.contains("scam")
    })
    .await;
    assert!(readyz(&lab).await.contains("policy"));
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);

    let strict = "[environments.production]\nceilings = { external = \"negligible\" }\n";
    lab.rewrite(ONE, strict);
    pulls(403).await;
    let recovered = || async { !readyz(&lab).await.contains("policy") };
    eventually("readyz recovers", recovered).await;
    assert_eq!(status(&lab).await, "[]");
    lab.stop().await;
}

/// An environment that a listener belongs to cannot vanish below it.
#[tokio::test]
async fn a_file_without_a_listeners_environment_is_invalid() {
    let lab = Lab::with(ONE, ENVIRONMENTS).await;
    lab.rewrite(ONE, "[environments.staging]\n");
    eventually("the file is refused", || async {
        readyz(&lab).await.contains("policy")
    })
    .await;
    let made = json!({"name": "later", "role": "viewer"});
    lab.token(made).await;
    lab.stop().await;
}
