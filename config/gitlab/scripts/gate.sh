#!/bin/sh
# Hands in the report, and asks for the verdict as if the image were promoted:
# ends with 3, after saying what blocks, if it would be denied. Nothing is pushed
# yet, so a denied image never reaches a registry.
#
# SEKISHO_SERVER       address of Sekisho's admin API
# SEKISHO_TOKEN        token with the role scanner for the repository; secret
# SEKISHO_IMAGE        where the image will be pushed, HOST/NAME without tag
# SEKISHO_ENVIRONMENT  environment that it is meant for, such as production
# SEKISHO_OUT          see shared.sh
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
needs SEKISHO_IMAGE "say where the image will be pushed, such as registry.example/team/app"
needs SEKISHO_ENVIRONMENT "name an environment of Sekisho, such as production"
needs_server scanner

id=$(left image-id build.sh)
left report.json scan.sh >/dev/null
left scanner.json scan.sh >/dev/null
sekisho scan submit --image-id "$id" --image "$SEKISHO_IMAGE" \
    --report "$SEKISHO_OUT/report.json" --scanner-info "$SEKISHO_OUT/scanner.json" \
    --gate "$SEKISHO_ENVIRONMENT"
