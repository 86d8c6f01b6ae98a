//! A decision, as people name it: by its id, the beginning of that, or its address.

use url::Url;

use super::client::ApiClient;
use super::failure::Failure;
use crate::api::{DECISIONS, DecisionList, DecisionQuery};
use crate::trust::DecisionId;

/// The shortest beginning of an id, in characters.
const MIN_ID_CHARS: usize = 6;
/// Decisions whose ids begin alike that are shown, at most.
const MAX_ALIKE: usize = 10;

/// A decision, as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedDecision {
    Id(DecisionId),
    /// The beginning of an id, which may be an image's name, too.
    Beginning(String),
}

impl NamedDecision {
    /// `None`: it may be an image, but no decision.
    ///
    /// # Errors
    /// An address that leads to no decision.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        let text = without_ellipsis(text);
        if let Ok(url) = Url::parse(text)
            && matches!(url.scheme(), "http" | "https")
        {
            let ends = ["/d/", "/decisions/"].into_iter();
            let mut ids = ends.filter_map(|end| url.path().rsplit_once(end));
            let id = ids.next().map(|(_, id)| id);
            let id = id.and_then(|id| DecisionId::parse(id.trim_end_matches('/')));
            return id.map(|id| Some(Self::Id(id))).ok_or_else(|| {
                "that is no decision's address, which ends in /d/ and an id; write an image \
                 without a scheme"
                    .to_owned()
            });
        }
        if let Some(id) = DecisionId::parse(text) {
            return Ok(Some(Self::Id(id)));
        }
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_beginning = (MIN_ID_CHARS..32).contains(&text.len()) && text.bytes().all(hex);
        Ok(is_beginning.then(|| Self::Beginning(text.to_owned())))
    }

    /// Its whole id. `None`: no decision's id begins so.
    ///
    /// # Errors
    /// Several decisions whose ids begin so, or a gateway that cannot be asked.
    pub async fn find(&self, client: &ApiClient) -> Result<Option<DecisionId>, Failure> {
        let beginning = match self {
            Self::Id(id) => return Ok(Some(id.clone())),
            Self::Beginning(beginning) => beginning,
        };
        let query = DecisionQuery {
            id: Some(beginning.clone()),
            limit: Some(MAX_ALIKE),
            ..DecisionQuery::default()
        };
        let found = client.get::<DecisionList>(DECISIONS, &query).await?;
        match &found.body.decisions[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.id.clone())),
            several => {
                let ids: Vec<&str> = several.iter().map(|it| it.id.as_str()).collect();
                let ids = ids.join(", ");
                let message = format!("several decisions begin with {beginning}: {ids}");
                Err(Failure::new(message).next("write more of it"))
            }
        }
    }
}

/// Without what a table puts behind a text that it cuts, or a sentence behind an address.
pub fn without_ellipsis(text: &str) -> &str {
    text.trim().trim_end_matches(['…', '.'])
}
