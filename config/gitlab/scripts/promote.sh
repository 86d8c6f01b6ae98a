#!/bin/sh
# Promotes the pushed digest: judged first; if denied, ends with 3 and records
# nothing.
#
# SEKISHO_SERVER       address of Sekisho's admin API
# SEKISHO_TOKEN        token with the role promoter for this environment; secret
# SEKISHO_ENVIRONMENT  environment, such as production
# CI_PIPELINE_URL      of GitLab: stays on record as the reason. Optional
# SEKISHO_OUT          see shared.sh
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
needs SEKISHO_ENVIRONMENT "name an environment of Sekisho, such as production"
needs_server promoter

pushed=$(left pushed push.sh)
set -- "$pushed" --to "$SEKISHO_ENVIRONMENT"
[ -z "${CI_PIPELINE_URL:-}" ] || set -- "$@" --link "$CI_PIPELINE_URL"
sekisho promote "$@"
