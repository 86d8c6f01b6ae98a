//! The configuration of a world.

use std::fmt::Write;

/// What differs from the usual: two upstreams, `docker.io` and
/// `registry.corp:5000` at the path `corp`, and one environment that demands a
/// scan and a promotion.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    production: String,
    listeners: Vec<String>,
    hub: String,
    corp: String,
    more: String,
    top: String,
    files: Vec<(String, String)>,
}

impl Setup {
    /// Keys above all tables.
    pub fn top(mut self, keys: &str) -> Self {
        self.top = keys.to_owned();
        self
    }

    /// Adds a file beside the configuration, by its path from there.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// The files beside the configuration.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }

    /// Keys of `[environments.production]`.
    pub fn production(mut self, keys: &str) -> Self {
        self.production = keys.to_owned();
        self
    }

    /// Adds a listener with these keys; without any there is a plain one.
    pub fn listener(mut self, keys: &str) -> Self {
        self.listeners.push(keys.to_owned());
        self
    }

    /// Keys of the first upstream.
    pub fn hub(mut self, keys: &str) -> Self {
        self.hub = keys.to_owned();
        self
    }

    /// Keys of the second upstream.
    pub fn corp(mut self, keys: &str) -> Self {
        self.corp = keys.to_owned();
        self
    }

    /// Other tables.
    pub fn more(mut self, tables: &str) -> Self {
        self.more = tables.to_owned();
        self
    }

    /// The file.
    pub fn text(&self, hub: &str, corp: &str) -> String {
        let top = &self.top;
        let mut text = format!("data_dir = \"data\"\n{top}\n[cache]\nmin_free = \"1MiB\"\n");
        text += "[admin]\naddress = \"127.0.0.1:0\"\n";
        let plain = [String::new()];
        let listeners = match self.listeners.is_empty() {
            true => &plain[..],
            false => &self.listeners,
        };
        for keys in listeners {
            let _ = writeln!(text, "[[listeners]]\naddress = \"127.0.0.1:0\"\n{keys}");
        }
        for (name, path, url, keys) in [
            ("docker.io", "docker.io", hub, &self.hub),
            ("registry.corp:5000", "corp", corp, &self.corp),
        ] {
            let place = format!("name = \"{name}\"\npath = \"{path}\"\nurl = \"{url}\"");
            let _ = writeln!(text, "[[upstreams]]\n{place}\n{keys}");
        }
        let _ = writeln!(text, "[environments.production]\n{}", self.production);
        text + &self.more
    }
}
