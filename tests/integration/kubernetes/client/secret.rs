//! The Secret that replicas share: what a real API server makes of a race.

use sekisho::kubernetes::client::{SecretError, SharedSecret};
use std::collections::BTreeMap;

use super::place::Place;
use crate::lab::or_skip;

const PREPARED: &str = "
apiVersion: v1
kind: Secret
metadata: {name: ours, namespace: HERE, labels: {app: sekisho}}
";

fn data(text: &str) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([("ca.crt".to_owned(), text.as_bytes().to_vec())])
}

/// How many of many writers at once had their way.
async fn raced(secret: &SharedSecret, replaces: Option<&str>) -> usize {
    let writes = (0..8).map(|writer| {
        let (secret, replaces) = (secret.clone(), replaces.map(str::to_owned));
        async move {
            // What is the same as before is no write to an API server.
            let text = data(&format!("writer {writer} over {replaces:?}"));
            match secret.write(&text, replaces.as_deref()).await {
                Ok(()) => 1,
                Err(SecretError::Conflict) => 0,
                Err(error) => panic!("{error}"),
            }
        }
    });
    let mut done = 0;
    for write in writes.map(tokio::spawn).collect::<Vec<_>>() {
        done += write.await.unwrap();
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_one_makes_it_and_one_replaces_it() {
    let place = or_skip!(Place::new("raced"));
    let secret = SharedSecret::new(&place.connect().await, "raced", "ours");
    assert!(secret.read().await.unwrap().is_none());
    assert_eq!(raced(&secret, None).await, 1);
    for _ in 0..5 {
        let (_, version) = secret.read().await.unwrap().unwrap();
        assert_eq!(raced(&secret, Some(&version)).await, 1);
    }
    let (_, version) = secret.read().await.unwrap().unwrap();
    place
        .kubectl()
        .run(&["delete", "secret", "ours", "-n", "raced"])
        .expect_ok();
    assert_eq!(raced(&secret, Some(&version)).await, 0, "it was removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_made_beforehand_is_filled_and_keeps_its_labels() {
    let place = or_skip!(Place::new("prepared"));
    place.create(PREPARED);
    let secret = SharedSecret::new(&place.connect().await, "prepared", "ours");
    let (held, version) = secret.read().await.unwrap().unwrap();
    assert!(held.is_empty());
    secret.write(&data("one"), Some(&version)).await.unwrap();
    let found = place
        .kubectl()
        .get(&["secret", "ours", "-n", "prepared"])
        .unwrap();
    assert_eq!(found["metadata"]["labels"]["app"], "sekisho");
    assert_eq!(found["data"]["ca.crt"], "b25l");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_and_a_missing_namespace_are_reported() {
    let place = or_skip!(Place::new("without-rights"));
    let stranger = SharedSecret::new(
        &place.connect_without_rights().await,
        "without-rights",
        "ours",
    );
    let error = stranger.read().await.unwrap_err();
    assert!(matches!(error, SecretError::Forbidden { .. }), "{error}");
    let nowhere = SharedSecret::new(&place.connect().await, "nowhere", "ours");
    let error = nowhere
        .write(&data("one"), None)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("nowhere"), "{error}");
}
