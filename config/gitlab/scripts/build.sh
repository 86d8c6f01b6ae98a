#!/bin/sh
# Builds the image, and leaves it in SEKISHO_OUT: nothing is pushed.
#
# SEKISHO_CONTEXT     folder to build. Default: . (the checkout)
# SEKISHO_DOCKERFILE  its recipe. Default: Dockerfile in that folder
# SEKISHO_PLATFORM    platform to build for, one. Default: that of the runner
# SEKISHO_OUT         see shared.sh
# CI_PROJECT_URL, CI_COMMIT_SHA   of GitLab; become labels of the image
# Where buildah keeps its storage and how it isolates is its own to know:
# STORAGE_DRIVER, BUILDAH_ISOLATION, REGISTRY_AUTH_FILE for private base images.
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
program buildah
program skopeo

context=${SEKISHO_CONTEXT:-.}
recipe=${SEKISHO_DOCKERFILE:-$context/Dockerfile}
[ -f "$recipe" ] || fail "$recipe does not exist: SEKISHO_CONTEXT and SEKISHO_DOCKERFILE say what to build"
mkdir -p "$SEKISHO_OUT"
rm -rf "$SEKISHO_OUT/image"

built=$SEKISHO_OUT/built
set -- --file "$recipe" --iidfile "$built"
[ -z "${SEKISHO_PLATFORM:-}" ] || set -- "$@" --platform "$SEKISHO_PLATFORM"
[ -z "${CI_PROJECT_URL:-}" ] || set -- "$@" --label "org.opencontainers.image.source=$CI_PROJECT_URL"
[ -z "${CI_COMMIT_SHA:-}" ] || set -- "$@" --label "org.opencontainers.image.revision=$CI_COMMIT_SHA"
buildah build "$@" "$context"
buildah push --quiet "$(cat "$built")" "oci:$SEKISHO_OUT/image:built"
rm -f "$built"

# The ID of the very bytes that are scanned and pushed, whatever buildah converted.
skopeo inspect --config --raw "oci:$SEKISHO_OUT/image:built" >"$SEKISHO_OUT/config.json"
id=$(sha256sum <"$SEKISHO_OUT/config.json")
printf 'sha256:%s\n' "${id%% *}" >"$SEKISHO_OUT/image-id"
rm -f "$SEKISHO_OUT/config.json"
say "built $(left image-id build.sh)"
