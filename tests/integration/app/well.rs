//! `status --exit-code`: what needs somebody now, and what does not.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{CertificateParams, KeyPair};
use sekisho::demo::Fault;
use serde_json::Value;

use crate::cli::program::{Program, Run};
use crate::kit::lab::{ENVIRONMENTS, LISTENERS, Lab, NAME, eventually};

async fn status(lab: &Lab) -> Run {
    let program = Program::new(&["status", "--exit-code"])
        .env("SEKISHO_SERVER", &lab.server())
        .env("SEKISHO_TOKEN", &lab.token);
    tokio::task::spawn_blocking(|| program.run()).await.unwrap()
}

async fn problems(lab: &Lab) -> Value {
    let status = lab.api("GET", "/api/v1/status").send().await.expect(200);
    let (problems, warnings) = (&status["problems"], &status["warnings"]);
    for problem in problems.as_array().unwrap() {
        assert!(warnings.as_array().unwrap().contains(problem), "{status}");
    }
    problems.clone()
}

/// A certificate that ends in some days.
fn certificate(folder: &std::path::Path, days: i64) {
    let end = Timestamp::now().to_zoned(TimeZone::UTC).date() + days.days();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let (month, day) = (end.month().unsigned_abs(), end.day().unsigned_abs());
    params.not_after = rcgen::date_time_ymd(end.year().into(), month, day);
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

const TLS_LISTENERS: &str = "
[[listeners]]
address = \"127.0.0.1:0\"
environment = \"production\"
tls = { certificate = \"tls.crt\", key = \"tls.key\" }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_near_its_end_is_told_until_it_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), 5);
    let lab = Lab::inside(folder, TLS_LISTENERS, ENVIRONMENTS).await;
    let run = status(&lab).await;
    assert_eq!(run.code, 1, "{run:?}");
    for part in [
        "warning: the certificate of the registry at 127.0.0.1:",
        "ends in 4 days",
        "renew ",
        "tls.crt",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    assert_eq!(problems(&lab).await.as_array().unwrap().len(), 1);
    certificate(lab.folder.path(), 90);
    eventually("the new one is shown", || async {
        problems(&lab).await.as_array().unwrap().is_empty()
    })
    .await;
    assert_eq!(status(&lab).await.code, 0);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_fails_is_told_with_its_cause_until_it_answers() {
    let lab = Lab::with(LISTENERS, ENVIRONMENTS).await;
    lab.put(NAME, "1");
    let run = status(&lab).await;
    assert_eq!(run.code, 0, "{run:?}");
    lab.upstream.inject("", 1000, Fault::Status(503));
    lab.pull(0, NAME, "1").await;
    let run = status(&lab).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stdout.contains("warning: upstream registry.example "),
        "{run:?}"
    );
    lab.upstream.heal();
    eventually("it answers again", || async {
        lab.pull(0, NAME, "1").await;
        problems(&lab).await.as_array().unwrap().is_empty()
    })
    .await;
    assert_eq!(status(&lab).await.code, 0);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_worth_a_second_look_ends_no_watch() {
    let listeners = format!("{LISTENERS}repositories = [\"elsewhere.example/**\"]\n");
    let lab = Lab::with(&listeners, ENVIRONMENTS).await;
    let run = status(&lab).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout
            .contains("elsewhere.example is the name of no upstream"),
        "{run:?}"
    );
    lab.rewrite(&listeners, "[environments.production]\nmode = \"lax\"\n");
    eventually("a file that is not in force", || async {
        !problems(&lab).await.as_array().unwrap().is_empty()
    })
    .await;
    let run = status(&lab).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("warning: not in force: "), "{run:?}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_the_disk_has_no_room_for_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let listeners = format!("[cache]\nmin_free = \"900000GiB\"\n{LISTENERS}");
    let lab = Lab::inside(folder, &listeners, ENVIRONMENTS).await;
    let run = status(&lab).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("the cache stores nothing: "), "{run:?}");
    assert!(run.stdout.contains("min_free is 921600000 MiB"), "{run:?}");
}
