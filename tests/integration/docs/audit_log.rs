//! `docs/audit-log.schema.json`: every line that is really written is as it says.

use std::collections::BTreeSet;

use sekisho::demo::SampleIndex;
use sekisho::trust::{ActKind, DenialReason};
use serde_json::{Value, json};

use super::page::text;
use crate::kit::lab::{Lab, eventually, trivy};

/// As much of JSON Schema (draft 2020-12) as the document uses: what is wrong with `value`.
fn wrong(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema.as_object().unwrap() {
        let told = match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" | "required" | "format" => Vec::new(),
            "additionalProperties" | "minimum" | "pattern" => {
                limits(keyword, wanted, schema, value)
            }
            "$ref" => {
                let pointer = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                wrong(root, root.pointer(pointer).unwrap(), value, at)
            }
            "oneOf" => {
                let schemas = wanted.as_array().unwrap().iter();
                let tried: Vec<_> = schemas.map(|it| wrong(root, it, value, at)).collect();
                match tried.iter().filter(|it| it.is_empty()).count() {
                    1 => Vec::new(),
                    _ => tried.concat(),
                }
            }
            "const" => differs(wanted == value, keyword),
            "enum" => differs(wanted.as_array().unwrap().contains(value), keyword),
            "type" => differs(is_of(wanted, value), keyword),
            "items" => each(root, wanted, value, at),
            "properties" => properties(root, schema, value, at),
            other => vec![format!("the test knows no {other}")],
        };
        found.extend(told.into_iter().map(|it| format!("{at}: {it}")));
    }
    found
}

fn differs(is_right: bool, keyword: &str) -> Vec<String> {
    match is_right {
        true => Vec::new(),
        false => vec![keyword.to_owned()],
    }
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match wanted.as_array() {
        Some(some) => some.contains(&json!(kind)),
        None => wanted == kind,
    }
}

fn limits(keyword: &str, wanted: &Value, schema: &Value, value: &Value) -> Vec<String> {
    match (keyword, value) {
        ("minimum", Value::Number(number)) => differs(number.as_i64() >= wanted.as_i64(), keyword),
        ("pattern", Value::String(text)) => differs(has_form(wanted.as_str().unwrap(), text), text),
        ("additionalProperties", Value::Object(fields)) => {
            assert_eq!(wanted, false);
            let known = schema["properties"].as_object().unwrap();
            let unknown = fields.keys().filter(|key| !known.contains_key(*key));
            unknown
                .map(|key| format!("{key} is not documented"))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The patterns of the document, each by what it means.
fn has_form(pattern: &str, text: &str) -> bool {
    let hex = |text: &str| {
        text.bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    };
    match pattern {
        "^[0-9a-f]{64}$" => text.len() == 64 && hex(text),
        "^[0-9a-f]{32}$" => text.len() == 32 && hex(text),
        "^[0-9a-f]{16}$" => text.len() == 16 && hex(text),
        "^act:[0-9]+$" => text
            .strip_prefix("act:")
            .is_some_and(|it| it.parse::<u64>().is_ok()),
        "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$" => sekisho::oci::Digest::parse(text).is_ok(),
        other => panic!("the test knows no {other}"),
    }
}

fn each(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .flat_map(|item| wrong(root, schema, item, at))
        .collect()
}

fn properties(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Some(fields) = value.as_object() else {
        return Vec::new();
    };
    let required = schema["required"].as_array().unwrap().iter();
    let missing = required.filter(|key| !fields.contains_key(key.as_str().unwrap()));
    let mut found: Vec<String> = missing.map(|key| format!("{key} is missing")).collect();
    for (key, value) in fields {
        if let Some(schema) = schema["properties"].get(key) {
            found.extend(wrong(root, schema, value, &format!("{at}.{key}")));
        }
    }
    found
}

fn schema() -> Value {
    serde_json::from_str(&text("docs/audit-log.schema.json")).unwrap()
}

fn words(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let listed = schema.pointer(pointer).unwrap().as_array().unwrap().iter();
    listed
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_schema_lists_every_reason_and_every_act() {
    let schema = schema();
    let reasons = DenialReason::ALL.map(|it| it.code().to_owned());
    assert_eq!(words(&schema, "/$defs/reason/enum"), reasons.into());
    let acts = ActKind::ALL.map(|it| it.as_str().to_owned());
    assert_eq!(
        words(&schema, "/$defs/act/properties/act/enum"),
        acts.into()
    );
}

/// A gateway where everything is done that there is to be done by requests.
async fn used() -> Lab {
    let lab = Lab::start().await;
    let (image, named) = lab.put("team/app", "1");
    let reference = image.manifest.digest.to_string();
    for _ in 0..2 {
        assert_eq!(lab.pull(0, "team/app", &reference).await.status, 403);
    }
    lab.submit(&lab.token, &named, &trivy(&image, &[]))
        .await
        .expect(200);
    let promotion = json!({"image": named, "environment": "production", "reason": "release",
        "link": "https://ci.example/1"});
    lab.promote(&lab.token, promotion).await.expect(200);
    assert_eq!(lab.pull(0, "team/app", &reference).await.status, 200);
    let reason = json!({"image": named, "reason": "leaks a key"});
    for (path, body) in [
        ("revocations", reason.clone()),
        ("revocations/reinstate", reason),
        (
            "break-glass",
            json!({"image": named, "environment": "production", "ticket": "INC-7",
            "hours": 2, "reason": "down"}),
        ),
        (
            "modes",
            json!({"environment": "production", "mode": "audit", "ticket": "OPS-1",
            "hours": 2}),
        ),
        ("tokens", json!({"name": "ci", "role": "scanner"})),
    ] {
        let ask = lab.api("POST", &format!("/api/v1/{path}"));
        ask.json(&body).send().await.expect(200);
    }
    lab.api("DELETE", "/api/v1/tokens/ci")
        .send()
        .await
        .expect(200);
    lab
}

fn lines(lab: &Lab) -> Vec<Value> {
    let log = std::fs::read_to_string(lab.data().join("audit.jsonl")).unwrap_or_default();
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn every_line_of_the_log_is_as_the_schema_says() {
    let lab = used().await;
    let is_there = |act: &str| lines(&lab).iter().any(|line| line["act"] == act);
    eventually("all is logged", || async { is_there("token-revoke") }).await;
    lab.parts().gate.recorder().close_all().await;
    let denied = || {
        lines(&lab)
            .into_iter()
            .filter(|line| line["verdict"] == "denied")
    };
    eventually("the count is logged", || async { denied().count() == 2 }).await;
    let schema = schema();
    for line in lines(&lab) {
        let found = wrong(&schema, &schema, &line, "");
        assert!(found.is_empty(), "{found:#?}\n{line:#}");
    }
    // A later line takes the place of the earlier one of the same id.
    let [first, last]: [Value; 2] = denied().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((&first["count"], &last["count"]), (&json!(1), &json!(2)));
    assert_eq!(first["id"], last["id"]);
    let acts: BTreeSet<String> = lines(&lab)
        .iter()
        .filter_map(|line| line["act"].as_str().map(str::to_owned))
        .collect();
    for act in [
        "start",
        "scan",
        "promote",
        "revoke",
        "reinstate",
        "break-glass",
        "mode",
        "token-create",
        "token-revoke",
    ] {
        assert!(acts.contains(act), "{act} is missing in {acts:?}");
    }
    lab.stop().await;
}

/// Each check of an index names the platform that it is about.
#[tokio::test]
async fn a_line_of_an_index_is_as_the_schema_says() {
    let lab = Lab::start().await;
    let index = SampleIndex::sample("app");
    let named = lab.put_index("team/app", &index);
    let reference = index.manifest.digest.to_string();
    assert_eq!(lab.pull(0, "team/app", &reference).await.status, 403);
    for image in &index.images {
        let child = named.replace(&reference, &image.manifest.digest.to_string());
        let report = trivy(image, &["CRITICAL"]);
        lab.submit(&lab.token, &child, &report).await.expect(200);
    }
    assert_eq!(lab.pull(0, "team/app", &reference).await.status, 403);
    lab.parts().gate.recorder().close_all().await;
    let decisions = || {
        let lines = lines(&lab).into_iter();
        lines.filter(|line| line["record"] == "decision")
    };
    eventually("both are logged", || async { decisions().count() >= 2 }).await;
    let schema = schema();
    let mut platforms = BTreeSet::new();
    for line in decisions() {
        let found = wrong(&schema, &schema, &line, "");
        assert!(found.is_empty(), "{found:#?}\n{line:#}");
        let checks = line["checks"].as_array().unwrap().iter();
        platforms.extend(checks.filter_map(|it| it["platform"].as_str().map(str::to_owned)));
    }
    let told: Vec<&str> = platforms.iter().map(String::as_str).collect();
    assert_eq!(told, ["linux/amd64", "linux/arm64"]);
    lab.stop().await;
}
