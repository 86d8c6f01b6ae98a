//! The sections of policy: environments with their rules, and exposures. They
//! are read again when the file changes.

use std::collections::BTreeSet;

use super::globs::{warn_of_shadowed, warn_of_unmatched};
use super::nodes::node_policy;
use super::section::Section;
use super::settings::settings;
use crate::oci::{Digest, RegistryHost, RepositoryGlobs};
use crate::trust::{Environment, EnvironmentName, Exposure, ExposureRule, PlatformImage, Settings};

const REASON_HINT: &str = "write reason = \"…\", for whoever asks later";

/// The tables of `[environments.NAME]`, not yet read: others refer to the names.
pub(super) fn environment_sections<'n, 't>(
    root: &mut Section<'n, 't>,
) -> Vec<(EnvironmentName, Section<'n, 't>)> {
    let production = || {
        let name = EnvironmentName::parse("production").ok()?;
        Some((name, root.absent("environments.production")))
    };
    let default = production();
    match root.named("environments") {
        None => default.into_iter().collect(),
        Some(sections) if sections.is_empty() => {
            root.problem(
                "environments",
                "defines none; write [environments.production]",
            );
            Vec::new()
        }
        Some(sections) => sections,
    }
}

/// Reads the environments.
pub(super) fn environments(
    sections: Vec<(EnvironmentName, Section<'_, '_>)>,
    upstreams: &BTreeSet<RegistryHost>,
) -> Vec<Environment> {
    let sections = sections.into_iter();
    let read = sections.map(|(name, section)| environment(name, section, upstreams));
    read.collect()
}

fn environment(
    name: EnvironmentName,
    mut section: Section<'_, '_>,
    upstreams: &BTreeSet<RegistryHost>,
) -> Environment {
    let base = settings(&mut section, &Settings::default(), upstreams);
    let sections = section.sections("rules").unwrap_or_default();
    let mut earlier = Vec::new();
    let rule = |section| rule(section, &base, upstreams, &mut earlier);
    let rules = sections.into_iter().filter_map(rule).collect();
    let images = section.sections("platform_images").unwrap_or_default();
    let platform_images = images.into_iter().filter_map(platform_image).collect();
    let nodes = section.optional_section("nodes").map(node_policy);
    section.finish();
    Environment {
        name,
        settings: base,
        rules,
        platform_images,
        nodes,
    }
}

fn rule(
    mut section: Section<'_, '_>,
    base: &Settings,
    upstreams: &BTreeSet<RegistryHost>,
    earlier: &mut Vec<Vec<String>>,
) -> Option<(RepositoryGlobs, Settings)> {
    let globs = globs(&mut section, upstreams);
    warn_of_shadow(&section, globs.as_ref(), "rules", earlier);
    let settings = settings(&mut section, base, upstreams);
    if let Some(globs) = globs.as_ref().filter(|_| !settings.upstreams.is_empty()) {
        warn_of_left_out(&section, globs, &settings, upstreams);
    }
    section.finish();
    Some((globs?, settings))
}

/// Warns of globs that rules before leave nothing to.
fn warn_of_shadow(
    section: &Section<'_, '_>,
    globs: Option<&RepositoryGlobs>,
    path: &str,
    earlier: &mut Vec<Vec<String>>,
) {
    let globs = globs.map(|globs| globs.written().to_vec());
    let globs = globs.unwrap_or_default();
    warn_of_shadowed(section, "repositories", &globs, path, earlier);
    earlier.push(globs);
}

/// Warns of a rule for what its environment does not serve.
fn warn_of_left_out(
    section: &Section<'_, '_>,
    globs: &RepositoryGlobs,
    settings: &Settings,
    upstreams: &BTreeSet<RegistryHost>,
) {
    for host in upstreams
        .iter()
        .filter(|it| !settings.upstreams.contains(it))
    {
        let below = |glob: &&String| glob.starts_with(&format!("{host}/"));
        if let Some(glob) = globs.written().iter().find(below) {
            let text = format!("{glob:?} changes nothing: upstreams leave {host} out here");
            section.warning("repositories", text);
        }
    }
}

/// Reads `repositories`, which must name some.
fn globs(
    section: &mut Section<'_, '_>,
    upstreams: &BTreeSet<RegistryHost>,
) -> Option<RepositoryGlobs> {
    let hint = "write repositories = [\"registry.corp/team/**\"]";
    let globs: RepositoryGlobs = section.required("repositories", hint)?;
    if globs.is_empty() {
        section.problem("repositories", format_args!("is empty; {hint}"));
    }
    warn_of_unmatched(section, "repositories", &globs, upstreams);
    Some(globs)
}

fn platform_image(mut section: Section<'_, '_>) -> Option<PlatformImage> {
    let digest: Option<Digest> = section.required("digest", "write digest = \"sha256:…\"");
    let reason = section.words("reason", REASON_HINT);
    section.finish();
    Some(PlatformImage {
        digest: digest?,
        reason: reason?,
    })
}

/// Reads `[[exposures]]`.
pub(super) fn exposures(
    root: &mut Section<'_, '_>,
    upstreams: &BTreeSet<RegistryHost>,
) -> Vec<ExposureRule> {
    let sections = root.sections("exposures").unwrap_or_default();
    let mut earlier = Vec::new();
    let read = |section| exposure(section, upstreams, &mut earlier);
    sections.into_iter().filter_map(read).collect()
}

fn exposure(
    mut section: Section<'_, '_>,
    upstreams: &BTreeSet<RegistryHost>,
    earlier: &mut Vec<Vec<String>>,
) -> Option<ExposureRule> {
    let repositories = globs(&mut section, upstreams);
    warn_of_shadow(&section, repositories.as_ref(), "exposures", earlier);
    let exposure: Option<Exposure> = section.required("exposure", "write external or internal");
    let reason = section.words("reason", REASON_HINT);
    section.finish();
    Some(ExposureRule {
        repositories: repositories?,
        exposure: exposure?,
        reason: reason?,
    })
}
