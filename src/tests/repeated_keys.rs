//! Whether a JSON text repeats a key in an object, found by a reader of its own.
//!
//! It shares nothing with the strict readers that it is held against: no serde, and strings
//! compared after their escapes are taken back.

/// Of a text that is well-formed; of any other the answer means nothing.
pub fn has_repeated_key(text: &str) -> bool {
    let mut objects: Vec<Option<Vec<String>>> = Vec::new();
    let mut rest = text;
    let mut last = String::new();
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '{' => objects.push(Some(Vec::new())),
            '[' => objects.push(None),
            '}' | ']' => drop(objects.pop()),
            '"' => last = string(&mut rest),
            ':' => {
                if let Some(Some(keys)) = objects.last_mut() {
                    if keys.contains(&last) {
                        return true;
                    }
                    keys.push(last.clone());
                }
            }
            _ => {}
        }
    }
    false
}

fn string(rest: &mut &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        let mut plain = [0; 2];
        match letter {
            '"' => break,
            '\\' => units.push(escaped(&mut letters)),
            other => units.extend_from_slice(other.encode_utf16(&mut plain)),
        }
    }
    *rest = letters.as_str();
    String::from_utf16_lossy(&units)
}

fn escaped(letters: &mut std::str::Chars<'_>) -> u16 {
    match letters.next() {
        Some('u') => {
            let digits: String = letters.by_ref().take(4).collect();
            u16::from_str_radix(&digits, 16).unwrap_or_default()
        }
        Some('n') => 10,
        Some('t') => 9,
        Some('r') => 13,
        Some('b') => 8,
        Some('f') => 12,
        other => other.map_or(0, |other| other as u16),
    }
}

#[test]
fn finds_a_key_that_is_repeated_in_one_object() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"[{"b":{"a":1,"c":[{"a":1}],"\u0061":2}}]"#,
        r#"{"\ud83d\ude00":1,"😀":1}"#,
    ] {
        assert!(has_repeated_key(text), "{text}");
    }
    for text in [r#"{"a":{"a":1},"b":["a","a",":"]}"#, r#"{"a\"":1,"a":":"}"#] {
        assert!(!has_repeated_key(text), "{text}");
    }
}
