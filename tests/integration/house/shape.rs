//! Sizes, front doors and names.

use super::source::{Source, end_of_item};

const LINES_OF_A_FILE: usize = 500;
const LINES_OF_A_FUNCTION: usize = 60;
const NO_NAMES: [&str; 6] = ["utils", "common", "helpers", "types", "models", "services"];

pub fn broken(source: &Source) -> Vec<String> {
    let mut found = nameless(source);
    if source.lines > LINES_OF_A_FILE {
        found.push(format!("{} has {} lines", source.path, source.lines));
    }
    if !source.is_test() {
        found.extend(long_functions(source));
    }
    if source.is_front_door() {
        found.extend(furniture(source));
    }
    found
}

fn nameless(source: &Source) -> Vec<String> {
    let parts = source.path.trim_end_matches(".rs").split('/');
    parts
        .filter(|part| NO_NAMES.contains(part))
        .map(|part| format!("{part} is no name for a room ({})", source.path))
        .collect()
}

fn long_functions(source: &Source) -> Vec<String> {
    let tokens = &source.tokens;
    let begins = (0..tokens.len()).filter(|at| source.text(*at) == "fn");
    let long = begins.filter_map(|at| {
        let name = source.text(at + 1);
        let last = tokens.get(end_of_item(tokens, at) - 1)?;
        let lines = last.line - tokens[at].line + 1;
        let long = name != "(" && lines > LINES_OF_A_FUNCTION;
        long.then(|| {
            let place = format!("{}:{}", source.path, tokens[at].line);
            format!("fn {name} has {lines} lines in {place}")
        })
    });
    long.collect()
}

/// What stands in a front door besides attributes, `mod` and `use`.
fn furniture(source: &Source) -> Vec<String> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let item = behind_visibility(source, behind_attributes(source, at));
        let end = tokens
            .iter()
            .skip(item)
            .position(|token| token.text == ";")
            .map_or(tokens.len(), |len| item + len + 1);
        let plain = match source.text(item) {
            "use" => true,
            "mod" => end == item + 3,
            _ => false,
        };
        if !plain {
            let line = tokens.get(item).map_or(0, |token| token.line);
            found.push(format!(
                "{}:{line} holds more than mod and use",
                source.path
            ));
            return found;
        }
        at = end;
    }
    found
}

fn behind_attributes(source: &Source, mut at: usize) -> usize {
    while source.text(at) == "#" {
        let mut depth = 0;
        loop {
            at += 1;
            match source.text(at) {
                "[" => depth += 1,
                "]" if depth == 1 => break,
                "]" => depth -= 1,
                "" => return at,
                _ => {}
            }
        }
        at += 1;
    }
    at
}

fn behind_visibility(source: &Source, at: usize) -> usize {
    match (source.text(at), source.text(at + 1)) {
        ("pub", "(") => at + 4,
        ("pub", _) => at + 1,
        _ => at,
    }
}

#[test]
fn keeps_front_doors_empty() {
    let good = "//! Docs.\nmod a;\npub mod b;\npub(crate) mod c;\n#[cfg(unix)]\nmod d;\n\
                #[cfg(test)]\nmod tests;\npub use a::{B, c::D};\nuse super::x;\n";
    assert_eq!(broken(&Source::new("src/gate/mod.rs", good)), [""; 0]);
    for bad in [
        "mod a;\nfn f() {}",
        "mod a;\nmod b { fn f() {} }",
        "mod a;\nconst A: u8 = 1;",
    ] {
        let found = broken(&Source::new("src/gate/mod.rs", bad));
        assert_eq!(found, ["src/gate/mod.rs:2 holds more than mod and use"]);
        assert_eq!(broken(&Source::new("src/gate/a.rs", bad)), [""; 0]);
    }
}

#[test]
fn keeps_files_and_functions_short() {
    let function = |lines: usize| format!("fn f() {{\n{}}}\n", "x;\n".repeat(lines - 2));
    assert_eq!(
        broken(&Source::new("src/gate/a.rs", &function(60))),
        [""; 0]
    );
    assert_eq!(
        broken(&Source::new("src/gate/a.rs", &function(61))),
        ["fn f has 61 lines in src/gate/a.rs:1"]
    );
    assert_eq!(
        broken(&Source::new("src/gate/a.rs", &"\n".repeat(501))),
        ["src/gate/a.rs has 501 lines"]
    );
    let pointer = format!("struct A {{ f: fn(u8), }}\n{}", "\n".repeat(70));
    assert_eq!(broken(&Source::new("src/gate/a.rs", &pointer)), [""; 0]);
}

#[test]
fn refuses_rooms_without_a_name() {
    for path in ["src/utils/mod.rs", "src/gate/helpers.rs"] {
        assert_eq!(broken(&Source::new(path, "")).len(), 1, "{path}");
    }
}
