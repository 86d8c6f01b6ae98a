//! The policy follows its file; a file that is wrong changes nothing.

use crate::kit::lab::{ENVIRONMENTS, Lab, NAME, eventually, trivy};

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

    std::fs::remove_file(lab.file()).unwrap();
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
    // Nor together with its listener, which is bound until a restart.
    let moved = ONE.replace("production", "staging");
    lab.rewrite(&moved, "[environments.staging]\nmode = \"audit\"\n");
    eventually("the file is read", || async {
        status(&lab).await.contains("restart")
    })
    .await;
    let (image, _) = lab.put(NAME, "1");
    let pulled = lab.pull(0, NAME, &image.manifest.digest.to_string()).await;
    assert_eq!(pulled.status, 403, "{}", pulled.head);
    lab.stop().await;
}

/// Secrets and their configuration are not always there in the same second.
#[tokio::test]
async fn a_file_that_was_missing_and_comes_makes_the_policy_good() {
    let lab = Lab::with(ONE, ENVIRONMENTS).await;
    let named = "[environments.production]\nmode = \"warn\"\n\
                 [[upstreams]]\nname = \"quay.io\"\nca = \"corp.crt\"\n";
    lab.rewrite(ONE, named);
    eventually("the file is refused", || async {
        status(&lab).await.contains("corp.crt")
    })
    .await;
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["corp".to_owned()]).unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    std::fs::write(lab.folder.path().join("corp.crt"), pem).unwrap();
    let recovered = || async { !readyz(&lab).await.contains("policy") };
    eventually("readyz recovers", recovered).await;
    let status = lab.nobody("GET", "/api/v1/status").send().await.expect(200);
    assert_eq!(status["environments"][0]["mode"], "warn");
    lab.stop().await;
}
