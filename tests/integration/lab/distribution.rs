//! The files by which a scanner knows a Debian and its packages. The packages are
//! invented, as the advisories on them are (`tests/lab/trivy/make-db`).

use std::fs;
use std::path::Path;

/// Name and version of a package.
pub type Package = (&'static str, &'static str);

/// `CVE-2026-10001`, CRITICAL, is fixed in the version after it.
pub const CRITICAL: &[Package] = &[("sekisho-demo-openssl", "3.0.1-1")];
/// `CVE-2026-10002`, MEDIUM, is fixed; `CVE-2026-10003`, LOW, is not.
pub const MEDIUM: &[Package] = &[
    ("sekisho-demo-curl", "8.5.0-1"),
    ("sekisho-demo-tar", "1.35-1"),
];
/// Nothing is known against these.
pub const CLEAN: &[Package] = &[
    ("sekisho-demo-openssl", "3.0.2-1"),
    ("sekisho-demo-curl", "8.5.1-1"),
];

/// Writes into `root` what makes it a Debian 13 with these packages.
pub fn debian(root: &Path, packages: &[Package]) {
    write(root, "etc/debian_version", "13.1\n");
    write(
        root,
        "etc/os-release",
        "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
    );
    hidden(root, packages);
}

/// These packages alone, as after somebody deleted what names the system.
pub fn hidden(root: &Path, packages: &[Package]) {
    let stanzas: Vec<String> = packages.iter().map(stanza).collect();
    write(root, "var/lib/dpkg/status", &stanzas.join("\n"));
}

fn write(root: &Path, name: &str, text: &str) {
    let file = root.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn stanza((name, version): &Package) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: libs\n\
         Maintainer: Nobody <nobody@example.invalid>\nArchitecture: amd64\n\
         Version: {version}\nDescription: an invented package\n"
    )
}
