//! A value of a document, as far as images need it.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum YamlNode {
    Null,
    Text(String),
    LongText,
    /// A number or a truth value.
    Other,
    List(Vec<YamlNode>),
    /// In the order of the document, what it merges last. No key stands in it twice.
    Map(Vec<(String, YamlNode)>),
}

impl YamlNode {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        let entry = entries.iter().find(|(name, _)| name == key);
        entry.map(|(_, value)| value)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }
}
