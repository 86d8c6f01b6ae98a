//! What all spellings of one package's name have in common: an index is over it, since tools
//! write `PyYAML` and `pyyaml`, `core` and `@angular/core`.

/// The key of a name: what lies behind the last `/` and `:`, without `-`, `_` and `.`, in small
/// ASCII letters. Names of one key need not be of one package.
pub(super) fn package_key(name: &str) -> String {
    let last = name.rsplit(['/', ':']).next().unwrap_or(name);
    let told = last.chars().filter(|it| !matches!(it, '-' | '_' | '.'));
    told.map(|it| it.to_ascii_lowercase()).collect()
}

/// The key of a name in SQLite's words, as the indexes have them. `rtrim` leaves what ends
/// with the last separator.
macro_rules! key_in_sqlite {
    ($name:literal) => {
        concat!(
            "lower(replace(replace(replace(substr(",
            $name,
            ", length(rtrim(",
            $name,
            ", replace(replace(",
            $name,
            ", '/', ''), ':', ''))) + 1), '-', ''), '_', ''), '.', ''))"
        )
    };
}

/// The same in PostgreSQL's words.
macro_rules! key_on_server {
    ($name:literal) => {
        concat!(
            "lower(regexp_replace(",
            $name,
            ", '^.*[/:]|[-_.]', '', 'g') COLLATE \"C\")"
        )
    };
}

pub(super) use {key_in_sqlite, key_on_server};
