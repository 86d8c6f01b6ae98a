//! What is asked for, and what comes of the answers.

use super::*;
use crate::tests::{Fuzz, folded};

#[test]
fn asks_for_no_more_than_reading_this_repository() {
    let name = RepositoryName::parse("library/nginx").unwrap();
    let own = "repository:library/nginx:pull";
    for (asked, scope) in [
        (None, own),
        (Some(own), own),
        (
            Some("repository:library/nginx:metadata_read"),
            "repository:library/nginx:metadata_read",
        ),
        (Some("repository:library/nginx:pull,push"), own),
        (Some("repository:library/nginx:*"), own),
        (Some("repository:secret/app:pull"), own),
        (Some("registry:catalog:*"), own),
        (Some("repository:library/nginx:pull repository:b:pull"), own),
    ] {
        let root = ApiRoot::new(&"https://a.test".parse().unwrap());
        assert_eq!(scope_for(&root, &name, asked), scope, "{asked:?}");
    }
    for (url, asked, scope) in [
        (
            "https://a.test/api/docker/remote",
            Some("repository:remote/library/nginx:pull"),
            "repository:remote/library/nginx:pull",
        ),
        ("https://a.test/api/docker/remote", None, own),
        (
            "https://a.test/v2/hub",
            None,
            "repository:hub/library/nginx:pull",
        ),
        (
            "https://a.test/v2/hub",
            Some("repository:secret/library/nginx:pull"),
            "repository:hub/library/nginx:pull",
        ),
    ] {
        let root = ApiRoot::new(&url.parse().unwrap());
        assert_eq!(scope_for(&root, &name, asked), scope, "{url} {asked:?}");
    }
}

#[test]
fn keeps_a_token_while_it_lasts() {
    let now = Instant::now();
    for (body, seconds) in [
        (r#"{"token":"t"}"#, 50),
        (r#"{"token":"t","expires_in":5}"#, 50),
        (r#"{"token":"t","expires_in":"3600"}"#, 50),
        (r#"{"token":"t","expires_in":3600.5}"#, 50),
        (r#"{"token":"t","expires_in":1e300}"#, 50),
        (r#"{"token":"t","expires_in":1e400}"#, 50),
        (r#"{"token":"t","expires_in":-1e999}"#, 50),
        (r#"{"token":"t","expires_in":-7}"#, 50),
        (r#"{"token":"t","expires_in":99999999999999999999}"#, 50),
        (r#"{"token":"t","expires_in":[{"s":1}]}"#, 50),
        (r#"{"token":"t","expires_in":null}"#, 50),
        (r#"{"token":"t","expires_in":true}"#, 50),
        (r#"{"access_token":"t","expires_in":300}"#, 290),
        (
            r#"{"token":"","access_token":"t","expires_in":99999999}"#,
            86_390,
        ),
    ] {
        let token = Token::read(body.as_bytes(), now).unwrap();
        assert_eq!(token.header, "Bearer t");
        assert_eq!(
            token.fresh_until - now,
            Duration::from_secs(seconds),
            "{body}"
        );
    }
}

#[test]
fn refuses_answers_without_a_token() {
    for body in ["", "{}", r#"{"token":7}"#, r#"{"token":"a\nb"}"#, "<html>"] {
        assert!(
            Token::read(body.as_bytes(), Instant::now()).is_err(),
            "{body}"
        );
    }
}

#[test]
fn keeps_the_realms_own_query() {
    let key = TokenKey {
        realm: "https://a/t?x=1".parse().unwrap(),
        service: Some("s&s".to_owned()),
        scope: "repository:a:pull".to_owned(),
        anonymous: false,
    };
    let expected = "https://a/t?x=1&service=s%26s&scope=repository%3Aa%3Apull";
    assert_eq!(key.url().as_str(), expected);
}

#[test]
fn fuzz_token_answers() {
    let seeds = [
        r#"{"token":"eyJ.a-b_c","expires_in":300,"issued_at":"2026-11-28T00:11:38Z"}"#,
        r#"{"access_token":"t","token":"","refresh_token":"r","scope":"a"}"#,
    ];
    let words = &[
        "\"token\"",
        "\"access_token\"",
        "\"expires_in\"",
        "1e300",
        "\\n",
    ];
    Fuzz::new("token answers", &seeds).words(words).run(|body| {
        let now = Instant::now();
        match Token::read(body, now) {
            Ok(token) => {
                let life = (token.fresh_until - now).as_secs();
                assert!((50..=86_390).contains(&life), "{life}");
                assert!(token.header.is_sensitive());
                assert!(token.header.as_bytes().starts_with(b"Bearer "));
                format!("taken {}", life > 50)
            }
            Err(error) => folded(&error.to_string()),
        }
    });
}

/// Whatever an upstream asks for, the scope reads one repository: this one, here.
#[test]
fn fuzz_scopes() {
    let (own, remote) = ("library/nginx", "https://a.test/api/docker/remote");
    let name = RepositoryName::parse(own).unwrap();
    let roots = ["https://a.test", remote].map(|url| ApiRoot::new(&url.parse().unwrap()));
    let seeds = [
        "repository:library/nginx:pull",
        "repository:remote/library/nginx:metadata_read,content_read",
        "repository:library/nginx:pull,push repository:b:pull",
    ];
    Fuzz::new("scopes", &seeds).run(|text| {
        let Ok(text) = std::str::from_utf8(text) else {
            return "no text".to_owned();
        };
        let asked = roots.each_ref().map(|root| {
            let scope = scope_for(root, &name, Some(text));
            let read = read_only(&scope).unwrap();
            assert!(root.is_name(read, &name) && !read.contains(' '), "{scope}");
            scope == text
        });
        let elsewhere = scope_elsewhere(&name, Some(text.to_owned()));
        assert!(read_only(&elsewhere).is_some_and(|read| !read.contains(' ')));
        format!("{asked:?} {}", elsewhere == text)
    });
}
