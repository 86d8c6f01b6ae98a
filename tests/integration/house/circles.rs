//! Files import each other in one direction: whoever reads one never comes back to
//! where they began.
//!
//! A path is followed through the front doors that re-export what it names, to the file
//! that defines it. The front doors themselves are on no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, Spelled};

/// Re-exports that are followed for one path, at most.
const MOST_STEPS: usize = 16;

/// `pub(super)` names nothing.
const KEYWORDS: [&str; 3] = ["crate", "self", "super"];

/// The files of the program by their modules, as in `gate::pull`.
struct Files<'a> {
    by_module: BTreeMap<String, &'a Source>,
    uses: BTreeMap<&'a str, Vec<Spelled>>,
}

/// Who imports whom, by paths of files.
type Arrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Every circle, as the paths of its files in order.
pub fn circles(sources: &[Source]) -> Vec<Vec<&str>> {
    let arrows = Files::new(sources).arrows();
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows
        .keys()
        .map(|from| (*from, reached(&arrows, from)))
        .collect();
    let mut found = BTreeSet::new();
    for (from, there) in &reached {
        let back = |to: &&&str| reached.get(**to).is_some_and(|it| it.contains(from));
        let circle: Vec<&str> = there.iter().filter(back).copied().collect();
        if !circle.is_empty() {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// What can be come to from a file; itself only by way of another.
fn reached<'a>(arrows: &Arrows<'a>, from: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = vec![from];
    while let Some(file) = next.pop() {
        let unseen = arrows.get(file).into_iter().flatten();
        next.extend(unseen.filter(|to| found.insert(**to)));
    }
    found
}

impl<'a> Files<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let program = || sources.iter().filter(|source| !source.is_test());
        Self {
            by_module: program()
                .map(|source| (source.module().join("::"), source))
                .collect(),
            uses: program()
                .map(|source| (source.path.as_str(), source.uses()))
                .collect(),
        }
    }

    fn arrows(&self) -> Arrows<'a> {
        let all = self.by_module.values();
        all.map(|source| {
            let paths = source.paths();
            let defined = paths
                .iter()
                .filter_map(|path| self.defining(source, &path.segments, MOST_STEPS));
            let others = defined.filter(|path| *path != source.path);
            (source.path.as_str(), others.collect())
        })
        .collect()
    }

    /// The file that defines what `segments` name in `source`; `None` where that is no
    /// file of ours, or a front door.
    fn defining(&self, source: &Source, segments: &[String], steps: usize) -> Option<&'a str> {
        let steps = steps.checked_sub(1)?;
        if segments
            .iter()
            .all(|word| KEYWORDS.contains(&word.as_str()))
        {
            return None;
        }
        if let Some(path) = source.rooted(segments) {
            return self.below(&path, steps);
        }
        let own = source.module();
        let child = own.iter().map(|part| (*part).to_owned());
        let child: Vec<String> = child.chain(segments.iter().cloned()).collect();
        if self.is_module(&child[..=own.len()]) {
            return self.below(&child, steps);
        }
        self.imported(source, segments, steps)
    }

    /// The same for a path from the root: down the modules, then through what the last
    /// of them imports.
    fn below(&self, path: &[String], steps: usize) -> Option<&'a str> {
        let modules = (0..=path.len()).rev();
        let depth = modules
            .into_iter()
            .find(|len| self.is_module(&path[..*len]))?;
        let source = self.by_module[&path[..depth].join("::")];
        let rest = &path[depth..];
        let imported = rest
            .first()
            .and_then(|_| self.imported(source, rest, steps));
        let own = (!source.is_front_door()).then_some(source.path.as_str());
        imported.or(own)
    }

    /// What a `use` line of `source` brings in under the first of `segments`.
    fn imported(&self, source: &Source, segments: &[String], steps: usize) -> Option<&'a str> {
        let uses = self.uses.get(source.path.as_str())?;
        let bound = uses
            .iter()
            .find(|path| path.binds() == Some(&segments[0]))?;
        let whole: Vec<String> = without_self(bound)
            .iter()
            .chain(&segments[1..])
            .cloned()
            .collect();
        // `use a;` of a name that is in scope already leads nowhere else.
        (whole != segments).then(|| self.defining(source, &whole, steps))?
    }

    fn is_module(&self, path: &[String]) -> bool {
        self.by_module.contains_key(&path.join("::"))
    }
}

/// `a::self` is `a`.
fn without_self(path: &Spelled) -> &[String] {
    match path.segments.split_last() {
        Some((last, before)) if last == "self" && !before.is_empty() => before,
        _ => &path.segments,
    }
}

impl Spelled {
    /// The name that a `use` of this path brings in.
    fn binds(&self) -> Option<&String> {
        self.alias.as_ref().or_else(|| without_self(self).last())
    }
}

#[cfg(test)]
fn found_in(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source::new(path, text))
        .collect();
    let found = circles(&sources);
    found.iter().map(|circle| circle.join(" ")).collect()
}

#[test]
fn finds_files_that_import_each_other() {
    let circle = "src/gate/a.rs src/gate/b.rs";
    let door = (
        "src/gate/mod.rs",
        "mod a; mod b; pub use a::A; pub use b::{self as c, B};",
    );
    for (a, b, is_circle) in [
        ("use super::b::B;", "use super::a::A;", true),
        ("use super::B;", "use super::A;", true),
        ("use crate::gate::{B};", "fn f() { super::A::new() }", true),
        ("use super::c; fn f() { c::g() }", "use super::A;", true),
        (
            "use super::{b}; fn f() { b::g() }",
            "use super::a::{self, A};",
            true,
        ),
        ("use super::B;", "", false),
        ("", "use super::{A, B};", false),
        (
            "use super::B;",
            "#[cfg(test)] mod tests { use crate::gate::A; }",
            false,
        ),
        (
            "use super::B; use crate::oci::A;",
            "use crate::oci::{B as A};",
            false,
        ),
    ] {
        let files = [door, ("src/gate/a.rs", a), ("src/gate/b.rs", b)];
        let expected: Vec<&str> = is_circle.then_some(circle).into_iter().collect();
        assert_eq!(found_in(&files), expected, "{a} {b}");
    }
}

#[test]
fn finds_circles_across_rooms_and_below_files() {
    let files = [
        ("src/a/mod.rs", "mod x; pub use x::X;"),
        ("src/a/x.rs", "mod y; use y::Y; use crate::b::Z; struct X;"),
        ("src/a/x/y.rs", "use super::X; struct Y;"),
        ("src/b/mod.rs", "mod z; pub use z::*; pub use z::Z;"),
        ("src/b/z.rs", "use crate::a::X;"),
    ];
    assert_eq!(found_in(&files), ["src/a/x.rs src/a/x/y.rs src/b/z.rs"]);
}
