//! What surrounds every page.

use super::assets::{ICON, SCRIPT, STYLE};
use super::sessions::CurrentSession;
use super::way_back;

/// Pages in the navigation: path below the root, and name.
const NAVIGATION: [(&str, &str); 8] = [
    ("", "Overview"),
    ("denials", "Denials"),
    ("images", "Images"),
    ("forecast", "Forecast"),
    ("exceptions", "Exceptions"),
    ("acts", "Acts"),
    ("decisions", "Decisions"),
    ("try", "Try"),
];

/// What the layout shows around a page.
#[derive(Clone)]
pub(super) struct Frame {
    pub title: String,
    /// The way from this page to the root, so that links hold below any path of a proxy.
    pub root: String,
    /// The page's path below the root.
    path: String,
    /// Where its link to the form to sign in leads, below the root.
    pub sign_in: String,
    /// Name and role of who is signed in.
    pub reader: Option<(String, &'static str)>,
    /// What its forms carry.
    pub key: Option<String>,
    /// Where what it shows lies as JSON; the first is the page itself, or most of it.
    pub twins: Vec<JsonTwin>,
    /// Where the page listens for what makes it ask for itself again, below the root.
    pub live: Option<String>,
    /// Whether it was read without a token, since that is allowed here.
    pub is_open: bool,
}

/// Where something lies as JSON.
#[derive(Clone)]
pub(super) struct JsonTwin {
    /// Path and query below the root.
    pub address: String,
    pub name: String,
}

/// A link of the navigation.
pub(super) struct NavigationLink {
    pub path: &'static str,
    pub name: &'static str,
    pub is_here: bool,
}

impl Frame {
    pub fn new(title: &str, path: &str, session: Option<&CurrentSession>) -> Self {
        let path = path.trim_start_matches('/');
        let deep = path.matches('/').count();
        Self {
            title: title.to_owned(),
            root: match deep {
                0 => "./".to_owned(),
                _ => "../".repeat(deep),
            },
            path: path.to_owned(),
            sign_in: way_back::form(None),
            reader: session.map(|session| {
                let principal = &session.principal;
                (principal.name().to_owned(), principal.role().as_str())
            }),
            key: session.map(|session| session.form_key.to_string()),
            twins: Vec::new(),
            live: None,
            is_open: false,
        }
    }

    /// Whoever signs in from here comes back to this path and query.
    pub fn coming_back_to(mut self, here: &str) -> Self {
        self.sign_in = way_back::form(Some(here));
        self
    }

    /// A page that somebody was let read: also without a token, where that is allowed.
    pub fn shown(mut self) -> Self {
        self.is_open = self.reader.is_none();
        self
    }

    /// The same lies as JSON at this address of the API.
    pub fn twin(self, address: &str) -> Self {
        self.twin_of("This page", address)
    }

    /// A part of it, with its name, lies there.
    pub fn twin_of(mut self, name: &str, address: &str) -> Self {
        self.twins.push(JsonTwin {
            address: address.trim_start_matches('/').to_owned(),
            name: name.to_owned(),
        });
        self
    }

    /// The page asks for itself again when a sign comes from there.
    pub fn live(mut self, address: &str) -> Self {
        self.live = Some(address.trim_start_matches('/').to_owned());
        self
    }

    pub fn navigation(&self) -> impl Iterator<Item = NavigationLink> {
        NAVIGATION.iter().map(|(path, name)| NavigationLink {
            path,
            name,
            is_here: self.path == *path,
        })
    }

    pub fn style(&self) -> &'static str {
        STYLE.address()
    }

    pub fn script(&self) -> &'static str {
        SCRIPT.address()
    }

    pub fn icon(&self) -> &'static str {
        ICON.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_root_from_every_depth() {
        for (path, root) in [
            ("/", "./"),
            ("/denials", "./"),
            ("/d/1", "../"),
            ("/a/b/c", "../../"),
        ] {
            assert_eq!(Frame::new("", path, None).root, root, "{path}");
        }
    }
}
