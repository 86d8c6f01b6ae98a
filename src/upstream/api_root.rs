//! Where the API of an upstream lies: at the root of its host, below a path
//! (Artifactory, Nexus), or with something before every name (projects of Harbor).
//!
//! As containerd reads such URLs, `/v2` follows the path, unless it stands in it:
//! `https://nexus.corp/repository/docker` has its API below
//! `/repository/docker/v2/`, and the names of `https://harbor.corp/v2/hub` begin with
//! `hub/`.

use url::Url;

use crate::oci::RepositoryName;

/// The segment below which the API lies.
const API: &str = "v2";

/// The root of an upstream's API.
#[derive(Clone, Debug)]
pub(super) struct ApiRoot {
    /// Ends with `/v2/`.
    base: Url,
    /// Stands before every name, with its slash; mostly empty.
    prefix: String,
    /// The segments of the configured path, each with a slash before it: what scopes may
    /// begin a name with.
    path: String,
}

impl ApiRoot {
    /// The root that `url` means. What it may hold, [`is_api_url`] says.
    pub(super) fn new(url: &Url) -> Self {
        let segments = segments(url);
        let at = segments.iter().position(|segment| *segment == API);
        let (below, names) = match at {
            Some(at) => (&segments[..at], &segments[at + 1..]),
            None => (&segments[..], &[][..]),
        };
        let join = |segments: &[&str]| -> String {
            let slashed = segments.iter().map(|segment| format!("{segment}/"));
            slashed.collect()
        };
        let mut base = url.clone();
        base.set_path(&format!("/{}{API}/", join(below)));
        let path = segments.iter().filter(|segment| **segment != API);
        Self {
            base,
            prefix: join(names),
            path: path.map(|segment| format!("/{segment}")).collect(),
        }
    }

    /// The URL of `rest` in the repository `name`.
    pub(super) fn url(&self, name: &RepositoryName, rest: &str) -> Result<Url, url::ParseError> {
        self.base.join(&format!("{}/{rest}", self.name(name)))
    }

    /// The name that the upstream itself has for `name`.
    pub(super) fn name(&self, name: &RepositoryName) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What clients of the upstream's own write behind its host. Artifactory and Nexus
    /// have there the last segment of their path.
    pub(super) fn client_name(&self, name: &RepositoryName) -> String {
        match self.path.rsplit_once('/') {
            Some((_, last)) if self.prefix.is_empty() => format!("{last}/{name}"),
            _ => self.name(name),
        }
    }

    /// Whether the upstream may mean `name` by `asked`: the name itself, or with segments
    /// of the configured path before it, as Artifactory and Harbor write it.
    pub(super) fn is_name(&self, asked: &str, name: &RepositoryName) -> bool {
        match asked.strip_suffix(name.as_str()) {
            Some("") => true,
            Some(before) => before.strip_suffix('/').is_some_and(|before| {
                self.path.ends_with(&format!("/{before}")) && !before.is_empty()
            }),
            None => false,
        }
    }
}

/// Whether a URL says where an API lies, and nothing more: no credentials, query or
/// fragment, and a path of plain segments.
pub fn is_api_url(url: &Url) -> bool {
    let plain = |segment: &&str| {
        let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        !segment.is_empty() && segment.bytes().all(byte)
    };
    let segments = segments(url);
    let mut after = segments
        .iter()
        .skip_while(|segment| **segment != API)
        .skip(1);
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && segments.iter().all(plain)
        && after.all(|it| RepositoryName::is_component(it))
}

/// The segments of a path; a slash at its end opens none.
fn segments(url: &Url) -> Vec<&str> {
    let path = url.path().strip_prefix('/').unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    match path.is_empty() {
        true => Vec::new(),
        false => path.split('/').collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(url: &str) -> ApiRoot {
        let url: Url = url.parse().unwrap();
        assert!(is_api_url(&url), "{url}");
        ApiRoot::new(&url)
    }

    fn name() -> RepositoryName {
        RepositoryName::parse("library/app").unwrap()
    }

    #[test]
    fn finds_the_api_below_a_path_and_before_names() {
        for (url, manifest) in [
            (
                "https://r.corp",
                "https://r.corp/v2/library/app/manifests/1",
            ),
            (
                "https://r.corp/",
                "https://r.corp/v2/library/app/manifests/1",
            ),
            (
                "https://r.corp:8443/repository/docker",
                "https://r.corp:8443/repository/docker/v2/library/app/manifests/1",
            ),
            (
                "https://r.corp/artifactory/api/docker/docker-remote/",
                "https://r.corp/artifactory/api/docker/docker-remote/v2/library/app/manifests/1",
            ),
            (
                "https://r.corp/artifactory/docker-remote/v2/",
                "https://r.corp/artifactory/docker-remote/v2/library/app/manifests/1",
            ),
            (
                "https://harbor.corp/v2/hub",
                "https://harbor.corp/v2/hub/library/app/manifests/1",
            ),
            (
                "https://r.corp/x/v2/a/b",
                "https://r.corp/x/v2/a/b/library/app/manifests/1",
            ),
        ] {
            let found = root(url).url(&name(), "manifests/1").unwrap();
            assert_eq!(found.as_str(), manifest, "{url}");
        }
    }

    #[test]
    fn knows_a_name_with_the_path_before_it() {
        let artifactory = root("https://r.corp/artifactory/api/docker/docker-remote");
        for asked in ["library/app", "docker-remote/library/app"] {
            assert!(artifactory.is_name(asked, &name()), "{asked}");
        }
        let harbor = root("https://r.corp/v2/hub");
        assert!(harbor.is_name("hub/library/app", &name()));
        assert_eq!(harbor.name(&name()), "hub/library/app");
        assert_eq!(harbor.client_name(&name()), "hub/library/app");
        let direct = artifactory.client_name(&name());
        assert_eq!(direct, "docker-remote/library/app");
        let plain = root("https://r.corp").client_name(&name());
        assert_eq!(plain, "library/app");
        for asked in [
            "",
            "app",
            "other/library/app",
            "remote/library/app",
            "/library/app",
            "secret/docker-remote/library/app",
            "library/app/more",
        ] {
            assert!(!artifactory.is_name(asked, &name()), "{asked}");
            assert!(!harbor.is_name(asked, &name()), "{asked}");
        }
    }

    #[test]
    fn refuses_urls_that_say_too_much_or_something_else() {
        for url in [
            "ftp://a.test/",
            "https://me:secret@a.test/",
            "https://a.test/?x",
            "https://a.test/#x",
            "https://a.test//x",
            "https://a.test/x//y",
            "https://a.test/a%2fb",
            "https://a.test/a b",
            "https://a.test/v2/Upper",
            "https://a.test/v2/a_-b",
        ] {
            assert!(!is_api_url(&url.parse().unwrap()), "{url}");
        }
    }
}
