//! The remote tier: what is refused, and what is read.

use std::time::Duration;

use super::load;

/// What is written, the key that is named, and a part of what is said of it.
const PROBLEMS: &[(&str, &str, &str)] = &[
    (
        "[cache]\nremote = 'ftp://x'",
        "cache.remote",
        "is no store; write s3://",
    ),
    (
        "[cache]\nremote = 's3://key:secret@x'",
        "cache.remote",
        "is no store",
    ),
    (
        "[cache]\nremote = 'file:///'",
        "cache.remote",
        "is no store",
    ),
    ("[cache]\nredirect = true", "cache.redirect", "needs remote"),
    (
        "[cache]\nremote = 'file:///shared'\nredirect = true",
        "cache.redirect",
        "a folder is none",
    ),
    (
        "[cache]\nremote = 's3://x'\nremote_wait = '1m'",
        "cache.remote_wait",
        "is no duration; write 300ms",
    ),
    (
        "[cache]\nremote = 's3://x'\nremote_wait = '11s'",
        "cache.remote_wait",
        "write 300ms",
    ),
    (
        "[cache]\nremote = 's3://x'\nremote_max_age = '1d'",
        "cache.remote_max_age",
        "is under 2d",
    ),
    (
        "[cache]\nremote = 's3://x'\nredirect_lasts = '1s'",
        "cache.redirect_lasts",
        "is under a minute",
    ),
    (
        "[cache]\nremote = 'gs://x'\nremote_endpoint = 'https://s3.example'",
        "cache.remote_endpoint",
        "is for s3:// and az:// alone",
    ),
    (
        "[cache]\nremote = 's3://x'\nremote_endpoint = 'https://key:secret@s3.example'",
        "cache.remote_endpoint",
        "holds a user name or password",
    ),
];

#[test]
fn names_each_problem_with_its_key() {
    for (text, key, said) in PROBLEMS {
        let problems = load(text).expect_err(text).problems;
        let named = problems
            .iter()
            .any(|problem| problem.key == *key && problem.text.contains(said));
        assert!(
            named,
            "{text}\nshould name {key}: {said}\nbut: {problems:#?}"
        );
    }
}

#[test]
fn reads_a_bucket_with_its_defaults() {
    let config = load("[cache]\nremote = 's3://bucket/prefix'").unwrap();
    let remote = config.cache.remote.unwrap();
    assert_eq!(remote.options.url.as_str(), "s3://bucket/prefix");
    assert_eq!(remote.wait, Duration::from_millis(300));
    assert_eq!((remote.redirect, remote.credentials), (None, None));
    assert!(load("").unwrap().cache.remote.is_none());
}

#[test]
fn refuses_credentials_that_are_none_and_shows_no_secret() {
    let text = "[cache]\nremote = 's3://bucket'\nremote_credentials = 'password'";
    let found = load(text).unwrap_err().to_string();
    assert!(found.contains("line 1 of its credentials"), "{found}");
    assert!(!found.contains("s3cret"), "{found}");
    let text = "[cache]\nremote = 's3://bucket'\nremote_credentials = 's3-credentials'";
    let config = format!("{:?}", load(text).unwrap());
    assert!(!config.contains("s3cret"), "{config}");
}
