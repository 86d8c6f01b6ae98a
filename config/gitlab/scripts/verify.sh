#!/bin/sh
# Asks for the verdict on every image in the manifests, the one that a pull would
# get; ends with 3 if one is denied.
#
# SEKISHO_SERVER       address of Sekisho's admin API
# SEKISHO_TOKEN        token with the role viewer; secret
# SEKISHO_ENVIRONMENT  environment to which the manifests go, such as production
# SEKISHO_CHECKOUT     folder of the manifests. Default: manifests in SEKISHO_OUT
# SEKISHO_PATH         what to verify in it, a file or a folder. Default: all of it
# SEKISHO_RENDER       instead of SEKISHO_PATH: a command, run in the folder, that
#                      prints the manifests as they are applied, such as
#                      kustomize build overlays/production
# SEKISHO_OUT          see shared.sh; junit.xml is left there
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
needs SEKISHO_ENVIRONMENT "name an environment of Sekisho, such as production"
needs_server viewer
SEKISHO_CHECKOUT=${SEKISHO_CHECKOUT:-$SEKISHO_OUT/manifests}
[ -d "$SEKISHO_CHECKOUT" ] || fail "$SEKISHO_CHECKOUT does not exist: run set-image.sh first, or name the folder of the manifests in SEKISHO_CHECKOUT"
mkdir -p "$SEKISHO_OUT"

manifests=$SEKISHO_CHECKOUT/${SEKISHO_PATH:-}
if [ -n "${SEKISHO_RENDER:-}" ]; then
    manifests=$SEKISHO_OUT/rendered.yaml
    (cd "$SEKISHO_CHECKOUT" && sh -c "$SEKISHO_RENDER") >"$manifests" || fail "SEKISHO_RENDER failed in $SEKISHO_CHECKOUT: $SEKISHO_RENDER"
fi
sekisho verify "$manifests" --environment "$SEKISHO_ENVIRONMENT" --junit "$SEKISHO_OUT/junit.xml"
