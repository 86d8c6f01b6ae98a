//! What a token reads is bounded like what it writes.

use serde_json::{Value, json};

use crate::kit::lab::{Ask, ENVIRONMENTS, Lab, eventually, trivy};

const OWN: &str = "team/a";
const OTHER: &str = "team/b";

const EXCEPTIONS: &str = "
[[exception]]
vulnerabilities = [\"CVE-2026-1\"]
images = [\"registry.example/team/a\", \"registry.example/team/b\"]
reason = \"shared\"
link = \"https://x.example/1\"
owner = \"all\"
expires = 2027-01-31
[[exception]]
vulnerabilities = [\"CVE-2026-2\"]
images = [\"registry.example/team/b*\"]
reason = \"theirs alone\"
link = \"https://x.example/2\"
owner = \"b\"
expires = 2027-01-31
";

fn advisories(own: &str, other: &str) -> String {
    let advisory = |id: &str, what: String| {
        format!(
            "[[advisory]]\nid = \"{id}\"\n{what}\neffect = \"block\"\nreason = \"r\"\n\
             link = \"https://x.example/3\"\n"
        )
    };
    let digests = |digests: &[&str]| format!("digests = {digests:?}");
    [
        advisory("SEC-1", "vulnerabilities = [\"CVE-2026-9\"]".to_owned()),
        advisory("SEC-2", digests(&[other])),
        advisory("SEC-3", digests(&[own, other])),
    ]
    .concat()
}

/// A gateway with exceptions, advisories and grants for two teams, and the digest of
/// each.
async fn lab() -> (Lab, [String; 2]) {
    let rest = format!("{ENVIRONMENTS}\n");
    let folder = tempfile::tempdir().unwrap();
    for folder in [
        folder.path().join("exceptions"),
        folder.path().join("advisories"),
    ] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(folder.path().join("exceptions/all.toml"), EXCEPTIONS).unwrap();
    let listeners = "exceptions_dir = \"exceptions\"\nadvisories_dir = \"advisories\"\n\
                     [[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"production\"\n\
                     [[listeners]]\naddress = \"127.0.0.1:0\"\nenvironment = \"staging\"\n";
    let lab = Lab::inside(folder, listeners, &rest).await;
    let mut digests = Vec::new();
    for name in [OWN, OTHER] {
        let (image, named) = lab.put(name, "1");
        let report = trivy(&image, &[]);
        lab.submit(&lab.token, &named, &report).await.expect(200);
        let glass = json!({
            "image": named, "environment": "production", "ticket": "INC-7", "hours": 2,
            "reason": "down",
        });
        let ask = lab.api("POST", "/api/v1/break-glass").json(&glass);
        ask.send().await.expect(200);
        digests.push(image.manifest.digest.to_string());
    }
    let digests: [String; 2] = digests.try_into().unwrap();
    let text = advisories(&digests[0], &digests[1]);
    std::fs::write(lab.folder.path().join("advisories/all.toml"), text).unwrap();
    eventually("the advisories are in force", || async {
        let list = lab
            .api("GET", "/api/v1/advisories")
            .send()
            .await
            .expect(200);
        list["advisories"].as_array().unwrap().len() == 3
    })
    .await;
    (lab, digests)
}

async fn read(lab: &Lab, token: &str, what: &str) -> Value {
    let ask = lab.nobody("GET", &format!("/api/v1/{what}")).token(token);
    ask.send().await.expect(200)
}

fn ids<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| entry[key].as_str().unwrap()).collect()
}

async fn token(lab: &Lab, role: &str, key: &str, place: &str) -> String {
    let mut request = json!({"name": format!("{role}-{}", key.len()), "role": role});
    request[key] = json!([place]);
    lab.token(request).await
}

#[tokio::test]
async fn a_token_of_some_repositories_reads_what_concerns_them() {
    let (lab, [own, other]) = lab().await;
    for role in ["promoter", "viewer", "on-call", "admin"] {
        let token = token(&lab, role, "repositories", "registry.example/team/a").await;
        let listed = read(&lab, &token, "exceptions").await;
        assert_eq!(ids(&listed["exceptions"], "reason"), ["shared"], "{role}");
        assert_eq!(
            listed["exceptions"][0]["images"],
            json!(["registry.example/team/a"])
        );
        let listed = read(&lab, &token, "advisories").await;
        assert_eq!(
            ids(&listed["advisories"], "id"),
            ["SEC-1", "SEC-3"],
            "{role}"
        );
        assert_eq!(listed["advisories"][1]["digests"], json!([own]));
        let listed = read(&lab, &token, "break-glass").await;
        assert_eq!(
            ids(&listed["break_glass"], "digest"),
            [own.as_str()],
            "{role}"
        );
        let status = read(&lab, &token, "status").await;
        assert_eq!(status["break_glass"], listed["break_glass"]);
        assert!(!status.to_string().contains(&other) && status["warnings"] == json!([]));
    }
    let all = read(&lab, &lab.token, "exceptions").await;
    assert_eq!(all["exceptions"].as_array().unwrap().len(), 2);
    lab.stop().await;
}

#[tokio::test]
async fn a_token_of_one_environment_reads_of_it_alone() {
    let (lab, _) = lab().await;
    let mode = json!({"environment": "production", "mode": "warn", "hours": 1, "ticket": "T"});
    lab.api("POST", "/api/v1/modes")
        .json(&mode)
        .send()
        .await
        .expect(200);
    let token = token(&lab, "viewer", "environments", "staging").await;
    assert_eq!(
        read(&lab, &token, "break-glass").await["break_glass"],
        json!([])
    );
    assert_eq!(read(&lab, &token, "modes").await["modes"], json!([]));
    let status = read(&lab, &token, "status").await;
    assert_eq!(ids(&status["environments"], "name"), ["staging"]);
    assert_eq!(ids(&status["listeners"], "environment"), ["staging"]);
    assert_eq!(status["break_glass"], json!([]));
    lab.stop().await;
}

#[tokio::test]
async fn a_scanner_reads_nothing_that_people_wrote() {
    let (lab, digests) = lab().await;
    let token = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    for what in ["exceptions", "advisories", "break-glass", "modes"] {
        let ask = lab.nobody("GET", &format!("/api/v1/{what}")).token(&token);
        assert_eq!(ask.send().await.refusal(403).0, "forbidden", "{what}");
    }
    let replay = json!({"policy": "", "since": "2026-01-01T00:00:00Z"});
    let ask = lab.nobody("POST", "/api/v1/replays").token(&token);
    assert_eq!(ask.json(&replay).send().await.refusal(403).0, "forbidden");
    let status = read(&lab, &token, "status").await.to_string();
    assert!(digests.iter().all(|it| !status.contains(it)) && !status.contains("INC-7"));
    let path = format!("verdicts?environment=production&image=registry.example/{OWN}:1");
    assert_eq!(read(&lab, &token, &path).await["allowed"], json!(true));
    lab.stop().await;
}

#[tokio::test]
async fn a_scanner_searches_by_no_advisory() {
    let (lab, _) = lab().await;
    let token = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    for id in ["SEC-1", "SEC-2", "SEC-none"] {
        let ask = lab.nobody("GET", &format!("/api/v1/images?advisory={id}"));
        let refused = ask.token(&token).send().await.refusal(403);
        assert_eq!(refused.0, "forbidden", "{id}");
    }
    let viewer = lab.token(json!({"name": "v", "role": "viewer"})).await;
    let found = read(&lab, &viewer, "images?advisory=SEC-3").await;
    assert_eq!(found["total"], 2, "{found}");
    lab.stop().await;
}

/// What is told of a mode, a grant and a promotion by every door: the fact, to who reads
/// no records.
#[tokio::test]
async fn who_reads_no_records_hears_no_names_and_no_tickets_by_another_door() {
    let (lab, [own, _]) = lab().await;
    let alice = lab.token(json!({"name": "alice", "role": "admin"})).await;
    let set = json!({"environment": "production", "mode": "audit", "hours": 1, "ticket": "INC-1"});
    let ask = lab.nobody("POST", "/api/v1/modes").token(&alice).json(&set);
    ask.send().await.expect(200);
    let image = format!("registry.example/{OWN}@{own}");
    let promote = json!({"image": image, "environment": "production", "force": true,
        "reason": "why-not", "link": "https://git.example/1"});
    lab.promote(&alice, promote).await.expect(200);
    let revoke = json!({"image": image, "environment": "staging", "reason": "told to all"});
    let ask = lab.nobody("POST", "/api/v1/revocations").token(&alice);
    ask.json(&revoke).send().await.expect(200);
    lab.pull(0, OWN, "1").await;
    let mut id = String::new();
    eventually("the pull is on record", || async {
        let listed = read(&lab, &lab.token, "decisions?environment=production").await;
        !listed["decisions"].as_array().unwrap().is_empty()
    })
    .await;
    let listed = read(&lab, &lab.token, "decisions?environment=production").await;
    id.push_str(listed["decisions"][0]["id"].as_str().unwrap());
    let scanner = lab.token(json!({"name": "ci", "role": "scanner"})).await;
    let doors = [
        format!("verdicts?environment=production&image={image}"),
        format!("images/{own}"),
        format!("decisions/{id}"),
        "forecast".to_owned(),
        "status".to_owned(),
        "passing?environment=production&image=registry.example/team/a".to_owned(),
    ];
    for door in &doors {
        let told = read(&lab, &scanner, door).await.to_string();
        for secret in ["alice", "INC-1", "INC-7", "why-not", "git.example"] {
            assert!(!told.contains(secret), "{door} tells {secret}: {told}");
        }
    }
    let stranger = lab.nobody("GET", &format!("/api/v1/{}", doors[2]));
    let puller = lab.token(json!({"name": "p", "role": "puller"})).await;
    let told = stranger.token(&puller).send().await.expect(200).to_string();
    assert!(!told.contains("INC-1"), "{told}");
    let told = read(&lab, &scanner, &doors[0]).await.to_string();
    assert!(
        told.contains("audit until 20") && told.contains("granted until 20"),
        "{told}"
    );
    let told = read(&lab, &lab.token, &doors[0]).await.to_string();
    assert!(told.contains("set by alice for INC-1"), "{told}");
    let told = read(&lab, &lab.token, &doors[1]).await.to_string();
    assert!(
        told.contains("why-not") && told.contains("told to all"),
        "{told}"
    );
    lab.stop().await;
}

#[tokio::test]
async fn a_replay_tells_a_token_of_its_own_images_alone() {
    let (lab, _) = lab().await;
    for name in [OWN, OTHER] {
        lab.pull(1, name, "1").await;
    }
    eventually("both pulls are on record", || async {
        let listed = lab
            .api("GET", "/api/v1/decisions?environment=staging")
            .send()
            .await;
        listed.expect(200)["decisions"].as_array().unwrap().len() == 2
    })
    .await;
    let policy = "[environments.production]\n[environments.staging]\n";
    let request = json!({"policy": policy, "since": "2026-01-01T00:00:00Z"});
    let token = token(&lab, "viewer", "repositories", "registry.example/team/a").await;
    let ask = lab
        .nobody("POST", "/api/v1/replays")
        .token(&token)
        .json(&request);
    let replayed = ask.send().await.expect(200);
    assert_eq!(
        replayed["judged"].as_u64().unwrap() + replayed["unknown"].as_u64().unwrap(),
        1
    );
    assert!(!replayed.to_string().contains(OTHER), "{replayed}");
    lab.stop().await;
}

/// Whatever address: without a token nobody reads where it is not of this machine
/// alone.
#[tokio::test]
async fn nobody_reads_without_a_token_unless_it_is_set() {
    for (admin, status) in [
        ("address = \"127.0.0.1:0\"", 200),
        ("address = \"127.0.0.1:0\"\nanonymous_reads = false", 401),
        (
            "address = \"127.0.0.1:0\"\npublic_url = \"https://sekisho.example\"",
            401,
        ),
        ("address = \"0.0.0.0:0\"\ninsecure = true", 401),
    ] {
        let lab = Lab::of_admin(admin).await;
        let port = lab.app().admin().port();
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        for what in [
            "status",
            "exceptions",
            "advisories",
            "break-glass",
            "modes",
            "decisions",
        ] {
            let ask = Ask::new(address, "GET", &format!("/api/v1/{what}"));
            assert_eq!(ask.send().await.status, status, "{admin} {what}");
        }
        lab.stop().await;
    }
}

/// A proxy on this machine connects from loopback, whoever asks it.
#[tokio::test]
async fn nobody_reads_without_a_token_through_a_proxy_on_this_machine() {
    let lab = Lab::of_admin("address = \"127.0.0.1:0\"").await;
    let address = lab.app().admin();
    for path in ["/api/v1/status", "/denials"] {
        let ask = || Ask::new(address, "GET", path);
        assert_eq!(ask().send().await.status, 200, "{path}");
        for (header, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=203.0.113.9"),
            ("x-real-ip", "203.0.113.9"),
            ("via", "1.1 proxy"),
        ] {
            let asked = ask().header(header, value).send().await;
            assert_eq!(asked.status, 401, "{path} {header}: {}", asked.head);
        }
    }
    let ask = Ask::new(address, "GET", "/api/v1/status").token(&lab.token);
    assert_eq!(ask.header("via", "1.1 proxy").send().await.status, 200);
    lab.stop().await;
}
