#!/bin/sh
# Commits what set-image.sh changed to a branch of its own, and has GitLab open a
# merge request for it. Where nothing changed, nothing is pushed.
#
# SEKISHO_MANIFESTS, SEKISHO_MANIFESTS_BRANCH, SEKISHO_MANIFESTS_USER,
# SEKISHO_MANIFESTS_TOKEN, SEKISHO_CHECKOUT, SEKISHO_OUT   see set-image.sh
# SEKISHO_ENVIRONMENT  environment, for the title
# GITLAB_USER_NAME, GITLAB_USER_EMAIL, CI_PIPELINE_URL   of GitLab: for the commit
# shellcheck source-path=SCRIPTDIR source=shared.sh
. "$(dirname "$0")/shared.sh"
# shellcheck source-path=SCRIPTDIR source=git.sh
. "$(dirname "$0")/git.sh"
needs SEKISHO_ENVIRONMENT "name an environment of Sekisho, such as production"

pushed=$(left pushed push.sh)
image=${pushed%@*} digest=${pushed#*@}
[ -d "$SEKISHO_CHECKOUT/.git" ] || fail "$SEKISHO_CHECKOUT is no clone: run set-image.sh first"
if git_ -C "$SEKISHO_CHECKOUT" diff --quiet; then
    say "$SEKISHO_MANIFESTS_BRANCH has $pushed already: nothing to merge"
    exit
fi

name=${image##*/} short=$(printf '%s' "${digest#*:}" | cut -c1-12)
branch=sekisho/$SEKISHO_ENVIRONMENT-$name-$short
title="Set $name to $short for $SEKISHO_ENVIRONMENT"
git_ -C "$SEKISHO_CHECKOUT" -c "user.name=${GITLAB_USER_NAME:-Sekisho pipeline}" \
    -c "user.email=${GITLAB_USER_EMAIL:-sekisho@localhost}" \
    commit --quiet --all --message "$title" --message "$pushed" \
    --message "Pipeline: ${CI_PIPELINE_URL:-unknown}"
# Forced: a pipeline that is run again makes the same change anew.
git_ -C "$SEKISHO_CHECKOUT" push --quiet --force \
    -o merge_request.create \
    -o "merge_request.target=$SEKISHO_MANIFESTS_BRANCH" \
    -o "merge_request.title=$title" \
    -o merge_request.remove_source_branch \
    origin "HEAD:refs/heads/$branch"
say "pushed $branch, for a merge request into $SEKISHO_MANIFESTS_BRANCH"
