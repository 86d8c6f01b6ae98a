#!/bin/sh
# Scans the built image before it is pushed.
#
# SEKISHO_OUT   see shared.sh
# TRIVY_…       Trivy's own settings: TRIVY_CACHE_DIR, TRIVY_DB_REPOSITORY,
#               TRIVY_OFFLINE_SCAN …. Those that leave findings out are not heeded,
#               and neither is a .trivyignore: what is accepted, Sekisho's
#               exceptions say, with reason and expiry.
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"

id=$(left image-id build.sh)
[ -f "$SEKISHO_OUT/image/index.json" ] || fail "$SEKISHO_OUT/image is missing: run build.sh first, and keep $SEKISHO_OUT as an artifact"
# shellcheck source-path=SCRIPTDIR source=trivy.sh
. "$(dirname "$0")/trivy.sh"
out=$(cd "$SEKISHO_OUT" && pwd)
scan "$out/report.json" --input "$out/image"
scanner_info >"$out/scanner.json"
say "scanned $id: $SEKISHO_OUT/report.json"
