//! A gateway with agents, and what an agent asks.

use sekisho::api::{DELTA_MEDIA_TYPE, SNAPSHOT_MEDIA_TYPE};
use sekisho::node_snapshot::{SignedSnapshot, SnapshotDelta, SnapshotKey, SnapshotPublicKey};
use sekisho::oci::Digest;
use serde_json::json;

use crate::kit::lab::{Answer, Ask, LISTENERS, Lab, trivy};
use crate::lab::SNAPSHOT_KEY;

pub fn public_keys() -> Vec<SnapshotPublicKey> {
    vec![SnapshotKey::from_pem(SNAPSHOT_KEY).unwrap().public_key()]
}

/// Production and staging, whose agents are told these keys of `nodes`.
pub async fn gateway(nodes: &str) -> Lab {
    gateway_with(nodes, "").await
}

/// The same with other tables.
pub async fn gateway_with(nodes: &str, tables: &str) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("nodes.key"), SNAPSHOT_KEY).unwrap();
    std::fs::create_dir(folder.path().join("advisories")).unwrap();
    let listeners = format!("advisories_dir = \"advisories\"\n{LISTENERS}");
    Lab::inside(folder, &listeners, &rules(nodes, tables)).await
}

pub fn rules(nodes: &str, tables: &str) -> String {
    format!(
        "[nodes]\nsigning_key = \"nodes.key\"\n\
         [environments.production]\n\
         [environments.production.nodes]\n\
         [environments.staging]\nrequire = [\"scan\"]\n\
         [environments.staging.nodes]\n{nodes}\n{tables}"
    )
}

/// The listener of staging.
pub const STAGING: usize = 1;

/// The token of an agent for one environment.
pub async fn agent(lab: &Lab, environment: &str) -> String {
    let new = json!({"name": format!("nodes-{environment}"), "role": "node",
        "environments": [environment]});
    lab.token(new).await
}

pub async fn ask(lab: &Lab, token: &str, query: &str) -> Answer {
    let path = format!("/api/v1/node/snapshot?{query}");
    let address = lab.app().registries()[STAGING];
    Ask::new(address, "GET", &path).token(token).send().await
}

/// What an agent of staging holds, after it asked with `wait` seconds.
pub async fn follow(
    lab: &Lab,
    token: &str,
    held: Option<&SignedSnapshot>,
    wait: u32,
) -> SignedSnapshot {
    let mut query = format!("environment=staging&wait={wait}");
    if let Some(held) = held {
        let (sequence, mark) = (held.snapshot().terms().sequence, held.snapshot().mark());
        query += &format!("&since={sequence}&mark={mark}");
    }
    let answer = ask(lab, token, &query).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kind = answer.header("content-type").unwrap_or_default().to_owned();
    let taken = match (held, kind.as_str()) {
        (Some(held), DELTA_MEDIA_TYPE) => {
            let delta = SnapshotDelta::from_bytes(&answer.body).unwrap();
            held.apply(&delta, &public_keys()).unwrap()
        }
        (_, SNAPSHOT_MEDIA_TYPE) => {
            SignedSnapshot::from_bytes(&answer.body, &public_keys()).unwrap()
        }
        (_, other) => panic!("{other}"),
    };
    let now = lab.parts().gate.now();
    taken.may_follow(held, "staging", now).unwrap();
    taken
}

/// Why a digest must not start in staging, asked anew.
pub async fn denied(lab: &Lab, token: &str, digest: &Digest) -> Option<String> {
    let told = follow(lab, token, None, 0).await;
    told.snapshot().denied(digest).map(str::to_owned)
}

/// An image that was scanned and pulled in staging, and what is known of its digests.
pub struct Pulled {
    pub manifest: Digest,
    pub config: Digest,
    pub named: String,
}

pub async fn pulled(lab: &Lab, name: &str) -> Pulled {
    let (image, named) = lab.put(name, "1");
    let report = trivy(&image, &[]);
    lab.submit(&lab.token, &named, &report).await.expect(200);
    let manifest = image.manifest.digest.clone();
    let got = lab.pull(STAGING, name, &manifest.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    lab.looked("facts").await;
    Pulled {
        manifest,
        config: image.config.digest.clone(),
        named,
    }
}

pub async fn revoke(lab: &Lab, token: &str, named: &str) {
    let what = json!({"image": named, "reason": "backdoor"});
    let ask = lab.nobody("POST", "/api/v1/revocations").token(token);
    ask.json(&what).send().await.expect(200);
}

pub async fn reinstate(lab: &Lab, named: &str) {
    let what = json!({"image": named, "reason": "mistaken"});
    let ask = lab.api("POST", "/api/v1/revocations/reinstate");
    ask.json(&what).send().await.expect(200);
}
