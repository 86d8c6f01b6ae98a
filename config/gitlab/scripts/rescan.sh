#!/bin/sh
# Scans anew what Sekisho says is due: images that were asked for and have no scan,
# and those whose scan runs out. Each is read from its own registry, as Sekisho
# names it, never through the gateway, which does not serve what lacks evidence.
# What cannot be scanned is named at the end, and then the script ends with 1.
#
# SEKISHO_SERVER  address of Sekisho's admin API
# SEKISHO_TOKEN   token with the role scanner for all that is to be scanned; secret
# SEKISHO_WITHIN  how far ahead to look. Default: 7d
# SEKISHO_OUT     see shared.sh; due.json and the reports are left in rescan/ there
# DOCKER_CONFIG   folder with the config.json of Docker that opens private
#                 registries to Trivy
# TRIVY_…         Trivy's own settings; see scan.sh
#
# Needs jq, to read the answer of Sekisho.
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
needs_server scanner
program jq
# shellcheck source-path=SCRIPTDIR source=trivy.sh
. "$(dirname "$0")/trivy.sh"

mkdir -p "$SEKISHO_OUT/rescan"
out=$(cd "$SEKISHO_OUT/rescan" && pwd)
sekisho scan due --within "${SEKISHO_WITHIN:-7d}" --output json >"$out/due.json"
jq -r '.due[] | [.image, .scan, (.insecure // false), .platform // "-", .cause] | map(tostring) | join(" ")' \
    "$out/due.json" >"$out/due"

# rescan REPORT: scans and hands in what the loop below has read.
rescan() {
    set -- "$1" --image-src remote
    [ "$insecure" != true ] || set -- "$@" --insecure
    [ "$platform" = - ] || set -- "$@" --platform "$platform"
    scan "$@" "$address" &&
        scanner_info >"$out/scanner.json" &&
        sekisho scan submit --image "$image" --report "$1" --scanner-info "$out/scanner.json"
}

scanned=0 failed=0
# Not the shell's standard input, which the programs inherit.
while read -r image address insecure platform cause <&3; do
    say "$image is due ($cause)"
    if rescan "$out/$((scanned + failed + 1)).json"; then
        scanned=$((scanned + 1))
    else
        failed=$((failed + 1))
        say "not scanned: $image, at $address"
    fi
done 3<"$out/due"
say "scanned $scanned, failed $failed"
[ "$failed" = 0 ] || fail "the log above says why; the next run tries again"
