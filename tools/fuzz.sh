#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each: fuzz.sh 10s
#
# At the end of its time the fuzzer sometimes fails with "context deadline
# exceeded" and no finding; that alone is no failure.
set -euo pipefail
time=$1 count=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for pkg in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
  dir=$(go list -f '{{.Dir}}' "$pkg")
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | cut -c6-); do
    count=$((count + 1))
    if go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 5x "$pkg" >"$log" 2>&1; then
      # Where the time went by with the corpus alone, that is said.
      echo "ok    $pkg $target: $(grep -oE 'execs: [0-9]+|baseline coverage: [0-9]+/[0-9]+' "$log" | tail -1)"
    elif grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then
      echo "ok    $pkg $target: ended late"
    else
      cat "$log"
      echo "FAIL  $pkg $target"
      exit 1
    fi
  done
done
echo "$count fuzz targets passed"
test "$count" -ge 30
