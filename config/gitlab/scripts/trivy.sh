# shellcheck shell=sh
# Trivy, so that it tells everything, secrets too: from a folder without .trivyignore
# and trivy.yaml, and without the settings that leave findings out.
program trivy
unset TRIVY_SEVERITY TRIVY_IGNORE_UNFIXED TRIVY_IGNORE_STATUS TRIVY_IGNOREFILE
unset TRIVY_IGNORE_POLICY TRIVY_VEX TRIVY_CONFIG TRIVY_FORMAT TRIVY_OUTPUT TRIVY_EXIT_CODE
unset TRIVY_SKIP_DIRS TRIVY_SKIP_FILES TRIVY_PKG_TYPES TRIVY_VULN_TYPE TRIVY_SCANNERS

bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT

# scan REPORT ARGUMENT…: all that Trivy finds, to a file named in
# full.
scan() {
    report=$1
    shift
    (cd "$bare" && trivy image --quiet --scanners vuln,secret --format json --output "$report" "$@")
}

# What dates the database that was scanned with.
scanner_info() {
    (cd "$bare" && trivy version --format json)
}
