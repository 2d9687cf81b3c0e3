#!/bin/sh
# Runs every step, names those that failed, and ends with 1 if there is one.
set -u
cd "$(dirname "$0")" || exit 2
watchfire="${WATCHFIRE:-watchfire}"
format=text
if [ "${GITHUB_ACTIONS:-}" = true ]; then
  format=github
fi
failed=

step() {
  name=$1
  shift
  echo "== $name"
  if "$@"; then
    echo "== $name: passed"
  else
    echo "== $name: FAILED (exit code $?)"
    failed="$failed $name"
  fi
}

# Comments and blank lines of the list are left out.
required=$(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' required | paste -sd, -)

step check "$watchfire" check rules --fail-on warning --format "$format"
step exceptions "$watchfire" exceptions check exceptions --rules rules
step test "$watchfire" test rules --strict --exceptions exceptions
step coverage "$watchfire" coverage --rules rules --data sample --require "$required"

if [ -n "$failed" ]; then
  echo "failed:$failed"
  exit 1
fi
echo "all steps passed"
