# shellcheck shell=sh
# What all scripts of this folder begin with: . "$(dirname "$0")/shared.sh"
#
# SEKISHO_OUT   folder in which the steps of a pipeline leave what the next ones
#               need; keep it as an artifact. Default: sekisho-out.
#               image/        the built image, as an OCI layout
#               image-id      its image ID, the digest of its configuration
#               report.json   what the scanner found in it
#               scanner.json  which database the scanner used
#               pushed        where it was pushed: HOST/NAME@DIGEST
set -eu

SEKISHO_OUT=${SEKISHO_OUT:-sekisho-out}

say() { printf 'sekisho: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# needs VARIABLE WHAT-TO-DO: stops unless the variable is set and not empty.
needs() {
    eval "given=\${$1:-}"
    [ -n "$given" ] || fail "$1 is not set: $2"
}

# left FILE STEP: what an earlier step left in SEKISHO_OUT, as one line.
left() {
    [ -s "$SEKISHO_OUT/$1" ] || fail "$SEKISHO_OUT/$1 is missing: run $2 first, and keep $SEKISHO_OUT as an artifact"
    cat "$SEKISHO_OUT/$1"
}

# program NAME: stops unless it is installed.
program() {
    command -v "$1" >/dev/null || fail "$1 is not installed in this image: see the Dockerfile beside the templates"
}

needs_server() {
    needs SEKISHO_SERVER "give the address of Sekisho's admin API, such as https://sekisho.example"
    needs SEKISHO_TOKEN "an admin of Sekisho makes one: sekisho token create --name ci-team --role $1 --repository 'HOST/TEAM/**'"
    program sekisho
}
