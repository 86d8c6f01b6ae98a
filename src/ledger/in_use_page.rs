//! What is in use, page by page in the order of digests: a page costs the same however many
//! images there are, and what comes meanwhile shifts no page.

use jiff::Timestamp;

use super::sql::{Query, query};
use super::{Ledger, LedgerError, columns};
use crate::trust::Subject;

/// Subjects in the order of their digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUsePage {
    pub subjects: Vec<Subject>,
    /// Whether there are further ones, behind the last of these.
    pub is_cut: bool,
}

/// Digest, repository, environment: the order of the pages.
type SubjectRow = (String, String, String);

const PULLED: &str = "SELECT digest, repository, environment FROM facts \
    WHERE (digest, repository, environment) > (?, ?, ?) AND last_pulled >= ? \
    ORDER BY digest, repository, environment LIMIT ?";
const PROMOTED: &str = "SELECT DISTINCT digest, repository, environment FROM promotions \
    WHERE withdrawn_at IS NULL AND (digest, repository, environment) > (?, ?, ?) \
    ORDER BY digest, repository, environment LIMIT ?";

impl Ledger {
    /// What was pulled since then or is promoted, behind `after`: at most `limit` subjects.
    /// Those of one image are in one page, where that has room for them.
    ///
    /// # Errors
    /// [`LedgerError`] where the records cannot be read.
    pub async fn in_use_page(
        &self,
        after: Option<&Subject>,
        since: Timestamp,
        limit: u32,
    ) -> Result<InUsePage, LedgerError> {
        let one_more = i64::from(limit) + 1;
        let pulled = behind(query(PULLED), after).bind(since.as_microsecond());
        let mut rows: Vec<SubjectRow> = pulled.bind(one_more).all(&self.readers).await?;
        let promoted = behind(query(PROMOTED), after).bind(one_more);
        let promoted: Vec<SubjectRow> = promoted.all(&self.readers).await?;
        rows.extend(promoted);
        let is_cut = cut(&mut rows, limit as usize);
        let read = |row: &SubjectRow| columns::subject(&row.2, &row.1, &row.0);
        Ok(InUsePage {
            subjects: rows.iter().map(read).collect::<Result<_, _>>()?,
            is_cut,
        })
    }
}

fn behind(query: Query, after: Option<&Subject>) -> Query {
    let [digest, repository, environment] = match after {
        Some(it) => [
            it.digest.to_string(),
            it.repository.to_string(),
            it.environment.to_string(),
        ],
        None => [const { String::new() }; 3],
    };
    query.bind(digest).bind(repository).bind(environment)
}

/// Leaves the first `limit` of two lists, each with one more where it goes on, and tells
/// whether any are left out.
fn cut(rows: &mut Vec<SubjectRow>, limit: usize) -> bool {
    rows.sort();
    rows.dedup();
    let Some(first_out) = rows.get(limit).cloned() else {
        return false;
    };
    rows.truncate(limit);
    let is_whole = |row: &SubjectRow| (&row.0, &row.1) != (&first_out.0, &first_out.1);
    if let Some(last) = rows.iter().rposition(is_whole) {
        rows.truncate(last + 1);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(digest: &str, environment: &str) -> SubjectRow {
        (
            digest.into(),
            "registry.corp/app".into(),
            environment.into(),
        )
    }

    #[test]
    fn a_page_ends_between_two_images() {
        let mut rows = vec![row("1", "a"), row("2", "b"), row("1", "a"), row("2", "a")];
        assert!(cut(&mut rows, 2));
        assert_eq!(rows, [row("1", "a")]);
    }

    #[test]
    fn the_last_page_has_all_that_is_left_once() {
        let mut rows = vec![row("1", "b"), row("1", "a"), row("1", "b")];
        assert!(!cut(&mut rows, 2));
        assert_eq!(rows, [row("1", "a"), row("1", "b")]);
    }

    #[test]
    fn an_image_in_more_environments_than_a_page_holds_goes_on_in_the_next() {
        let mut rows = vec![row("1", "a"), row("1", "b"), row("1", "c")];
        assert!(cut(&mut rows, 2));
        assert_eq!(rows, [row("1", "a"), row("1", "b")]);
    }
}
