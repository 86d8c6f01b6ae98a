//! Credentials that change while we run: replaced, or a command's.

use http::Method;
use sekisho::demo::{Bearer, DemoAuth, Login, RequestKind};
use sekisho::metrics::UpstreamCause;
use sekisho::upstream::{CredentialCommand, CredentialSource, UpstreamError};

use super::setting::{Setting, given, name, tag};

fn login() -> Login {
    Login::new("robot", "secret")
}

fn bearer() -> DemoAuth {
    DemoAuth::Bearer(Bearer {
        login: Some(login()),
        ..Bearer::default()
    })
}

fn shell(script: &str) -> Option<CredentialSource> {
    Some(CredentialSource::Command(CredentialCommand {
        program: "/bin/sh".to_owned(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        username: None,
    }))
}

#[tokio::test]
async fn replaced_credentials_are_shown_from_then_on() {
    for auth in [DemoAuth::Basic(login()), bearer()] {
        let mut setting = Setting::with(auth).await;
        setting.config.credentials = Some(given("old").into());
        let upstream = setting.upstream();
        let refused = upstream.get_manifest(&name(), &tag("1.0")).await;
        assert_eq!(refused, Err(UpstreamError::Unauthorized));
        upstream.replace_credentials(&given("secret"));
        for _ in 0..2 {
            assert!(upstream.get_manifest(&name(), &tag("1.0")).await.is_ok());
        }
    }
}

#[tokio::test]
async fn no_token_of_earlier_credentials_is_used_again() {
    let mut setting = Setting::with(bearer()).await;
    setting.config.credentials = Some(given("secret").into());
    let upstream = setting.upstream();
    assert!(upstream.get_manifest(&name(), &tag("1.0")).await.is_ok());
    // The same once more ask for no token.
    upstream.replace_credentials(&given("secret"));
    assert!(upstream.get_manifest(&name(), &tag("1.0")).await.is_ok());
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Token), 1);
    upstream.replace_credentials(&given("withdrawn"));
    let refused = upstream.get_manifest(&name(), &tag("1.0")).await;
    assert_eq!(refused, Err(UpstreamError::Unauthorized));
}

#[tokio::test]
async fn a_commands_credentials_are_shown_and_kept() {
    for auth in [DemoAuth::Basic(login()), bearer()] {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let mut setting = Setting::with(auth).await;
        let script = format!("echo x >> {}; echo robot:secret", count.display());
        setting.config.credentials = shell(&script);
        let upstream = setting.upstream();
        for _ in 0..3 {
            assert!(upstream.get_manifest(&name(), &tag("1.0")).await.is_ok());
        }
        let runs = std::fs::read_to_string(&count).unwrap();
        assert_eq!(runs.lines().count(), 1);
    }
}

#[tokio::test]
async fn a_command_that_fails_is_named_as_the_cause() {
    let mut setting = Setting::with(DemoAuth::Basic(login())).await;
    setting.config.credentials = shell("echo robot:secret; exit 1");
    let upstream = setting.upstream();
    let failed = upstream.get_manifest(&name(), &tag("1.0")).await;
    let error = failed.unwrap_err();
    assert_eq!(error.cause(), Some(UpstreamCause::NoCredentials));
    assert!(
        error
            .to_string()
            .contains("command failed with exit status: 1"),
        "{error}"
    );
    assert!(!error.to_string().contains("secret"));
    assert!(!error.heals());
}
