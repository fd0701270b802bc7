#!/bin/bash
# Everything that reads the code without running it. The tools are a module of
# their own (tools/go.mod), so that their versions are fixed and the phone's
# go.mod stays short; Go builds and caches them.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
tool() { "$go" tool -modfile=tools/go.mod "$@"; }

failed=()

# gofumpt, go vet, staticcheck and the few others of .golangci.yml: one
# program, because they then load and type-check the code once.
tool golangci-lint run --allow-parallel-runners ./... || failed+=(golangci-lint)

# Code that a newer Go says more simply. It exits non-zero when it has a change.
"$go" fix -diff ./... || failed+=("go fix")

# deadcode exits 0 whatever it finds.
dead=$(tool deadcode -test ./...) || failed+=(deadcode)
if [[ -n $dead ]]; then
	echo "$dead"
	failed+=(deadcode)
fi

for f in .ci/run tools/*.sh; do
	bash -n "$f" || failed+=("$f")
done

if [[ ${#failed[@]} -ne 0 ]]; then
	echo "lint: found something: ${failed[*]}" >&2
	exit 1
fi
echo "lint: nothing found"
