//! Package URLs (<https://github.com/package-url/purl-spec>), in the one spelling that their
//! type knows: tools write the same package differently.

use crate::report::percent_decoded;

/// A package URL, taken apart, decoded and normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purl {
    kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) version: Option<Version>,
    qualifiers: Vec<(String, String)>,
}

/// A version, with its epoch apart: some tools write it before the version, others as a
/// qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// `None`: it says none, which is 0.
    epoch: Option<String>,
    /// `None`: any.
    text: Option<String>,
}

impl Purl {
    /// `scheme:type/namespace/name@version?qualifiers#subpath`, read from the right
    /// as the specification says. Types and qualifier keys fold case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = match rest.rsplit_once('@') {
            // A namespace such as npm's `@angular` is no version.
            Some((path, version)) if !version.contains('/') => (path, Some(version)),
            _ => (rest, None),
        };
        let (kind, path) = path.split_once('/')?;
        let path = path.trim_matches('/');
        let (namespace, name) = match path.rsplit_once('/') {
            Some((namespace, name)) => (Some(percent_decoded(namespace)), name),
            None => (None, path),
        };
        let name = percent_decoded(name);
        let kind = kind.to_ascii_lowercase();
        if kind.is_empty() || name.is_empty() {
            return None;
        }
        let mut qualifiers = read_qualifiers(qualifiers);
        let version = version.map(percent_decoded);
        Some(Self {
            namespace: namespace.map(|it| namespace_of(&kind, &it)),
            name: name_of(&kind, &name),
            version: Version::read(&kind, version.as_deref(), &mut qualifiers),
            qualifiers,
            kind,
        })
    }

    /// Whether all that it says is said of `other`. `strictly`: what `other`
    /// leaves out is missing; else it may be anything, and case that registries once told
    /// apart does not matter.
    pub(super) fn covers(&self, other: &Self, strictly: bool) -> bool {
        let folds = !strictly && folds_case(&self.kind);
        let same = |wanted: &str, found: &str| match folds {
            true => wanted.eq_ignore_ascii_case(found),
            false => wanted == found,
        };
        let agrees = |wanted: Option<&String>, found: Option<&String>| match (wanted, found) {
            (None, _) => true,
            (Some(wanted), Some(found)) => same(wanted, found),
            (Some(_), None) => !strictly,
        };
        let found = |key: &str| {
            let mut qualifiers = other.qualifiers.iter();
            qualifiers.find(|(name, _)| name == key).map(|(_, it)| it)
        };
        let mut qualifiers = self.qualifiers.iter();
        let versions = match (&self.version, &other.version) {
            (None, _) => true,
            (Some(wanted), Some(found)) => wanted.covers(found, strictly),
            (Some(_), None) => !strictly,
        };
        self.kind == other.kind
            && same(&self.name, &other.name)
            && agrees(self.namespace.as_ref(), other.namespace.as_ref())
            && versions
            && qualifiers.all(|(key, value)| agrees(Some(value), found(key)))
    }

    /// Whether all that it says may be said of the source, by name and version, that `binary`
    /// was built from. Without a version it is that of the binary.
    pub(super) fn covers_source_of(&self, binary: &Self, (name, version): (&str, &str)) -> bool {
        let mut source = binary.clone();
        source.name = name_of(&self.kind, name);
        if let Some(told) = Version::read(&self.kind, Some(version), &mut Vec::new()) {
            source.version = Some(told);
        }
        // A source is of no architecture, and is called `source` or `src` there.
        let of_source =
            |(key, value): &(String, String)| key == "arch" && matches!(&**value, "source" | "src");
        if self.qualifiers.iter().any(of_source) {
            source.qualifiers.retain(|(key, _)| key != "arch");
        }
        self.covers(&source, false)
    }

    /// Whether a package without a URL may be it: languages name them `group:name` or
    /// `@scope/name`.
    pub(super) fn fits(&self, name: &str, version: &str) -> bool {
        let last = name_of(&self.kind, last_part(name));
        let same = match folds_case(&self.kind) {
            true => last.eq_ignore_ascii_case(&self.name),
            false => last == self.name,
        };
        let found = Version::read(&self.kind, Some(version), &mut Vec::new());
        let versions = match (&self.version, found) {
            (Some(wanted), Some(found)) => wanted.covers(&found, false),
            (None, _) | (_, None) => true,
        };
        same && versions
    }
}

impl Version {
    /// With the epoch of a qualifier, which is taken from the others. `None`: neither is there.
    fn read(
        kind: &str,
        version: Option<&str>,
        qualifiers: &mut Vec<(String, String)>,
    ) -> Option<Self> {
        let version = version.filter(|version| !version.is_empty());
        if kind == "golang" {
            // Some leave the `v` out that each version of a Go module begins with.
            let text = version?;
            let text = text.strip_prefix('v').unwrap_or(text).to_owned();
            return Some(Self {
                epoch: None,
                text: Some(text),
            });
        }
        let at = qualifiers.iter().position(|(key, _)| key == "epoch");
        let told = at.filter(|_| has_epochs(kind));
        let told = told.map(|at| qualifiers.remove(at).1);
        let (before, text) = match version.and_then(|version| version.split_once(':')) {
            Some((epoch, text)) if has_epochs(kind) && is_number(epoch) => {
                (Some(epoch.to_owned()), Some(text))
            }
            _ => (None, version),
        };
        let epoch = before.or(told);
        (epoch.is_some() || text.is_some()).then(|| Self {
            epoch,
            text: text.map(str::to_owned),
        })
    }

    /// Whether it is this version, as far as it says: without an epoch it is of any.
    fn covers(&self, found: &Self, strictly: bool) -> bool {
        let texts = match (&self.text, &found.text) {
            (None, _) => true,
            (Some(wanted), Some(found)) => wanted == found,
            (Some(_), None) => !strictly,
        };
        let epochs = match (&self.epoch, &found.epoch) {
            (None, _) => true,
            (Some(wanted), Some(found)) => wanted == found,
            (Some(wanted), None) => !strictly || wanted == "0",
        };
        texts && epochs
    }
}

fn read_qualifiers(text: &str) -> Vec<(String, String)> {
    let qualifier = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        Some((
            key.to_ascii_lowercase(),
            percent_decoded(value).into_owned(),
        ))
    };
    text.split('&').filter_map(qualifier).collect()
}

fn has_epochs(kind: &str) -> bool {
    matches!(kind, "deb" | "rpm" | "alpm")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Types whose registries know no two names that differ in case alone, although URLs keep it:
/// of npm since 2017.
fn folds_case(kind: &str) -> bool {
    matches!(kind, "npm" | "nuget")
}

/// As the specification writes the namespaces of a type.
fn namespace_of(kind: &str, namespace: &str) -> String {
    match kind {
        "alpm" | "apk" | "bitbucket" | "composer" | "deb" | "github" | "golang" | "hex" | "rpm" => {
            namespace.to_lowercase()
        }
        _ => namespace.to_owned(),
    }
}

/// As the specification writes the names of a type.
fn name_of(kind: &str, name: &str) -> String {
    match kind {
        "alpm" | "apk" | "bitbucket" | "composer" | "deb" | "github" | "golang" | "hex" => {
            name.to_lowercase()
        }
        "pypi" => folded(name),
        _ => name.to_owned(),
    }
}

/// Behind the group or scope.
fn last_part(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

/// What names have in common that may be of one package: the last part, without case, and with
/// one `-` for each run of `-`, `_` and `.`, as PyPI compares names.
pub(super) fn lookup_key(name: &str) -> String {
    folded(last_part(name))
}

fn folded(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts = lower.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let folded = parts.collect::<Vec<_>>().join("-");
    match folded.is_empty() {
        true => lower,
        false => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Purl {
        Purl::parse(text).unwrap()
    }

    #[test]
    fn a_scoped_name_is_no_version() {
        let purl = read("pkg:npm/%40angular/core@17.0.0");
        assert_eq!(purl.namespace.as_deref(), Some("@angular"));
        let version = purl.version.unwrap();
        assert_eq!(version.text.as_deref(), Some("17.0.0"));
        let bare = read("pkg:npm/@angular/core");
        assert_eq!((bare.name.as_str(), bare.version), ("core", None));
    }

    /// One package as two tools write it, or as somebody read its name.
    #[test]
    fn the_same_package_is_meant_however_a_tool_spells_it() {
        for (one, other) in [
            (
                "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64",
                "pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&epoch=1",
            ),
            (
                "pkg:rpm/redhat/openssl-libs@1:3.0.7-27.el9",
                "pkg:rpm/RedHat/openssl-libs@3.0.7-27.el9?epoch=1",
            ),
            ("pkg:pypi/PyYAML@6.0", "pkg:pypi/pyyaml@6.0"),
            ("pkg:pypi/zope_interface", "pkg:pypi/zope.interface"),
            (
                "pkg:golang/github.com/Masterminds/sprig/v3@v3.2.0",
                "pkg:golang/github.com/masterminds/Sprig/v3@3.2.0",
            ),
            (
                "pkg:github/Actions/Checkout@v4",
                "pkg:github/actions/checkout@v4",
            ),
            ("pkg:deb/Debian/ZLIB1G", "pkg:deb/debian/zlib1g"),
            ("pkg:apk/Alpine/Musl@1", "pkg:apk/alpine/musl@1"),
            (
                "pkg:composer/Laravel/Framework",
                "pkg:composer/laravel/framework",
            ),
        ] {
            for strictly in [true, false] {
                let both = read(one).covers(&read(other), strictly)
                    && read(other).covers(&read(one), strictly);
                assert!(both, "{one} {other} {strictly}");
            }
        }
    }

    /// A block reaches them; nobody accepted them.
    #[test]
    fn names_that_once_differed_in_case_are_one_for_harm_alone() {
        for (one, other) in [
            ("pkg:npm/%40Evil/Pkg@1.0.0", "pkg:npm/%40evil/pkg@1.0.0"),
            ("pkg:nuget/Newtonsoft.Json@1", "pkg:nuget/newtonsoft.json@1"),
        ] {
            assert!(read(one).covers(&read(other), false), "{one}");
            assert!(!read(one).covers(&read(other), true), "{one}");
        }
    }

    #[test]
    fn another_package_or_version_is_not_meant() {
        for (one, other) in [
            ("pkg:deb/debian/a@1:1", "pkg:deb/debian/a@1?epoch=2"),
            ("pkg:deb/debian/a@1:1", "pkg:deb/debian/a@1:2"),
            ("pkg:rpm/redhat/A", "pkg:rpm/redhat/a"),
            ("pkg:maven/Org/x", "pkg:maven/org/x"),
            ("pkg:cargo/serde_json", "pkg:cargo/serde-json"),
            ("pkg:pypi/pyyaml", "pkg:npm/pyyaml"),
            ("pkg:generic/a@1:1", "pkg:generic/a@1?epoch=1"),
        ] {
            assert!(!read(one).covers(&read(other), false), "{one} {other}");
        }
        // Without an epoch it is of epoch 0; harm assumes that it was left out.
        let (one, other) = (read("pkg:deb/debian/a@1:1"), read("pkg:deb/debian/a@1"));
        assert!(!one.covers(&other, true) && one.covers(&other, false));
        let zero = read("pkg:deb/debian/a@0:1");
        assert!(zero.covers(&other, true) && other.covers(&zero, true));
    }

    #[test]
    fn a_package_without_a_url_is_compared_by_the_rules_of_the_type() {
        for (url, name, version) in [
            ("pkg:pypi/PyYAML@6.0", "pyyaml", "6.0"),
            ("pkg:pypi/zope-interface", "zope.interface", ""),
            ("pkg:npm/%40evil/pkg", "@Evil/Pkg", "1"),
            ("pkg:deb/debian/a@1?epoch=1", "a", "1:1"),
            (
                "pkg:golang/github.com/Foo/Bar@v1.0.0",
                "github.com/foo/bar",
                "1.0.0",
            ),
        ] {
            assert!(read(url).fits(name, version), "{url} {name}");
        }
        assert!(!read("pkg:deb/debian/a@1:1").fits("a", "2:1"));
        assert!(!read("pkg:pypi/PyYAML@6.0").fits("pyyaml", "6.1"));
    }
}
