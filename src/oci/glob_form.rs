//! Globs over repositories that match nothing by their form, and globs that others leave
//! nothing to.

use super::{RegistryHost, RepositoryGlobs, RepositoryName, written_host};

/// Ways to read the braces of one glob that are looked at, at most.
const MAX_ALTERNATIVES: usize = 256;

/// What no component of a name begins or ends with.
const SEPARATORS: [char; 3] = ['.', '_', '-'];

/// Stands for what a wildcard matches: no name has it, and no class names it.
const ANY: char = '\u{1}';

/// Why a glob over `host/name` matches no repository that can be, and what to write
/// instead; `None`: it may match one.
pub fn never_matches(glob: &str) -> Option<String> {
    alternatives(glob).iter().find_map(|it| form_problem(it))
}

impl RepositoryGlobs {
    /// The one glob that somebody looks for images by.
    ///
    /// # Errors
    /// What is wrong with it, also where it can match no repository: an empty list would pass
    /// for an all-clear.
    pub fn asked(glob: &str) -> Result<Self, String> {
        let globs = Self::new(vec![glob.to_owned()]).map_err(|error| error.to_string())?;
        globs.matches_none().map_or(Ok(globs), Err)
    }

    /// Why the first glob that can match no repository cannot; `None`: each may match one.
    pub fn matches_none(&self) -> Option<String> {
        self.written().iter().find_map(|glob| {
            let why = never_matches(glob)?;
            Some(format!("{glob:?} matches no repository: it {why}"))
        })
    }
}

/// Whether every repository that `two` matches is surely matched by `one`. Where that is
/// hard to say, no.
pub fn covers(one: &str, two: &str) -> bool {
    if one == two {
        return true;
    }
    // A class or an alternative of `two` matches more than one sample would tell.
    if two.contains(['[', '{', '\\']) {
        return false;
    }
    let Ok(one) = RepositoryGlobs::new(vec![one.to_owned()]) else {
        return false;
    };
    samples(two).iter().all(|sample| one.matches_text(sample))
}

/// What `glob` matches at its shortest and its longest.
fn samples(glob: &str) -> Vec<String> {
    let deep = format!("{ANY}/{ANY}{ANY}/{ANY}");
    let (one, several) = (ANY.to_string(), format!("{ANY}{ANY}{ANY}"));
    // What stands for `**`, and for `*` within a component.
    let ways = [
        (&one, ""),
        (&one, &one),
        (&several, &several),
        (&deep, &several),
    ];
    let fill = |(across, within): (&String, &str)| {
        let components = glob.split('/').map(|component| match component {
            "**" => across.clone(),
            "*" if within.is_empty() => one.clone(),
            other => other.replace('*', within).replace('?', &one),
        });
        components.collect::<Vec<_>>().join("/")
    };
    ways.into_iter().map(fill).collect()
}

/// `a/{b,c}` as `a/b` and `a/c`; the first of them, where there are many.
fn alternatives(glob: &str) -> Vec<String> {
    let mut whole = Vec::new();
    let mut open = vec![glob.to_owned()];
    while let Some(glob) = open.pop() {
        match innermost_braces(&glob) {
            Some((start, end)) if whole.len() + open.len() < MAX_ALTERNATIVES => {
                let inside = &glob[start + 1..end];
                let (before, after) = (&glob[..start], &glob[end + 1..]);
                let ways = inside.split(',').take(MAX_ALTERNATIVES);
                open.extend(ways.map(|it| format!("{before}{it}{after}")));
            }
            Some(_) => {}
            None => whole.push(glob),
        }
    }
    whole
}

fn innermost_braces(glob: &str) -> Option<(usize, usize)> {
    let end = glob.find('}')?;
    let start = glob[..end].rfind('{')?;
    Some((start, end))
}

/// `glob` has no braces.
fn form_problem(glob: &str) -> Option<String> {
    if glob.contains("://") {
        return Some("begins with a scheme; write host/name".to_owned());
    }
    if glob.contains('@') {
        let (before, _) = glob.split_once('@').unwrap_or((glob, ""));
        return Some(format!(
            "names a digest, and all of a repository is meant; write {before}"
        ));
    }
    if glob.starts_with('/') || glob.ends_with('/') || glob.contains("//") {
        let bare: Vec<&str> = glob.split('/').filter(|part| !part.is_empty()).collect();
        let bare = bare.join("/");
        return Some(format!(
            "has a / too many; write {bare}/** for all below, or {bare}"
        ));
    }
    let (host, name) = match glob.split_once('/') {
        Some((host, name)) => (host, name),
        None if glob == "**" => return None,
        None => {
            return Some(format!(
                "has no /; write host/name, or {glob}/** for all below"
            ));
        }
    };
    host_problem(host).or_else(|| name_problem(host, name))
}

fn host_problem(host: &str) -> Option<String> {
    if host.contains(['*', '?', '[', '\\']) {
        return None;
    }
    let Ok(known) = RegistryHost::parse(host) else {
        return Some(format!("begins with {host:?}, which is no host"));
    };
    if known.as_str() != host {
        return Some(format!("begins with {host}, which is called {known} here"));
    }
    match written_host(&format!("{host}/x")) {
        Some(_) => None,
        None => Some(format!(
            "begins with {host}, which is no host of a registry; write host/name"
        )),
    }
}

fn name_problem(host: &str, name: &str) -> Option<String> {
    if let Some((before, tag)) = name.rsplit_once(':') {
        return Some(format!(
            "names the tag {tag}, and all of a repository is meant; write {host}/{before}"
        ));
    }
    let mut outside_of_class = name.split('[').flat_map(|part| {
        let literal = part.split_once(']').map_or(part, |(_, rest)| rest);
        literal.chars()
    });
    let is_possible =
        |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "._-/*?\\".contains(it);
    if let Some(strange) = outside_of_class.find(|it| !is_possible(*it)) {
        return Some(format!(
            "holds {strange:?}, which is in no name of a repository"
        ));
    }
    if let Some(strange) = name.split('/').find(|it| !is_possible_component(it)) {
        return Some(format!(
            "holds {strange:?}, which is no part of a repository's name: parts begin and end with \
             a letter or a digit, and have one separator between those"
        ));
    }
    match host == RegistryHost::DOCKER_HUB && !name.contains('/') && name != "**" {
        true => Some(format!("is called {host}/library/{name} here")),
        false => None,
    }
}

/// Whether some component of a name may match. Of one with wildcards only its ends are looked
/// at.
fn is_possible_component(component: &str) -> bool {
    match component.contains(['*', '?', '[', ']', '\\']) {
        false => RepositoryName::is_component(component),
        true => !component.starts_with(SEPARATORS) && !component.ends_with(SEPARATORS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_of_many_alternatives_or_of_any_length_is_bounded_work() {
        let many = format!("registry.corp/{{{}}}x", ",".repeat(3000));
        assert!(alternatives(&many).len() <= MAX_ALTERNATIVES);
        let nested = format!("registry.corp/{}", "{a,b}".repeat(500));
        assert!(alternatives(&nested).len() <= MAX_ALTERNATIVES);
        let long = format!("registry.corp/{}", "x".repeat(4096));
        let refused = RepositoryGlobs::new(vec![long]).unwrap_err().to_string();
        assert!(refused.contains("longer than 4096 bytes"), "{refused}");
        assert!(refused.len() < 300, "{refused}");
    }

    #[test]
    fn what_can_match_no_repository_is_told_with_what_to_write() {
        for (glob, told) in [
            ("registry.corp/team/app:1.4", "write registry.corp/team/app"),
            ("registry.corp:5000/team/app:1.4", "the tag 1.4"),
            ("registry.corp/team/*:*", "the tag *"),
            (
                "registry.corp/team/app@sha256:00",
                "write registry.corp/team/app",
            ),
            ("registry.corp/team/", "registry.corp/team/**"),
            ("/registry.corp/team", "a / too many"),
            ("registry.corp//team", "a / too many"),
            ("registry.corp", "registry.corp/**"),
            ("*", "has no /"),
            ("https://registry.corp/team", "a scheme"),
            ("team/app", "team, which is no host"),
            ("registry.corp/Team/**", "'T'"),
            ("registry.corp/team app", "' '"),
            ("registry.corp/team/../x", "\"..\""),
            ("registry.corp/./x", "\".\""),
            ("registry.corp/team/.x/**", "\".x\""),
            ("registry.corp/team-/x", "\"team-\""),
            ("registry.corp/a..b", "\"a..b\""),
            ("registry.corp/a___b/*", "\"a___b\""),
            ("registry.corp/team/..*", "\"..*\""),
            ("registry.corp/{team,..}/*", "\"..\""),
            ("index.docker.io/library/**", "called docker.io here"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("registry.corp/{team,other:1}", "the tag 1"),
            ("CVE-2026-1234", "has no /"),
        ] {
            let problem = never_matches(glob).unwrap_or_default();
            assert!(problem.contains(told), "{glob}: {problem}");
        }
    }

    #[test]
    fn what_may_match_is_left_alone() {
        for glob in [
            "**",
            "**/app",
            "*/team/app",
            "registry.corp/**",
            "registry.corp:5000/team/*",
            "registry.corp/team-?/[a-z]*",
            "registry.corp/a__b/c---d/e.f_g",
            "registry.corp/[.a]*/*-*",
            "localhost/app",
            "[::1]:5000/app",
            "docker.io/**",
            "docker.io/library/nginx",
            "{docker.io/library,quay.io/team}/*",
            "{a,b}.corp/app",
        ] {
            assert_eq!(never_matches(glob), None, "{glob}");
        }
    }

    #[test]
    fn a_glob_covers_what_it_leaves_nothing_of() {
        for (one, two) in [
            ("**", "docker.io/library/*"),
            ("docker.io/**", "docker.io/library/*"),
            ("docker.io/**", "docker.io/**/app"),
            ("docker.io/library/*", "docker.io/library/nginx"),
            ("a.b/x", "a.b/x"),
            ("a.b/{x,y}", "a.b/y"),
            ("a.b/?*", "a.b/a*b"),
        ] {
            assert!(covers(one, two), "{one} covers {two}");
        }
        for (one, two) in [
            ("docker.io/*", "docker.io/**"),
            ("docker.io/library/*", "docker.io/**"),
            ("docker.io/library/n*", "docker.io/library/*"),
            ("docker.io/library/[a-z]*", "docker.io/library/*"),
            ("a.b/x", "a.b/{x,y}"),
            ("a.b/a?*", "a.b/a*"),
        ] {
            assert!(!covers(one, two), "{one} covers {two}");
        }
    }
}
