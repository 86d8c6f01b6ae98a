# shellcheck shell=sh
# The manifest repository, for set-image.sh and merge-request.sh, which document
# the variables.
needs SEKISHO_MANIFESTS "give the https address of the repository that Argo CD follows"
case $SEKISHO_MANIFESTS in
*://*@*) fail "SEKISHO_MANIFESTS holds a user or a token: put the token into SEKISHO_MANIFESTS_TOKEN, a masked variable" ;;
esac
SEKISHO_MANIFESTS_BRANCH=${SEKISHO_MANIFESTS_BRANCH:-main}
SEKISHO_CHECKOUT=${SEKISHO_CHECKOUT:-$SEKISHO_OUT/manifests}
program git

# git, which asks nobody, and has the token from the environment: the helper is
# handed the variable's name, not its content.
git_() {
    if [ -n "${SEKISHO_MANIFESTS_TOKEN:-}" ]; then
        # shellcheck disable=SC2016
        set -- -c credential.helper= -c 'credential.helper=!f() {
            [ "$1" != get ] || printf "username=%s\npassword=%s\n" "${SEKISHO_MANIFESTS_USER:-oauth2}" "$SEKISHO_MANIFESTS_TOKEN"
        }; f' "$@"
    fi
    GIT_TERMINAL_PROMPT=0 git "$@"
}

# set_digest FILE IMAGE DIGEST: sets the digest on the marked lines; prints how many
# there are.
set_digest() {
    awk -v image="$2" -v digest="$3" -v copy="$1.sekisho" '
        {
            mark = "# sekisho: " image
            at = index($0, mark)
            if (at && substr($0, at + length(mark)) ~ /^[ \t\r]*$/ &&
                match($0, /^[ \t]*(-[ \t]+)?(image|digest):[ \t]+/)) {
                key = substr($0, 1, RLENGTH)
                $0 = key (key ~ /image:/ ? image "@" digest : digest) "   " substr($0, at)
                set++
            }
            print >copy
        }
        END { print set + 0 }
    ' "$1"
    # Not moved: the file keeps its mode.
    cat "$1.sekisho" >"$1"
    rm -f "$1.sekisho"
}
