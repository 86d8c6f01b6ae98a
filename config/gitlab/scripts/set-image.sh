#!/bin/sh
# Clones the manifest repository that Argo CD follows, and sets the pushed digest
# there. The lines to set are marked with the image's name, in any *.yaml or *.yml:
#
#     image: registry.example/team/app@sha256:…   # sekisho: registry.example/team/app
#
# or, in a kustomization.yaml under images:
#
#     digest: sha256:…   # sekisho: registry.example/team/app
#
# Nothing else is touched, and without a mark the script ends with an error.
#
# SEKISHO_MANIFESTS         https address of the repository, without credentials
# SEKISHO_MANIFESTS_BRANCH  branch to change. Default: main
# SEKISHO_MANIFESTS_USER    user of the token. Default: oauth2
# SEKISHO_MANIFESTS_TOKEN   token that may write the repository; secret. Not needed
#                           where the repository asks for none
# SEKISHO_CHECKOUT          where to clone to. Default: manifests in SEKISHO_OUT
# SEKISHO_OUT               see shared.sh
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
# shellcheck source-path=SCRIPTDIR source=git.sh
. "$(dirname "$0")/git.sh"

pushed=$(left pushed push.sh)
image=${pushed%@*} digest=${pushed#*@}
rm -rf "$SEKISHO_CHECKOUT"
git_ clone --quiet --depth 1 --single-branch --branch "$SEKISHO_MANIFESTS_BRANCH" -- "$SEKISHO_MANIFESTS" "$SEKISHO_CHECKOUT"

list=$(mktemp)
trap 'rm -f "$list"' EXIT
find "$SEKISHO_CHECKOUT" -name .git -prune -o -type f \( -name '*.yaml' -o -name '*.yml' \) \
    -exec grep -lF -- "# sekisho: $image" {} + >"$list" || true
found=0
while IFS= read -r file; do
    lines=$(set_digest "$file" "$image" "$digest")
    found=$((found + lines))
    [ "$lines" = 0 ] || say "set $lines line(s) of ${file#"$SEKISHO_CHECKOUT"/}"
done <"$list"
[ "$found" -gt 0 ] || fail "no image: or digest: line of $SEKISHO_MANIFESTS ends with the mark: # sekisho: $image"
