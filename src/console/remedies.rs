//! Who can lift a denial, and how: for each reason the commands that do it, ready to copy.

use crate::api::DenialView;
use crate::oci::{Digest, Repository};
use crate::trust::{DenialReason, EnvironmentName, ReasonClass};

/// An image by its repository and digest, as commands name it.
#[derive(Clone, Debug)]
pub(super) struct NamedImage {
    pub repository: Repository,
    pub digest: Digest,
}

/// One reason, with what lifts it.
pub(super) struct Remedy {
    pub reason: &'static str,
    pub detail: String,
    pub next_step: String,
    pub lifted_by: Option<String>,
    /// Who can do something about it.
    pub who: &'static str,
    /// In their order; none where no command helps.
    pub commands: Vec<String>,
}

impl NamedImage {
    /// `host/name@digest`.
    pub fn whole(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

impl Remedy {
    pub fn of(
        denial: &DenialView,
        image: Option<&NamedImage>,
        environment: &EnvironmentName,
    ) -> Self {
        let commands = image.map(|image| commands(denial.reason, &image.whole(), environment));
        Self {
            reason: denial.reason.code(),
            detail: denial.detail.clone(),
            next_step: denial.next_step.clone(),
            lifted_by: denial.lifted_by.clone(),
            who: who(denial.reason),
            commands: commands.unwrap_or_default(),
        }
    }
}

/// What lifts each reason. Platforms that are denied alike are one.
pub(super) fn remedies(
    denials: &[DenialView],
    image: Option<&NamedImage>,
    environment: &EnvironmentName,
) -> Vec<Remedy> {
    let mut told: Vec<&DenialView> = Vec::new();
    for denial in denials {
        if !told.contains(&denial) {
            told.push(denial);
        }
    }
    let told = told.into_iter();
    told.map(|denial| Remedy::of(denial, image, environment))
        .collect()
}

/// Whoever holds a token with which it can be done, or writes a file.
const fn who(reason: DenialReason) -> &'static str {
    match reason {
        DenialReason::NotScanned
        | DenialReason::PlatformNotScanned
        | DenialReason::ScanIncomplete
        | DenialReason::ScanStale => "whoever builds it, with a scanner token",
        DenialReason::NotPromoted => "whoever releases it, with a promoter token",
        DenialReason::TooSevere => {
            "whoever builds it, by a fix; or whoever accepts the risk, by an exception"
        }
        DenialReason::Malware | DenialReason::Secrets => "whoever builds it, by building it anew",
        DenialReason::BlockedByAdvisory => "the security department, in its advisory",
        DenialReason::Revoked => "on-call or an admin, after the reason is gone",
        DenialReason::UntrustedBase => "whoever builds it, on a trusted base",
        DenialReason::TooNew => "nobody: it passes when it is old enough",
        DenialReason::Undecidable => "nobody: it is tried again; look at the upstream",
        DenialReason::Unauthenticated => "whoever runs the node, with a puller token",
        DenialReason::ManifestRefused
        | DenialReason::AmbiguousReference
        | DenialReason::NotInAdmittedImage
        | DenialReason::PlatformNotAllowed => "whoever builds or names the image",
        DenialReason::UnknownUpstream | DenialReason::RegistryNotPermitted => {
            "the operator of the gateway, in its configuration"
        }
    }
}

fn commands(reason: DenialReason, image: &str, environment: &EnvironmentName) -> Vec<String> {
    match reason {
        DenialReason::NotScanned
        | DenialReason::PlatformNotScanned
        | DenialReason::ScanIncomplete
        | DenialReason::ScanStale => vec![
            format!("trivy image --format json --output report.json {image}"),
            format!("sekisho scan submit --image {image} --report report.json"),
        ],
        DenialReason::NotPromoted => {
            vec![format!(
                "sekisho promote {image} --to {environment} --link URL"
            )]
        }
        DenialReason::Revoked => {
            vec![format!(
                "sekisho reinstate {image} --reason \"why it is safe again\""
            )]
        }
        _ => Vec::new(),
    }
}

/// What lets it through for some hours, where that is possible at all.
pub(super) fn emergency(
    denials: &[DenialView],
    image: Option<&NamedImage>,
    environment: &EnvironmentName,
) -> Option<String> {
    let class = |denial: &DenialView| denial.reason.class();
    let is_hopeless = denials
        .iter()
        .any(|it| matches!(class(it), ReasonClass::Structural | ReasonClass::OwnFailure));
    let revoked = denials.iter().any(|it| class(it) == ReasonClass::Withdrawn);
    let image = image
        .filter(|_| !denials.is_empty() && !is_hopeless)?
        .whole();
    let revoked = if revoked { " --revoked" } else { "" };
    Some(format!(
        "sekisho break-glass {image} --environment {environment} --ticket TICKET --hours 2 \
         --reason \"why it cannot wait\"{revoked}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(reason: DenialReason) -> DenialView {
        DenialView {
            reason,
            detail: String::new(),
            next_step: String::new(),
            lifted: false,
            lifted_by: None,
        }
    }

    fn image() -> NamedImage {
        let digest = format!("sha256:{}", "a".repeat(64));
        NamedImage {
            repository: Repository::parse("registry.corp/team/app").unwrap(),
            digest: Digest::parse(&digest).unwrap(),
        }
    }

    #[test]
    fn break_glass_is_offered_where_it_lifts_every_reason() {
        let environment: EnvironmentName = "production".parse().unwrap();
        let offered = |reasons: &[DenialReason]| {
            let denials: Vec<_> = reasons.iter().copied().map(denial).collect();
            emergency(&denials, Some(&image()), &environment)
        };
        let command = offered(&[DenialReason::TooSevere, DenialReason::NotPromoted]).unwrap();
        assert!(!command.contains("--revoked"), "{command}");
        assert!(
            offered(&[DenialReason::Revoked])
                .unwrap()
                .ends_with(" --revoked")
        );
        for hopeless in [DenialReason::ManifestRefused, DenialReason::Undecidable] {
            assert_eq!(offered(&[DenialReason::TooSevere, hopeless]), None);
        }
        assert_eq!(offered(&[]), None);
    }

    #[test]
    fn platforms_that_are_denied_alike_are_told_once() {
        let environment: EnvironmentName = "production".parse().unwrap();
        let other = DenialView {
            detail: "linux/arm64".to_owned(),
            ..denial(DenialReason::TooSevere)
        };
        let [alike, again] = [(), ()].map(|()| denial(DenialReason::TooSevere));
        let told = remedies(&[alike, other, again], Some(&image()), &environment);
        let details: Vec<&str> = told.iter().map(|it| &*it.detail).collect();
        assert_eq!(details, ["", "linux/arm64"]);
    }

    #[test]
    fn what_a_command_lifts_has_one() {
        let environment: EnvironmentName = "production".parse().unwrap();
        for reason in DenialReason::ALL {
            let remedy = Remedy::of(&denial(reason), Some(&image()), &environment);
            assert!(!remedy.who.is_empty());
            let is_shown = !Remedy::of(&denial(reason), None, &environment)
                .commands
                .is_empty();
            assert!(!is_shown, "{reason}: a command without an image");
        }
    }
}
