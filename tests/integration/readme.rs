//! The README and the page on operations cannot drift: their commands are read by
//! the program, the configuration is good.

use crate::cli::program::{Program, scratch};

fn readme() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    std::fs::read_to_string(file).unwrap()
}

fn blocks(language: &str) -> Vec<String> {
    blocks_of(&readme(), language)
}

/// The lines of the fenced blocks of this language; of an indented block, too.
fn blocks_of(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = None;
    for line in text.lines() {
        let line = line.trim_start();
        match (line.strip_prefix("```"), inside) {
            (Some(opened), None) => inside = Some(opened == language),
            (Some(_), Some(_)) => inside = None,
            (None, Some(true)) => found.push(line.to_owned()),
            (None, _) => {}
        }
    }
    found
}

/// The words of a line, as a shell reads them. Placeholders become samples.
fn words(line: &str) -> Vec<String> {
    let line = line.split("    #").next().unwrap();
    let line = line.split(" > ").next().unwrap().trim();
    let digest = format!("sha256:{}", "0".repeat(64));
    let line = line.replace("sha256:…", &digest);
    assert!(!line.contains('…'), "what stands for the dots? {line}");
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (None, ' ') => words.push(String::new()),
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (_, other) => words.last_mut().unwrap().push(other),
        }
    }
    words
}

#[test]
fn every_command_of_the_readme_is_read_by_the_program() {
    let mut read = 0;
    for line in blocks("sh") {
        let words = words(&line);
        let ours: Vec<String> = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["sekisho", ..] => words,
            ["cargo", "run", "--release", "--", ..] => {
                let rest = words[4..].iter().cloned();
                std::iter::once("sekisho".to_owned()).chain(rest).collect()
            }
            // `kubernetes::chart::installed` runs what Helm is told.
            ["tests/run"] | ["trivy", ..] | ["docker", "pull", ..] | ["helm", ..] => continue,
            _ => panic!("who reads this? {line}"),
        };
        let parsed = sekisho::cli::command().try_get_matches_from(&ours);
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        read += 1;
    }
    assert!(read >= 8, "{read}");
}

/// What a shell block of this page says to this program, line by line.
pub fn commands_of(page: &str, program: &str) -> Vec<Vec<String>> {
    let lines = blocks_of(&crate::docs::page::text(page), "sh");
    let all = lines.iter().map(|line| words(line));
    all.filter(|words| words[0] == program).collect()
}

#[test]
fn every_command_of_the_page_on_operations_is_read_by_the_program() {
    let page = crate::docs::page::text("docs/operations.md");
    let lines = blocks_of(&page, "sh");
    assert!(lines.len() >= 6, "{lines:?}");
    for line in lines {
        let parsed = sekisho::cli::command().try_get_matches_from(words(&line));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

#[test]
fn commands_within_the_text_are_read_too() {
    let text = readme().replace('\n', " ");
    let quoted = text.split('`').skip(1).step_by(2);
    let ours: Vec<&str> = quoted.filter(|it| it.starts_with("sekisho ")).collect();
    assert!(ours.len() >= 4, "{ours:?}");
    for line in ours {
        let line = line
            .replace("COMMAND --help", "status")
            .replace("IMAGE", "nginx:1");
        let parsed = sekisho::cli::command().try_get_matches_from(words(&line));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

#[test]
fn the_configuration_of_the_readme_is_good() {
    let folder = scratch();
    let file = folder.path().join("sekisho.toml");
    std::fs::write(&file, blocks("toml").join("\n")).unwrap();
    // As it says: made, and empty to begin with.
    let folders = ["exceptions", "advisories"].map(|kind| (kind, folder.path().join(kind)));
    for (_, notices) in &folders {
        std::fs::create_dir(notices).unwrap();
    }
    let pasted = Program::new(&["check-config"]).config(&file).run();
    assert_eq!(pasted.code, 0, "as it is pasted: {pasted:?}");
    for (kind, notices) in folders {
        let text = blocks(&format!("toml {kind}")).join("\n");
        assert!(text.contains("[["), "no {kind} in the README");
        std::fs::write(notices.join("readme.toml"), text).unwrap();
    }
    let run = Program::new(&["check-config"]).config(&file).run();
    assert_eq!(run.code, 0, "{run:?}");
}
