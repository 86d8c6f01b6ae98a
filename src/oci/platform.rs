//! Platforms (image-spec, image-index.md, "platform").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::name::text_value;

/// Architectures by operating system.
const KNOWN_ARCHITECTURES: [(&str, &[&str]); 15] = [
    ("aix", &["ppc64"]),
    ("android", &["386", "amd64", "arm", "arm64"]),
    ("darwin", &["amd64", "arm64"]),
    ("dragonfly", &["amd64"]),
    ("freebsd", &["386", "amd64", "arm", "arm64", "riscv64"]),
    ("illumos", &["amd64"]),
    ("ios", &["amd64", "arm64"]),
    ("js", &["wasm"]),
    (
        "linux",
        &[
            "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle",
            "ppc64", "ppc64le", "riscv64", "s390x",
        ],
    ),
    ("netbsd", &["386", "amd64", "arm", "arm64"]),
    (
        "openbsd",
        &["386", "amd64", "arm", "arm64", "ppc64", "riscv64"],
    ),
    ("plan9", &["386", "amd64", "arm"]),
    ("solaris", &["amd64"]),
    ("wasip1", &["wasm"]),
    ("windows", &["386", "amd64", "arm", "arm64"]),
];

/// Why a string is no platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a platform is written os/architecture or os/architecture/variant, as in linux/arm64/v8")]
pub struct PlatformError;

/// Operating system, architecture and, for some, a variant.
///
/// Normalised as containerd does it (`platforms.Normalize`), so that two ways of
/// writing one platform compare equal: lower case, `x86_64` is `amd64`,
/// `aarch64` is `arm64`, `arm64` has the variant `v8` by default and `arm` `v7`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (architecture, variant) = normalise(
            architecture.to_ascii_lowercase(),
            variant.unwrap_or_default().to_ascii_lowercase(),
        );
        let os = match os.to_ascii_lowercase() {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        Self {
            os,
            architecture,
            variant: Some(variant).filter(|variant| !variant.is_empty()),
        }
    }

    /// Parses `os/architecture[/variant]`.
    ///
    /// # Errors
    /// [`PlatformError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, PlatformError> {
        let word = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(word) {
            return Err(PlatformError);
        }
        match parts[..] {
            [os, architecture] => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::new(os, architecture, Some(variant))),
            _ => Err(PlatformError),
        }
    }

    pub fn os(&self) -> &str {
        &self.os
    }

    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Whether both name one operating system and architecture, whatever the variant.
    pub fn is_but_for_variant(&self, other: &Self) -> bool {
        (&self.os, &self.architecture) == (&other.os, &other.architecture)
    }

    /// Whether an architecture's name says a variant, too.
    pub(super) fn names_variant(architecture: &str) -> bool {
        ["armhf", "armel"].contains(&architecture.to_ascii_lowercase().as_str())
    }

    /// Whether images are built for it: whether it is among the pairs of `go tool dist
    /// list` (Go 1.25), whose words the image-spec demands. Variants are not looked at.
    pub fn is_known(&self) -> bool {
        let of_os = KNOWN_ARCHITECTURES.iter().find(|(os, _)| *os == self.os);
        of_os.is_some_and(|(_, all)| all.contains(&self.architecture.as_str()))
    }

    /// BuildKit's mark for an entry that holds attestations, not an image.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

fn normalise(architecture: String, variant: String) -> (String, String) {
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", other) => ("amd64", other),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64", other) => ("arm64", other),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        _ => return (architecture, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

text_value!(Platform, PlatformError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_of_writing_are_one_platform() {
        assert_eq!(
            Platform::parse("linux/arm64"),
            Platform::parse("linux/arm64/v8")
        );
        assert_eq!(
            Platform::parse("linux/arm"),
            Platform::parse("linux/arm/v7")
        );
        assert_ne!(
            Platform::parse("linux/arm/v6"),
            Platform::parse("linux/arm/v7")
        );
    }

    #[test]
    fn normalises_as_containerd_does() {
        for (written, read) in [
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/8", "linux/arm64"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/i386", "linux/386"),
            ("macos/arm64", "darwin/arm64"),
        ] {
            let platform = Platform::parse(written).map(|platform| platform.to_string());
            assert_eq!(platform.as_deref(), Ok(read), "{written}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_no_known_platform() {
        let known = |text: &str| Platform::parse(text).unwrap().is_known();
        assert!(known("linux/x86_64") && known("linux/arm/v6") && known("windows/amd64"));
        assert!(!known("linux/amd46") && !known("linx/amd64") && !known("amd64/linux"));
        assert!(!known("windows/s390x"));
    }

    #[test]
    fn refuses_other_forms() {
        for bad in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/amd64/v1/x",
            "linux amd64",
        ] {
            assert!(Platform::parse(bad).is_err(), "{bad:?}");
        }
    }
}
