#!/bin/sh
# Pushes the image that passed the gate, byte for byte.
#
# SEKISHO_IMAGE              where to, HOST/NAME without tag
# SEKISHO_TAG                under which tag. Default: CI_COMMIT_SHORT_SHA of GitLab
# SEKISHO_REGISTRY_USER      who pushes; absent: as REGISTRY_AUTH_FILE says, or as
#                            anyone
# SEKISHO_REGISTRY_PASSWORD  the password; secret
# SEKISHO_REGISTRY_INSECURE  true: a registry without TLS. Default: false
# SEKISHO_OUT                see shared.sh
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
needs SEKISHO_IMAGE "say where to push, such as registry.example/team/app"
SEKISHO_TAG=${SEKISHO_TAG:-${CI_COMMIT_SHORT_SHA:-}}
needs SEKISHO_TAG "name the tag to push, such as 1.4.2"
program skopeo
id=$(left image-id build.sh)
verify=true
[ "${SEKISHO_REGISTRY_INSECURE:-false}" != true ] || verify=false

secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT
if [ -n "${SEKISHO_REGISTRY_USER:-}" ]; then
    needs SEKISHO_REGISTRY_PASSWORD "give the password of $SEKISHO_REGISTRY_USER, as a masked variable"
    REGISTRY_AUTH_FILE=$secrets/auth.json
    export REGISTRY_AUTH_FILE
    printf '%s' "$SEKISHO_REGISTRY_PASSWORD" |
        skopeo login --tls-verify="$verify" --username "$SEKISHO_REGISTRY_USER" --password-stdin "${SEKISHO_IMAGE%%/*}" >/dev/null
fi

skopeo copy --quiet --preserve-digests --dest-tls-verify="$verify" --digestfile "$secrets/digest" \
    "oci:$SEKISHO_OUT/image:built" "docker://$SEKISHO_IMAGE:$SEKISHO_TAG"
printf '%s@%s\n' "$SEKISHO_IMAGE" "$(cat "$secrets/digest")" >"$SEKISHO_OUT/pushed"
say "pushed $id as $(left pushed push.sh)"
