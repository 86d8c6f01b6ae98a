//! The revision of a policy: another one whenever anything in it is another.

use sha2::{Digest as _, Sha256};

use crate::trust::{Advisory, Environment, Exception, ExposureRule, Rules, Vouching};

/// The first 8 bytes of the sha256 of a canonical rendering, so that the same
/// policy has the same revision in every process.
pub fn revision(policy: &Rules) -> u64 {
    let hash = Sha256::digest(render(policy).as_bytes());
    hash.iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Every structure is taken apart whole, so that a new field cannot be forgotten.
fn render(policy: &Rules) -> String {
    let Rules {
        environments,
        exposures,
        vouchings,
        exceptions,
        advisories,
    } = policy;
    let mut environments: Vec<String> = environments.iter().map(environment).collect();
    environments.sort();
    let exposures: Vec<String> = exposures.iter().map(exposure).collect();
    let vouchings: Vec<String> = vouchings.iter().map(vouching).collect();
    let exceptions: Vec<String> = exceptions.iter().map(exception).collect();
    let advisories: Vec<String> = advisories.iter().map(advisory).collect();
    format!("{environments:?}{exposures:?}{vouchings:?}{exceptions:?}{advisories:?}")
}

fn environment(environment: &Environment) -> String {
    let Environment {
        name,
        settings,
        rules,
        platform_images,
        nodes,
    } = environment;
    let rule = |(globs, settings): &(crate::oci::RepositoryGlobs, _)| {
        format!("{:?}{settings:?}", globs.written())
    };
    let rules: Vec<String> = rules.iter().map(rule).collect();
    format!("{name:?}{settings:?}{rules:?}{platform_images:?}{nodes:?}")
}

fn exposure(rule: &ExposureRule) -> String {
    let ExposureRule {
        repositories,
        exposure,
        reason,
    } = rule;
    format!("{:?}{exposure:?}{reason:?}", repositories.written())
}

fn vouching(vouching: &Vouching) -> String {
    let Vouching {
        upstream,
        environments,
        requirements,
        until,
    } = vouching;
    format!("{upstream:?}{environments:?}{requirements:?}{until:?}")
}

fn exception(exception: &Exception) -> String {
    let Exception {
        id,
        vulnerabilities,
        accepts_end_of_life,
        images,
        packages,
        reason,
        link,
        owner,
        expires,
    } = exception;
    let what = format!("{vulnerabilities:?}{accepts_end_of_life:?}{images:?}{packages:?}");
    format!("{id:?}{what}{reason:?}{link:?}{owner:?}{expires:?}")
}

fn advisory(advisory: &Advisory) -> String {
    let Advisory {
        id,
        vulnerabilities,
        packages,
        digests,
        effect,
        reason,
        link,
        expires,
    } = advisory;
    let what = format!("{vulnerabilities:?}{packages:?}{digests:?}{effect:?}");
    format!("{id:?}{what}{reason:?}{link:?}{expires:?}")
}
