//! No password is shown, wherever it was written by mistake.

use super::load;

/// Wherever a URL is written, and however ill it is.
#[test]
fn refuses_passwords_in_urls_and_shows_none() {
    for url in [
        "https://robot:hunter2@registry.corp",
        "https://robot:hunter2@",
        "https://robot:hunter2@registry.corp/path?x#y",
        "ftp://robot:hunter2@registry.corp",
        "https://robot:hunter2 @registry.corp",
        "robot:hunter2@registry.corp",
        "https://hunter2@registry.corp",
        "https://u:hunter2%40reg.example",
        "https://reg.example/?token=hunter2",
        "https://reg.example?token=hunter2",
        "https://reg.example#hunter2",
        "https://u:hunter2",
        "u:hunter2@x",
    ] {
        for text in [
            format!("[[upstreams]]\nname = 'a.corp'\nurl = '{url}'"),
            format!("[[upstreams]]\nname = '{url}'"),
            format!("[[upstreams]]\nname = 'a.corp'\npath = '{url}'"),
            format!("[[upstreams]]\nname = 'a.corp'\ntoken_hosts = ['{url}']"),
            format!("[[upstreams]]\nname = 'a.corp'\nredirect_hosts = ['{url}']"),
            // A key of another type: told by its scheme.
            format!("[[upstreams]]\nname = 'a.corp'\ndefault = 'https://{url}'"),
            format!("[admin]\npublic_url = '{url}'"),
            format!("[cache]\nremote = '{url}'"),
            format!("[cache]\nremote = 's3://bucket'\nremote_endpoint = '{url}'"),
            format!("[admin]\naddress = '{url}'"),
            format!("[[listeners]]\nmirror_of = '{url}'"),
            format!("[webhook]\nnames = ['{url}']\n[[clusters]]\nname = 'a'\ngateway = 'b'"),
            format!("[webhook]\n[[clusters]]\nname = 'a'\ngateway = '{url}'"),
        ] {
            let found = load(&text).expect_err(&text).to_string();
            assert!(!found.contains("hunter2"), "{text}: {found}");
        }
    }
}

/// A token may be a URL's path, and a public URL may have one.
#[test]
fn shows_no_more_of_a_refused_url_than_scheme_and_host() {
    let text = "[[upstreams]]\nname = 'a.corp'\nurl = 'https://reg.example/hunter2?x'";
    let found = load(text).unwrap_err().to_string();
    assert!(
        found.contains("\"https://reg.example/***\" is no web"),
        "{found}"
    );
    assert!(
        found.contains("sekisho.toml:3:1: upstreams[0].url"),
        "{found}"
    );
}

/// What it says by itself quotes nothing, and is of no use in part.
#[test]
fn shows_its_own_hints_whole() {
    for (text, hint) in [
        (
            "[[upstreams]]\nname = 'a.corp'\nurl = 'ftp://a.corp'",
            "as in https://harbor.corp/v2/project, and",
        ),
        (
            "[cache]\nremote = 'ftp://a.corp'",
            "write s3://bucket/prefix, gs://bucket/prefix",
        ),
        (
            "[console]\nmerge_request_url = 'https://gitlab.example/hunter2'",
            "names no place for what is drafted; write it as \
             https://gitlab.example/…/-/new/main?file_name={file}&content={content}",
        ),
        (
            "[console]\nmerge_request_url = 'https://gitlab.example/hunter2?{conten}&{file}'",
            "there are {file}, {content}, {title}, {branch}, {image}; write it as https://gitlab",
        ),
    ] {
        let found = load(text).expect_err(text).to_string();
        assert!(found.contains(hint), "{text}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
}

#[test]
fn a_secret_file_with_nothing_in_it_signs_no_messages() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let text = format!(
        "[[notify]]\nname = 'chat'\nurl = 'https://hooks.example/x'\nsecret_file = '{}'",
        file.display()
    );
    for empty in ["", "\n", " \r\n"] {
        std::fs::write(&file, empty).unwrap();
        let found = load(&text).expect_err(empty).problems;
        let mut told = found.iter().filter(|it| it.key == "notify[0].secret_file");
        assert!(told.any(|it| it.text.contains("is empty")), "{found:?}");
    }
    std::fs::write(&file, "key\n").unwrap();
    assert!(load(&text).is_ok());
}

/// A test goes to every target, and none asks for it.
#[test]
fn the_events_that_may_be_written_are_those_that_are_taken() {
    for word in ["test", "denials"] {
        let text =
            format!("[[notify]]\nname = 'a'\nurl = 'https://hooks.example/x'\nevents = ['{word}']");
        let found = load(&text).expect_err(word).problems;
        let told: Vec<&str> = found.iter().map(|it| it.text.as_str()).collect();
        let expected = format!(
            "{word:?} is not known; it may be first-denial, turned-bad, revoked-running, override, \
             forecast"
        );
        assert_eq!(told, [expected]);
    }
}
