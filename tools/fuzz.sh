#!/bin/bash
# Runs every fuzz target for a while (FUZZTIME, 10s each unless set), one after
# the other: go test -fuzz takes one target at a time. It goes on after a
# failure, and names the failed ones at the end. Go calls a target hung after ten
# seconds of the wall clock: also when the whole process was stopped for so long.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-10s}

targets=$(grep -rnoE --include='*_test.go' --exclude-dir=testdata --exclude-dir=tools '^func Fuzz[A-Za-z0-9_]*' . |
	sed -E 's|^(.*)/[^/]*:[0-9]+:func (.*)$|\1 \2|' | sort)
if [[ -z $targets ]]; then
	echo "fuzz: found no fuzz target" >&2
	exit 1
fi

failed=()
while read -r dir name; do
	echo "fuzz: $dir $name"
	"${GO:-go}" test -run='^$' -fuzz="^$name\$" -fuzztime="$fuzztime" "$dir" </dev/null || failed+=("$dir $name")
done <<<"$targets"

if [[ ${#failed[@]} -ne 0 ]]; then
	printf 'fuzz: failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
echo "fuzz: $(wc -l <<<"$targets") targets, $fuzztime each, nothing found"
