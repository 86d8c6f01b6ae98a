//! The recipes of `CONTRIBUTING.md`: what they name is there.

use super::page::{file, text};

const PAGE: &str = "CONTRIBUTING.md";

/// What stands between backquotes and begins like a path of the project.
fn paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let begins = ["src/", "tests/", "docs/", "config/", "README", "CHANGELOG"];
    quoted
        .filter(|it| begins.iter().any(|begin| it.starts_with(begin)))
        .collect()
}

#[test]
fn every_file_that_is_named_exists() {
    let page = text(PAGE);
    let named = paths(&page);
    assert!(named.len() > 25, "{named:?}");
    let missing: Vec<&&str> = named.iter().filter(|path| !file(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_recipe_that_was_promised_is_there() {
    let page = text(PAGE);
    for title in [
        "A report format",
        "A reason code",
        "A metric",
        "A key of the configuration",
        "An admin route",
        "A page of the console",
    ] {
        let (_, recipe) = page.split_once(&format!("### {title}\n")).expect(title);
        let recipe = recipe.split("\n#").next().unwrap();
        assert!(paths(recipe).len() >= 4, "{title}: {recipe}");
    }
}

#[test]
fn the_tests_are_run_by_the_command_that_runs_them_all() {
    let page = text(PAGE);
    let (_, command) = page.split_once("## Before you send a change\n").unwrap();
    assert!(command.trim_start().starts_with("tests/run\n"), "{command}");
}

/// Links between the pages lead to files.
#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let pages = super::page::documents();
    for page in pages.iter().map(String::as_str).chain([PAGE]) {
        let folder = file(page).parent().unwrap().to_owned();
        let text = text(page);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|it| !it.contains("://") && !it.starts_with('#')) {
            let target = target.split('#').next().unwrap();
            assert!(folder.join(target).exists(), "{page}: {target}");
        }
    }
}
