#!/bin/bash
# Everything that reads the code without running it. The tools are a module of
# their own (tools/go.mod), so that their versions are fixed and the phone's
# go.mod stays short; Go builds and caches them.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
tool() { "$go" tool -modfile=tools/go.mod "$@"; }

# gofumpt, go vet, staticcheck and the few others of .golangci.yml: one
# program, because they then load and type-check the code once.
tool golangci-lint run --allow-parallel-runners ./...

# Code that a newer Go says more simply. It exits non-zero when it has a change.
"$go" fix -diff ./...

# deadcode exits 0 whatever it finds.
dead=$(tool deadcode -test ./...)
if [[ -n $dead ]]; then
	echo "$dead" >&2
	exit 1
fi

for f in .ci/run tools/*.sh; do
	bash -n "$f"
done
echo "lint: nothing found"
