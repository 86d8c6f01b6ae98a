//! A table of the file, read key by key.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::diagnostics::Diagnostics;
use super::value_words::plain;
use crate::app::bounded::{self, Unread};

type SpannedValue<'t> = Spanned<DeValue<'t>>;

/// A table whose keys are taken out one by one. A value that cannot be parsed is noted as
/// a problem and read as absent, so that reading goes on; [`Section::finish`] notes the
/// keys that no reader asked for.
pub(super) struct Section<'n, 't> {
    diagnostics: &'n Diagnostics<'t>,
    path: String,
    span: Option<Range<usize>>,
    values: BTreeMap<String, (Range<usize>, SpannedValue<'t>)>,
    /// Where the keys that were asked for stand; `None`: absent.
    asked: BTreeMap<&'static str, Option<Range<usize>>>,
}

impl<'n, 't> Section<'n, 't> {
    /// The whole file; `None` where its syntax is broken, which is noted.
    pub(super) fn root(diagnostics: &'n Diagnostics<'t>) -> Option<Self> {
        let (table, errors) = DeTable::parse_recoverable(diagnostics.text());
        for error in &errors {
            diagnostics.problem(error.span(), "", error.message());
        }
        let root = || Self::new(diagnostics, String::new(), None, table.into_inner());
        errors.is_empty().then(root)
    }

    fn new(
        diagnostics: &'n Diagnostics<'t>,
        path: String,
        span: Option<Range<usize>>,
        table: DeTable<'t>,
    ) -> Self {
        let entry = |(key, value): (Spanned<_>, _)| {
            let span = key.span();
            (String::from(key.into_inner()), (span, value))
        };
        Self {
            diagnostics,
            path,
            span,
            values: table.into_iter().map(entry).collect(),
            asked: BTreeMap::new(),
        }
    }

    /// Path of a key in this table, as problems name it.
    pub(super) fn key(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<SpannedValue<'t>> {
        let taken = self.values.remove(key);
        self.asked
            .insert(key, taken.as_ref().map(|(span, _)| span.clone()));
        taken.map(|(_, value)| value)
    }

    /// Notes what is wrong with `key`, which may be absent.
    pub(super) fn problem(&self, key: &str, text: impl Display) {
        self.diagnostics
            .problem(self.place(key), &self.key(key), text);
    }

    /// Notes a problem, and behind it in our own words what to write.
    pub(super) fn hinted_problem(&self, key: &str, text: impl Display, hint: &'static str) {
        self.diagnostics
            .hinted_problem(self.place(key), &self.key(key), text, hint);
    }

    /// Notes what is allowed, but worth a second look.
    pub(super) fn warning(&self, key: &str, text: impl Display) {
        self.diagnostics
            .warning(self.place(key), &self.key(key), text);
    }

    fn place(&self, key: &str) -> Option<Range<usize>> {
        let own = self.asked.get(key).cloned().flatten();
        own.or_else(|| self.span.clone())
    }

    /// Whether the file sets `key`, which was asked for before.
    pub(super) fn has(&self, key: &str) -> bool {
        self.asked.get(key).is_some_and(Option::is_some)
    }

    /// The value of `key`, through the parser of its type.
    pub(super) fn read<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        let value = self.take(key)?;
        self.parse(&self.key(key), value)
    }

    /// The same, where leaving it out is a problem; `hint` says what to write.
    pub(super) fn required<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        hint: &str,
    ) -> Option<T> {
        let value = self.read(key);
        if !self.has(key) {
            self.problem(key, format_args!("is missing; {hint}"));
        }
        value
    }

    fn parse<T: DeserializeOwned>(&self, path: &str, value: SpannedValue<'t>) -> Option<T> {
        let span = value.span();
        let note = |error: toml::de::Error| {
            self.diagnostics
                .problem(Some(span), path, plain(error.message()));
        };
        T::deserialize(ValueDeserializer::from(value))
            .map_err(note)
            .ok()
    }

    /// A list, each element through the parser of its type.
    pub(super) fn list<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Vec<T>> {
        let value = self.take(key)?;
        let DeValue::Array(array) = value.into_inner() else {
            self.problem(key, "is no list; write it in [ ]");
            return None;
        };
        let path = self.key(key);
        let element = |(at, value)| self.parse(&format!("{path}[{at}]"), value);
        Some(array.into_iter().enumerate().filter_map(element).collect())
    }

    /// A text that must say something, such as a reason.
    pub(super) fn words(&mut self, key: &'static str, hint: &str) -> Option<String> {
        let text: String = self.required(key, hint)?;
        if text.trim().is_empty() {
            self.problem(key, format_args!("is empty; {hint}"));
        }
        Some(text)
    }

    /// A path, relative to the file's folder.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let written: PathBuf = self.read(key)?;
        if written.as_os_str().is_empty() {
            self.problem(key, "is empty; write a path");
        }
        self.diagnostics.name_path(self.key(key), &written);
        Some(self.diagnostics.folder().join(written))
    }

    /// A path written within a value, relative to the file's folder.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.diagnostics.folder().join(path)
    }

    /// The path of a file that can be read now.
    pub(super) fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        let path = self.path(key)?;
        match self.diagnostics.opens_files() {
            true => self.contents(key, &path).map(|_| path),
            false => Some(path),
        }
    }

    /// What a file holds: a secret or some certificates; nothing where files are not
    /// opened.
    pub(super) fn file_text(&mut self, key: &'static str) -> Option<String> {
        self.file_with_text(key).map(|(_, text)| text)
    }

    /// The same, with the file's path.
    pub(super) fn file_with_text(&mut self, key: &'static str) -> Option<(PathBuf, String)> {
        let path = self.path_to_open(key)?;
        let text = self.contents(key, &path)?;
        Some((path, text))
    }

    /// What a file holds that need not be text.
    pub(super) fn file_bytes(&mut self, key: &'static str) -> Option<Vec<u8>> {
        let path = self.path_to_open(key)?;
        self.noted(key, &path, bounded::bytes(&path))
    }

    /// The path of a file, where files are opened at all.
    fn path_to_open(&mut self, key: &'static str) -> Option<PathBuf> {
        let path = self.path(key)?;
        self.diagnostics.opens_files().then_some(path)
    }

    fn contents(&self, key: &str, path: &Path) -> Option<String> {
        self.noted(key, path, bounded::text(path))
    }

    fn noted<T>(&self, key: &str, path: &Path, read: Result<T, Unread>) -> Option<T> {
        match &read {
            Ok(_) => {}
            Err(Unread::Io(error)) => {
                self.problem(key, format_args!("cannot read {}: {error}", path.display()));
            }
            Err(error @ (Unread::NotRegular | Unread::TooLong | Unread::NotText)) => {
                self.problem(key, format_args!("{} {error}", path.display()));
            }
        }
        read.ok()
    }

    /// A table below; an absent one reads as empty.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'n, 't> {
        self.optional_section(key)
            .unwrap_or_else(|| self.absent(key))
    }

    /// A table below, where there is one.
    pub(super) fn optional_section(&mut self, key: &'static str) -> Option<Section<'n, 't>> {
        let value = self.take(key)?;
        self.table(self.key(key), value)
    }

    /// The tables of `[[key]]`; `None`: there is none.
    pub(super) fn sections(&mut self, key: &'static str) -> Option<Vec<Section<'n, 't>>> {
        self.tables(key, |path, at| format!("{path}[{at}]"))
    }

    /// The same of a file of entries, which are numbered as in their names: `team.toml#1`
    /// is the first.
    pub(super) fn entries(&mut self, key: &'static str) -> Option<Vec<Section<'n, 't>>> {
        self.tables(key, |path, at| format!("{path}#{}", at + 1))
    }

    fn tables(
        &mut self,
        key: &'static str,
        place: fn(&str, usize) -> String,
    ) -> Option<Vec<Section<'n, 't>>> {
        let value = self.take(key)?;
        let DeValue::Array(array) = value.into_inner() else {
            self.problem(
                key,
                format_args!("may stand several times; write [[{}]]", self.key(key)),
            );
            return Some(Vec::new());
        };
        let path = self.key(key);
        let table = |(at, value)| self.table(place(&path, at), value);
        Some(array.into_iter().enumerate().filter_map(table).collect())
    }

    /// The tables of `[key.NAME]`, each with its name; `None`: there is none.
    pub(super) fn named<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
    ) -> Option<Vec<(T, Section<'n, 't>)>> {
        let outer = self.optional_section(key)?;
        let prefix = outer.path;
        let named = |(name, (span, value)): (String, (Range<usize>, SpannedValue<'t>))| {
            let path = format!("{prefix}.{name}");
            let text = Spanned::new(span, DeValue::String(name.into()));
            Some((self.parse(&path, text)?, self.table(path, value)?))
        };
        Some(outer.values.into_iter().filter_map(named).collect())
    }

    fn table(&self, path: String, value: SpannedValue<'t>) -> Option<Section<'n, 't>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(Section::new(self.diagnostics, path, Some(span), table)),
            other => {
                let found = other.type_str();
                let text = format_args!("is of type {found}; write it as a table");
                self.diagnostics.problem(Some(span), &path, text);
                None
            }
        }
    }

    /// A table that the file leaves out, as if it stood there empty.
    pub(super) fn absent(&self, path: &str) -> Section<'n, 't> {
        Section::new(self.diagnostics, self.key(path), None, DeTable::new())
    }

    /// Whether the file sets `key`, which was not yet asked for.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Passes over a key that cannot be judged, since others are missing.
    pub(super) fn skip(&mut self, key: &'static str) {
        self.take(key);
    }

    /// Whether `key`, not yet asked for, holds this text.
    pub(super) fn says(&self, key: &str, text: &str) -> bool {
        let value = self.values.get(key);
        value.is_some_and(|(_, value)| value.get_ref().as_str() == Some(text))
    }

    /// Whether `key`, not yet asked for, holds any text.
    pub(super) fn says_text(&self, key: &str) -> bool {
        let value = self.values.get(key);
        value.is_some_and(|(_, value)| value.get_ref().is_str())
    }

    /// Takes an address to listen at, and notes who has it already.
    pub(super) fn claim(&self, address: SocketAddr) {
        let key = self.key("address");
        if let Some(earlier) = self.diagnostics.claim(&key, address) {
            let text = format!("{address} is taken by {earlier}; use another port");
            self.problem("address", text);
        }
    }

    /// Notes every key that no reader asked for as unknown.
    pub(super) fn finish(self) {
        let known: Vec<&str> = self.asked.keys().copied().collect();
        for (key, (span, _)) in &self.values {
            let text = format!("is unknown; known here: {}", known.join(", "));
            self.diagnostics
                .problem(Some(span.clone()), &self.key(key), text);
        }
    }
}
