//! What all spellings of one package's name have in common: an index is over it, since tools
//! write `PyYAML` and `pyyaml`, `core` and `@angular/core`.

/// Characters of a name that are looked at, from its end: reports choose how long names are,
/// and SQLite takes time by the square of that.
const LOOKED_AT: usize = 64;

/// The key of a name: what lies behind the last `/` and `:`, without `-`, `_` and `.`, in small
/// ASCII letters. Names of one key need not be of one package.
pub(super) fn package_key(name: &str) -> String {
    let start = name.char_indices().nth_back(LOOKED_AT - 1);
    let end = &name[start.map_or(0, |(at, _)| at)..];
    let last = end.rsplit(['/', ':']).next().unwrap_or(end);
    let told = last.chars().filter(|it| !matches!(it, '-' | '_' | '.'));
    told.map(|it| it.to_ascii_lowercase()).collect()
}

/// The key of a name in SQLite's words, as the indexes have them. `rtrim` leaves what ends
/// with the last separator.
#[rustfmt::skip]
macro_rules! key_in_sqlite {
    ($name:literal) => {
        concat!(
            "lower(replace(replace(replace(substr(substr(", $name, ", -64), ",
            "length(rtrim(substr(", $name, ", -64), ",
            "replace(replace(substr(", $name, ", -64), '/', ''), ':', ''))) + 1), ",
            "'-', ''), '_', ''), '.', ''))"
        )
    };
}

/// The same in PostgreSQL's words.
#[rustfmt::skip]
macro_rules! key_on_server {
    ($name:literal) => {
        concat!(
            "lower(regexp_replace(right(", $name, ", 64), ",
            "'^.*[/:]|[-_.]', '', 'g') COLLATE \"C\")"
        )
    };
}

pub(super) use {key_in_sqlite, key_on_server};
