//! A page with parts that are made from the code.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Tests that write the same page take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A file of the project.
pub fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn text(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages for whoever runs the program.
pub fn documents() -> Vec<String> {
    let names = fs::read_dir(file("docs")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.push("README.md".to_owned());
    pages
}

/// Holds the part of `path` between the marks of that name to `made`. With
/// `UPDATE_DOCS` set it is written instead.
#[track_caller]
pub fn hold(path: &str, name: &str, made: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let page = text(path);
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let (before, rest) = page.split_once(&begin).expect("the mark that begins it");
    let (written, after) = rest.split_once(&end).expect("the mark that ends it");
    let made = format!("\n{made}\n");
    if written == made {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = format!("{before}{begin}{made}{end}{after}");
        fs::write(file(path), page).unwrap();
        return;
    }
    let stale: Vec<&str> = written.lines().filter(|it| !made.contains(it)).collect();
    let lacking: Vec<&str> = made.lines().filter(|it| !written.contains(it)).collect();
    panic!(
        "{path} is not what the code says; run: UPDATE_DOCS=1 cargo test --test integration \
         docs::\nnot so: {stale:#?}\nlacking: {lacking:#?}"
    );
}

/// A table of Markdown.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows = rows
        .iter()
        .map(|row| line(row.iter().map(String::as_str).collect()));
    line(head.to_vec()) + &rule + &rows.collect::<String>()
}
