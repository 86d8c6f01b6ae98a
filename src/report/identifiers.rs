//! Ids of vulnerabilities in other text: scanners write them with a package behind, in a
//! sentence, in a link. Each is a name that an advisory may know the finding by.

use std::collections::BTreeSet;

/// Who numbers vulnerabilities and advisories beside CVE and GHSA, as their ids begin.
const ISSUERS: [&str; 44] = [
    "ALAS", "ALPINE", "ALSA", "ASA", "AVG", "BIT", "CESA", "CGA", "CURL", "DLA", "DSA", "DTSA",
    "ELBA", "ELSA", "EUVD", "FEDORA", "GLSA", "GMS", "GO", "GSD", "HSEC", "JVNDB", "LSN", "MAL",
    "MGASA", "NSWG", "OESA", "OPENSUSE", "OSV", "PHSA", "PRISMA", "PSF", "PYSEC", "RHBA", "RHEA",
    "RHSA", "RLSA", "RUSTSEC", "RXSA", "SNYK", "SUSE", "TEMP", "USN", "VMSA",
];
/// CVEs that are told apart in one text, at most: together they are longer than any id may be.
const MAX_CVES: usize = 256;
/// The longest id, in bytes; text may be long, and none of it is read twice.
const MAX_ID_BYTES: usize = 128;

/// The ids in `text`, as their issuers write them, in order; one may be there twice.
pub(super) fn in_text(text: &str) -> impl Iterator<Item = String> {
    starts(text).filter_map(|rest| Some(identifier(rest)?.0))
}

/// The CVEs in `text`, each once; of very many no more than [`MAX_CVES`].
pub(super) fn cves_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (id, _) in starts(text).filter_map(cve) {
        if found.len() == MAX_CVES {
            break;
        }
        found.insert(id);
    }
    found
}

/// The one CVE or GHSA id in `text`, with what stands behind it. `None`: there is none,
/// or there are several.
pub(super) fn only_in(text: &str) -> Option<(String, &str)> {
    let mut found = starts(text).filter_map(|rest| {
        let (id, length) = cve(rest).or_else(|| ghsa(rest))?;
        Some((id, rest.get(length..)?))
    });
    let first = found.next()?;
    found.all(|(id, _)| id == first.0).then_some(first)
}

/// What follows each place where a word begins.
fn starts(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let begins = move |at: &usize| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        bytes[*at].is_ascii_alphabetic() && !before.is_some_and(|it| it.is_ascii_alphanumeric())
    };
    let places = (0..bytes.len()).filter(begins);
    places.filter_map(|at| text.get(at..))
}

/// The id that `text` begins with, and its length in bytes.
fn identifier(text: &str) -> Option<(String, usize)> {
    cve(text).or_else(|| ghsa(text)).or_else(|| numbered(text))
}

/// `CVE-2026-1234`: a year, and four digits or more.
fn cve(text: &str) -> Option<(String, usize)> {
    let (year, rest) = after(text, "CVE-")?.split_at_checked(4)?;
    let digits = leading(rest.strip_prefix('-')?, |it| it.is_ascii_digit());
    let length = "CVE-2026-".len() + digits;
    let well_formed = is_number(year) && (4..=19).contains(&digits);
    well_formed.then(|| (text[..length].to_ascii_uppercase(), length))
}

/// `GHSA-xxxx-xxxx-xxxx`; its letters are small.
fn ghsa(text: &str) -> Option<(String, usize)> {
    const LENGTH: usize = "GHSA-xxxx-xxxx-xxxx".len();
    after(text, "GHSA-")?;
    let id = text.get(..LENGTH)?;
    let mut groups = id.split('-').skip(1);
    let well_formed =
        groups.all(|group| group.len() == 4 && group.bytes().all(|it| it.is_ascii_alphanumeric()));
    let ends = !text[LENGTH..].starts_with(|it: char| it.is_ascii_alphanumeric());
    (well_formed && ends).then(|| (format!("GHSA-{}", id[5..].to_ascii_lowercase()), LENGTH))
}

/// An issuer, perhaps words, and numbers: `RHSA-2026:1234`, `DSA-5417-1`,
/// `SUSE-SU-2026:1234-1`, `SNYK-DEBIAN-ZLIB-1`. What follows the last number is no part
/// of it.
fn numbered(text: &str) -> Option<(String, usize)> {
    let issuer = &text[..leading(text, |byte| byte.is_ascii_alphanumeric())];
    if text.as_bytes().get(issuer.len()) != Some(&b'-') || !is_issuer(issuer) {
        return None;
    }
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.');
    let parts = text[..leading(text, is_part)].split('-').skip(1);
    let mut end = issuer.len();
    let mut numbered_until = None;
    for part in parts {
        let number = part.trim_end_matches([':', '.']);
        // Debian's own are numbered twice, the second time in hexadecimal.
        let is_number =
            is_number(number) || numbered_until.is_some() && issuer.eq_ignore_ascii_case("TEMP");
        match is_number {
            true => numbered_until = Some(end + 1 + number.len()),
            false if numbered_until.is_some() => break,
            false => {}
        }
        end += 1 + part.len();
    }
    let end = numbered_until?;
    Some((text[..end].to_ascii_uppercase(), end))
}

/// A known one, perhaps with a number of its own: `ALAS2`. Amazon's has the words of
/// what it is for, too: `ALAS2KERNEL`, `ALASDOCKER`.
fn is_issuer(word: &str) -> bool {
    after(word, "ALAS").is_some()
        || ISSUERS.iter().any(|known| {
            let number = after(word, known);
            number.is_some_and(|number| number.bytes().all(|it| it.is_ascii_digit()))
        })
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit() || it == b':')
}

/// What follows `prefix`, in whatever case it is written.
fn after<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// How many bytes `text` begins with that are so, of those that an id may have.
fn leading(text: &str, is: impl Fn(u8) -> bool) -> usize {
    let bytes = text.bytes().take(MAX_ID_BYTES);
    bytes.take_while(|byte| is(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        in_text(text).collect()
    }

    #[test]
    fn finds_ids_wherever_they_stand() {
        for (text, ids) in [
            ("CVE-2099-1000/openssh-client", vec!["CVE-2099-1000"]),
            ("CVE-2099-1000-zlib1g-dev", vec!["CVE-2099-1000"]),
            ("[MEDIUM] CVE-2099-1001", vec!["CVE-2099-1001"]),
            ("CVE-2099-1003: buffer overflow", vec!["CVE-2099-1003"]),
            ("cve-2099-100000 ", vec!["CVE-2099-100000"]),
            (
                "https://nvd.nist.gov/vuln/detail/CVE-2099-1004",
                vec!["CVE-2099-1004"],
            ),
            (
                "?id=CVE-2099-1004&x=GHSA-AAAA-bbbb-cc22",
                vec!["CVE-2099-1004", "GHSA-aaaa-bbbb-cc22"],
            ),
            ("UBUNTU-CVE-2099-1005", vec!["CVE-2099-1005"]),
            ("pkg_CVE-2099-1005_x", vec!["CVE-2099-1005"]),
            ("RHSA-2099:1234-openssl", vec!["RHSA-2099:1234"]),
            (
                "(DSA-5417-1), dla-3449-1.",
                vec!["DSA-5417-1", "DLA-3449-1"],
            ),
            ("SUSE-SU-2099:1234-1", vec!["SUSE-SU-2099:1234-1"]),
            ("ALAS2-2099-1234", vec!["ALAS2-2099-1234"]),
            ("ALAS2KERNEL-5.4-2099-007", vec!["ALAS2KERNEL-5.4-2099-007"]),
            (
                "openSUSE-SU-2099:0102-1: x",
                vec!["OPENSUSE-SU-2099:0102-1"],
            ),
            (
                "SNYK-DEBIAN12-ZLIB-6008961 in zlib",
                vec!["SNYK-DEBIAN12-ZLIB-6008961"],
            ),
            ("TEMP-0841856-B18BAF", vec!["TEMP-0841856-B18BAF"]),
            ("RUSTSEC-2099-0001: x", vec!["RUSTSEC-2099-0001"]),
        ] {
            assert_eq!(found(text), ids, "{text}");
        }
    }

    #[test]
    fn finds_none_in_what_only_looks_alike() {
        for text in [
            "",
            "CVE",
            "CVE-",
            "CVE-2099-123",
            "CVE-209-1234",
            "XCVE-2099-1234",
            "GHSA-aaaa-bbbb",
            "GHSA-aaaa-bbbb-ccccc",
            "CWE-79",
            "SNYK-DEBIAN-X",
            "go-getter",
            "É-CVE-20é9-1234",
            "DSA",
            "GOLANG-2099-1",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn one_id_is_told_from_what_follows_it() {
        assert_eq!(
            only_in("CVE-2099-1000/zlib"),
            Some(("CVE-2099-1000".to_owned(), "/zlib"))
        );
        assert_eq!(only_in("CVE-2099-1000 and CVE-2099-1001"), None);
        assert_eq!(only_in("RHSA-2099:1234"), None);
    }

    #[test]
    fn of_very_many_cves_only_some_are_told_apart() {
        let text: String = (0..5000).map(|at| format!("CVE-2020-{at:04} ")).collect();
        assert_eq!(cves_in(&text).len(), MAX_CVES);
        assert_eq!(
            cves_in("CVE-2020-2222 cve-2020-1111 CVE-2020-2222").len(),
            2
        );
    }
}
