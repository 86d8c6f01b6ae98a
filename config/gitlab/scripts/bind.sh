#!/bin/sh
# Says that what was scanned under its image ID was pushed as this digest: from
# now on the scan counts for pulls. Same token as gate.sh.
#
# SEKISHO_SERVER  address of Sekisho's admin API
# SEKISHO_TOKEN   the token of gate.sh, role scanner; secret
# SEKISHO_OUT     see shared.sh
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
needs_server scanner

id=$(left image-id build.sh)
pushed=$(left pushed push.sh)
sekisho scan bind --image "$pushed" --image-id "$id"
