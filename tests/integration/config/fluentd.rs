//! The index template for Elasticsearch knows the fields of the audit log, each by its type,
//! and the names of the common schema lead to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn document(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The types that a field of the log may have in the index.
fn types(schema: &Value) -> &'static [&'static str] {
    let kinds = schema["type"].to_string();
    match schema["format"].as_str() {
        Some("date-time") => &["date"],
        _ if kinds.contains("integer") => &["long"],
        _ if kinds.contains("boolean") => &["boolean"],
        _ => &["keyword", "text"],
    }
}

fn describe(
    root: &Value,
    schema: &Value,
    path: &str,
    found: &mut BTreeMap<String, &'static [&'static str]>,
) {
    let schema = match schema["$ref"].as_str() {
        Some(pointer) => root.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    if let Some(fields) = schema["properties"].as_object() {
        for (name, field) in fields {
            let path = format!("{path}.{name}");
            describe(root, field, path.trim_start_matches('.'), found);
        }
    } else if schema["items"].is_object() {
        describe(root, &schema["items"], path, found);
    } else {
        found.insert(path.to_owned(), types(schema));
    }
}

/// All fields that a line may have.
fn logged() -> BTreeMap<String, &'static [&'static str]> {
    let schema = document("docs/audit-log.schema.json");
    let mut found = BTreeMap::new();
    for kind in schema["oneOf"].as_array().unwrap() {
        describe(&schema, kind, "", &mut found);
    }
    found
}

fn collect(properties: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    for (name, field) in properties.as_object().unwrap() {
        let path = format!("{path}.{name}");
        match field.get("properties") {
            Some(inner) => collect(inner, &path, found),
            None => {
                let path = path.trim_start_matches('.').to_owned();
                found.insert(path, field.clone());
            }
        }
    }
}

fn indexed() -> BTreeMap<String, Value> {
    let template = document("config/fluentd/index-template.json");
    let mut found = BTreeMap::new();
    let properties = &template["template"]["mappings"]["properties"];
    collect(properties, "", &mut found);
    found
}

#[test]
fn every_field_of_the_audit_log_is_indexed_by_its_type() {
    let indexed = indexed();
    for (path, types) in logged() {
        let kind = indexed
            .get(&path)
            .and_then(|field| field["type"].as_str())
            .unwrap_or_else(|| panic!("{path} is not in the template"));
        assert!(types.contains(&kind), "{path}: {kind}");
    }
}

#[test]
fn what_is_indexed_beside_them_is_another_name_of_one() {
    let logged = logged();
    for (path, field) in indexed() {
        if logged.contains_key(&path) || path == "@timestamp" {
            continue;
        }
        assert_eq!(field["type"], "alias", "{path}");
        let target = field["path"].as_str().unwrap();
        assert!(logged.contains_key(target), "{path}: {target}");
    }
}
