//! The keys of judgement, of an environment and of its rules alike.

use std::collections::BTreeSet;

use super::globs::warn_of_unmatched;
use super::hints::joined;
use super::quantity::Period;
use super::section::Section;
use crate::oci::{Platform, RegistryHost, RepositoryGlobs};
use crate::trust::{Ceilings, Settings};

/// Reads the keys that `section` sets; the others stay as in `base`.
pub(super) fn settings(
    section: &mut Section<'_, '_>,
    base: &Settings,
    known: &BTreeSet<RegistryHost>,
) -> Settings {
    Settings {
        mode: section.read("mode").unwrap_or(base.mode),
        upstreams: upstreams(section, known).unwrap_or_else(|| base.upstreams.clone()),
        require: list(section, "require", &base.require),
        ceilings: ceilings(section, base.ceilings),
        unknown_severity: section
            .read("unknown_severity")
            .unwrap_or(base.unknown_severity),
        secrets: section.read("secrets").unwrap_or(base.secrets),
        platforms: platforms(section, &base.platforms),
        max_report_age: longest_age(section, "max_report_age", base.max_report_age),
        max_database_age: longest_age(section, "max_database_age", base.max_database_age),
        require_database_date: flag(section, "require_database_date", base.require_database_date),
        allow_end_of_life: flag(section, "allow_end_of_life", base.allow_end_of_life),
        grace_for_admitted: period(section, "grace_for_admitted", base.grace_for_admitted),
        grace_for_worse: period(section, "grace_for_worse", base.grace_for_worse),
        min_age: period(section, "min_age", base.min_age),
        promoted_tags: flag(section, "promoted_tags", base.promoted_tags),
        trusted_bases: trusted_bases(section, known).unwrap_or_else(|| base.trusted_bases.clone()),
        referrer_types: list(section, "referrer_types", &base.referrer_types),
        artifact_types: list(section, "artifact_types", &base.artifact_types),
    }
}

/// What nothing is built for denies every image; that is for people to see.
fn platforms(section: &mut Section<'_, '_>, base: &[Platform]) -> Vec<Platform> {
    let platforms = list(section, "platforms", base);
    if section.has("platforms") {
        for platform in platforms.iter().filter(|it| !it.is_known()) {
            let text = format!("{platform} is no platform that images are built for");
            section.warning("platforms", text);
        }
    }
    platforms
}

fn trusted_bases(
    section: &mut Section<'_, '_>,
    known: &BTreeSet<RegistryHost>,
) -> Option<RepositoryGlobs> {
    let globs = section.read("trusted_bases")?;
    warn_of_unmatched(section, "trusted_bases", &globs, known);
    Some(globs)
}

fn upstreams(
    section: &mut Section<'_, '_>,
    known: &BTreeSet<RegistryHost>,
) -> Option<Vec<RegistryHost>> {
    let named: Vec<RegistryHost> = section.list("upstreams")?;
    for host in named.iter().filter(|host| !known.contains(host)) {
        let hint = format!("name one of {}", joined(known));
        section.problem("upstreams", format_args!("{host} is no upstream; {hint}"));
    }
    Some(named)
}

fn ceilings(section: &mut Section<'_, '_>, base: Ceilings) -> Ceilings {
    let mut written = section.section("ceilings");
    let ceilings = Ceilings {
        external: written.read("external").unwrap_or(base.external),
        internal: written.read("internal").unwrap_or(base.internal),
    };
    written.finish();
    if ceilings.external > ceilings.internal {
        let text = "lets what outsiders reach be worse than what they do not; \
                    external should be the lower one";
        section.warning("ceilings", text);
    }
    ceilings
}

fn list<T>(section: &mut Section<'_, '_>, key: &'static str, base: &[T]) -> Vec<T>
where
    T: serde::de::DeserializeOwned + Clone,
{
    section.list(key).unwrap_or_else(|| base.to_vec())
}

fn period(
    section: &mut Section<'_, '_>,
    key: &'static str,
    base: jiff::SignedDuration,
) -> jiff::SignedDuration {
    section.read::<Period>(key).map_or(base, Into::into)
}

/// An age that nothing may be beyond; of no time at all it denies every image.
fn longest_age(
    section: &mut Section<'_, '_>,
    key: &'static str,
    base: jiff::SignedDuration,
) -> jiff::SignedDuration {
    let age = period(section, key, base);
    if section.has(key) && age.is_zero() {
        let text = "is no time at all: every scan is older the moment it is made, and denied";
        section.warning(key, text);
    }
    age
}

fn flag(section: &mut Section<'_, '_>, key: &'static str, base: bool) -> bool {
    section.read(key).unwrap_or(base)
}
