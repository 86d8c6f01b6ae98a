//! What probes and scrapers see, and where.

use crate::kit::lab::{Ask, Lab, NAME, eventually, trivy};

const OPS: &str = "
[ops]
address = \"127.0.0.1:0\"
[environments.production]
require = [\"scan\"]
";
const ONE: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n";

#[tokio::test]
async fn probes_lie_on_the_admin_address_until_they_have_their_own() {
    let lab = Lab::start().await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(lab.nobody("GET", path).send().await.status, 200, "{path}");
    }
    assert_eq!(lab.app().ops(), None);
    lab.stop().await;

    let lab = Lab::with(ONE, OPS).await;
    let ops = lab.app().ops().unwrap();
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(
            Ask::new(ops, "GET", path).send().await.status,
            200,
            "{path}"
        );
        assert_eq!(lab.nobody("GET", path).send().await.status, 404, "{path}");
        let registry = lab.app().registries()[0];
        assert_eq!(
            Ask::new(registry, "GET", path).send().await.status,
            404,
            "{path}"
        );
    }
    assert_eq!(
        Ask::new(ops, "GET", "/api/v1/status").send().await.status,
        404
    );
    let ready = Ask::new(ops, "GET", "/readyz").send().await.expect(200);
    assert_eq!(ready["ready"], true);
    lab.stop().await;
}

#[tokio::test]
async fn a_denied_and_an_allowed_pull_are_counted_under_the_agreed_names() {
    let lab = Lab::with(ONE, OPS).await;
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 403);
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    assert_eq!(lab.pull(0, NAME, &digest).await.status, 200);
    let path = format!(
        "/v2/registry.example/{NAME}/blobs/{}",
        image.layers[0].digest
    );
    let blob = Ask::new(lab.app().registries()[0], "GET", &path)
        .send()
        .await;
    assert_eq!(
        (blob.status, &blob.body[..]),
        (200, &image.layers[0].bytes[..])
    );
    let recorder = lab.app().parts().gate.recorder();
    recorder.close_once(jiff::Timestamp::now()).await;
    let metrics = Ask::new(lab.app().ops().unwrap(), "GET", "/metrics")
        .send()
        .await;
    let text = metrics.text();
    for sample in [
        "sekisho_decisions_total{door=\"registry\",environment=\"production\",upstream=\"registry.example\",verdict=\"denied\",reason=\"not-scanned\"} 1",
        "sekisho_decisions_total{door=\"registry\",environment=\"production\",upstream=\"registry.example\",verdict=\"allowed\",reason=\"\"}",
        "sekisho_denied_images{environment=\"production\",reason=\"not-scanned\"} 1",
        "sekisho_decision_seconds",
        "sekisho_pull_ttfb_seconds",
        "sekisho_cache_requests_total",
        "sekisho_cache_bytes",
        "sekisho_fill_waiters",
        "sekisho_upstream_requests_total{upstream=\"registry.example\",method=\"GET\",status=\"200\"}",
        "sekisho_upstream_seconds",
        "sekisho_ledger_seconds",
        "sekisho_exceptions{state=\"active\"} 0",
        "sekisho_policy_files_invalid{kind=\"config\"} 0",
        "sekisho_build_info",
        "sekisho_mode{environment=\"production\",mode=\"enforce\"} 1",
    ] {
        let name = sample.split('{').next().unwrap();
        let near: Vec<&str> = text.lines().filter(|it| it.contains(name)).collect();
        assert!(text.contains(sample), "{sample}\n{near:#?}");
    }
    assert!(!text.contains("sha256:") && !text.contains(NAME), "{text}");
    assert!(text.ends_with("# EOF\n"));
    lab.stop().await;
}

#[tokio::test]
async fn is_unready_and_serves_on_while_it_leaves() {
    let rest = format!("{OPS}[drain]\ndelay = \"10m\"\n");
    let mut lab = Lab::with(ONE, &rest).await;
    let (ops, registry) = (lab.app().ops().unwrap(), lab.app().registries()[0]);
    let (image, named) = lab.put(NAME, "1");
    let digest = image.manifest.digest.to_string();
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let stopping = tokio::spawn(lab.take_app().stop());
    let unready = || async { Ask::new(ops, "GET", "/readyz").send().await.status == 503 };
    eventually("it says that it leaves", unready).await;
    assert_eq!(Ask::new(ops, "GET", "/livez").send().await.status, 200);
    let path = format!("/v2/registry.example/{NAME}/manifests/{digest}");
    let answer = Ask::new(registry, "GET", &path).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(!stopping.is_finished());
    stopping.abort();
}
