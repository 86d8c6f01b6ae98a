//! Credentials and tokens: to whom they are shown, and how often.

use http::Method;
use sekisho::demo::{Bearer, DemoAuth, Fault, Login, RequestKind};
use sekisho::upstream::{HostRefusal, UpstreamError};

use super::setting::{NAME, Setting, credentials, given, hosts, image, name, tag};

fn login() -> Login {
    Login::new("robot", "secret")
}

fn bearer() -> DemoAuth {
    let login = Some(login());
    DemoAuth::Bearer(Bearer {
        login,
        ..Bearer::default()
    })
}

fn realm(realm: String) -> DemoAuth {
    DemoAuth::Bearer(Bearer {
        login: Some(login()),
        realm: Some(realm),
        expires_in: None,
    })
}

fn refusal<T>(outcome: &Result<T, UpstreamError>) -> Option<HostRefusal> {
    match outcome {
        Err(UpstreamError::RefusedHost { why, .. }) => Some(*why),
        _ => None,
    }
}

#[tokio::test]
async fn pulls_with_an_anonymous_token() {
    let setting = Setting::with(DemoAuth::Bearer(Bearer::default())).await;
    let upstream = setting.upstream();
    assert!(upstream.get_manifest(&name(), &tag("1.0")).await.is_ok());
    let token = &setting.registry.seen()[1];
    assert_eq!(
        (token.kind, &token.authorization),
        (RequestKind::Token, &None)
    );
    assert_eq!(
        token.query,
        "service=demo&scope=repository%3Alibrary%2Fapp%3Apull"
    );
}

#[tokio::test]
async fn asks_for_one_token_and_keeps_it() {
    let mut setting = Setting::with(bearer()).await;
    setting.config.credentials = credentials();
    let upstream = setting.upstream();
    for _ in 0..3 {
        assert!(upstream.get_manifest(&name(), &tag("1.0")).await.is_ok());
        assert!(
            upstream
                .get_blob(&name(), &setting.layer(), setting.size(), 0)
                .await
                .is_ok()
        );
    }
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Token), 1);
    assert_eq!(
        setting.registry.count(&Method::GET, RequestKind::Manifest),
        4,
        "one challenge"
    );
    let basic = |seen: &sekisho::demo::SeenRequest| {
        let text = seen.authorization.as_deref().unwrap_or_default();
        text.starts_with("Basic ")
    };
    let seen = setting.registry.seen();
    assert!(
        seen.iter()
            .all(|seen| basic(seen) == (seen.kind == RequestKind::Token))
    );
}

#[tokio::test]
async fn many_callers_share_one_token_flight() {
    let setting = Setting::with(DemoAuth::Bearer(Bearer::default())).await;
    let (upstream, hold) = (setting.upstream(), setting.registry.hold("/token"));
    let calls = (0..8).map(|_| {
        let upstream = upstream.clone();
        async move { upstream.head_manifest(&name(), &tag("1.0")).await }
    });
    let release = async {
        hold.arrived().await;
        while setting.registry.count(&Method::HEAD, RequestKind::Manifest) < 8 {
            tokio::task::yield_now().await;
        }
        hold.release();
    };
    let (outcomes, ()) = tokio::join!(futures_util::future::join_all(calls), release);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Token), 1);
}

#[tokio::test]
async fn each_repository_has_its_own_token() {
    let setting = Setting::with(DemoAuth::Bearer(Bearer::default())).await;
    let other = image("other");
    setting.registry.put_image("team/other", &other);
    setting
        .registry
        .tag("team/other", "1.0", &other.manifest.digest);
    let upstream = setting.upstream();
    let second = sekisho::oci::RepositoryName::parse("team/other").unwrap();
    assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_ok());
    assert!(upstream.head_manifest(&second, &tag("1.0")).await.is_ok());
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Token), 2);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let setting = Setting::with(DemoAuth::Bearer(Bearer::default())).await;
    let upstream = setting.upstream();
    assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_ok());
    setting.registry.revoke_tokens();
    assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_ok());
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Token), 2);
}

#[tokio::test]
async fn gives_up_where_a_fresh_token_is_refused() {
    let setting = Setting::with(DemoAuth::Bearer(Bearer::default())).await;
    // The scope of another repository: the registry takes it for no one.
    let wrong = Fault::With(
        "www-authenticate",
        challenge(&setting, "registry:catalog:*"),
    );
    setting.registry.inject("/manifests/", usize::MAX, wrong);
    let status = Fault::Status(401);
    setting.registry.inject("/manifests/", usize::MAX, status);
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(head, Err(UpstreamError::Unauthorized));
    assert_eq!(
        setting.registry.count(&Method::HEAD, RequestKind::Manifest),
        2
    );
    let token = setting
        .registry
        .seen()
        .into_iter()
        .find(|seen| seen.kind == RequestKind::Token);
    let query = token.unwrap().query;
    assert!(
        query.ends_with("scope=repository%3Alibrary%2Fapp%3Apull"),
        "{query}"
    );
}

fn challenge(setting: &Setting, scope: &str) -> String {
    let origin = setting.registry.origin();
    format!("Bearer realm=\"{origin}/token\",service=\"demo\",scope=\"{scope}\"")
}

#[tokio::test]
async fn wrong_credentials_are_unauthorized() {
    let mut setting = Setting::with(bearer()).await;
    setting.config.credentials = Some(given("wrong").into());
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(head, Err(UpstreamError::Unauthorized));
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Token), 1);
}

#[tokio::test]
async fn answers_a_basic_challenge_and_remembers_it() {
    let mut setting = Setting::with(DemoAuth::Basic(login())).await;
    let without = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(without, Err(UpstreamError::Unauthorized));
    setting.registry.forget();
    setting.config.credentials = credentials();
    let upstream = setting.upstream();
    for _ in 0..3 {
        assert!(upstream.head_manifest(&name(), &tag("1.0")).await.is_ok());
    }
    assert_eq!(setting.registry.total(), 4, "one challenge");
}

#[tokio::test]
async fn never_sends_credentials_to_a_realm_elsewhere() {
    let elsewhere = Setting::open().await.registry;
    let mut setting = Setting::with(realm(format!("{}/token", elsewhere.origin()))).await;
    setting.config.credentials = credentials();
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(refusal(&head), Some(HostRefusal::NotListed), "{head:?}");
    assert_eq!(elsewhere.total(), 0);
    assert_eq!(setting.registry.total(), 1, "nor was it tried again");
}

#[tokio::test]
async fn a_listed_realm_gets_the_credentials() {
    let tokens = Setting::with(bearer()).await;
    let at = tokens.registry.address().to_string();
    let mut setting = Setting::with(realm(format!("http://{at}/token"))).await;
    setting.config.credentials = credentials();
    setting.config.token_hosts = hosts(&[&at]);
    // The tokens of another registry: they were given, and are refused here.
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(head, Err(UpstreamError::Unauthorized));
    assert_eq!(tokens.registry.count(&Method::GET, RequestKind::Token), 1);
    let shown = tokens.registry.seen()[0].authorization.clone();
    assert!(shown.unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn a_realm_at_a_private_address_is_refused_unless_listed_in_full() {
    let tokens = Setting::with(bearer()).await;
    let port = tokens.registry.address().port();
    let mut setting = Setting::with(realm(format!("http://auth.localhost:{port}/token"))).await;
    setting.config.credentials = credentials();
    setting.config.token_hosts = hosts(&[&format!("*.localhost:{port}")]);
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(
        refusal(&head),
        Some(HostRefusal::PrivateAddress),
        "{head:?}"
    );
    assert_eq!(tokens.registry.total(), 0);
    setting.config.token_hosts = hosts(&[&format!("auth.localhost:{port}")]);
    let _ = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert_eq!(tokens.registry.count(&Method::GET, RequestKind::Token), 1);
}

#[tokio::test]
async fn a_token_server_that_redirects_gets_us_nowhere() {
    let mut setting = Setting::with(bearer()).await;
    setting.config.credentials = credentials();
    let elsewhere = setting.elsewhere().await;
    let redirect = Fault::Redirect(elsewhere.origin());
    setting.registry.inject("/token", usize::MAX, redirect);
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert!(matches!(head, Err(UpstreamError::Protocol(_))), "{head:?}");
    assert_eq!(elsewhere.total(), 0);
}

#[tokio::test]
async fn a_token_servers_404_does_not_say_that_the_image_is_gone() {
    let setting = Setting::with(DemoAuth::Bearer(Bearer::default())).await;
    setting.registry.inject("/token", 1, Fault::Status(404));
    let head = setting.upstream().head_manifest(&name(), &tag("1.0")).await;
    assert!(matches!(head, Err(UpstreamError::Protocol(_))), "{head:?}");
}

#[tokio::test]
async fn tries_a_failing_token_server_again() {
    let setting = Setting::with(DemoAuth::Bearer(Bearer::default())).await;
    setting.registry.inject("/token", 2, Fault::Status(503));
    assert!(
        setting
            .upstream()
            .head_manifest(&name(), &tag("1.0"))
            .await
            .is_ok()
    );
    assert_eq!(setting.registry.count(&Method::GET, RequestKind::Token), 3);
    assert_eq!(
        setting
            .registry
            .count_of(&Method::HEAD, RequestKind::Manifest, NAME, "1.0"),
        2,
        "the challenge is remembered"
    );
}
