use serde_json::json;

use crate::kubernetes::client::drift::first_drift;

#[test]
fn sees_what_is_not_as_desired() {
    for (desired, current, expected) in [
        (json!({"a": 1}), json!({"a": 1, "b": 2}), None),
        (json!({"a": 1}), json!({"a": 2}), Some("/a")),
        (json!({"a": {"b": "x"}}), json!({"a": {}}), Some("/a/b")),
        (json!({"a": {"b": "x"}}), json!({}), Some("/a")),
        (json!({"a": {"b": []}, "c": null}), json!({}), None),
        (json!({"a": []}), json!({"a": [1]}), Some("/a")),
        (json!({"a": [1, 2]}), json!({"a": [2, 1]}), Some("/a/0")),
        (json!({"a": [1]}), json!({"a": [1, 2]}), Some("/a")),
        (
            json!([{"name": "x", "v": 1}]),
            json!([{"name": "y"}, {"v": 1, "name": "x"}]),
            None,
        ),
        (
            json!([{"name": "x", "v": 1}]),
            json!([{"name": "x", "v": 2}]),
            Some("/0/v"),
        ),
        (json!([{"name": "x"}]), json!([{"name": "y"}]), Some("/0")),
    ] {
        let found = first_drift(&desired, &current);
        assert_eq!(found.as_deref(), expected, "{desired} in {current}");
    }
}
