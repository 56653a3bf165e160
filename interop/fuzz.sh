#!/usr/bin/env bash
# Fuzzes a sandbox by the published API documents: no server error, no status, media type or body that they do not name.
#
#   interop/fuzz.sh [PROGRAM]     PROGRAM: a built amtsbote; without it, one is built
#
# Settings (environment):
#   AMTSBOTE_SHARED  folder with reference/fit-connect/submission-api-1.1.3.yaml and routing-api-2.0.0.yaml; default: ../shared
#                    beside the checkout. Missing: nothing is checked, which is said, and is a failure with CI=true
#   FUZZ_SEED        the same seed makes the same cases; default 1
#   FUZZ_CASES       generated cases for each operation and kind of client, besides the fixed ones; default 15
#
# Prints one PASS or FAIL line for each run and ends with 1 if one failed. What it needs is installed below interop/target.
set -euo pipefail
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
documents="${AMTSBOTE_SHARED:-$root/../shared}/reference/fit-connect"
venv="$here/target/fuzz"
work=$(mktemp -d)
sandbox=

finish() {
  [ -z "$sandbox" ] || kill "$sandbox" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

say() { printf '%s\n' "$*" >&2; }

if [ ! -f "$documents/submission-api-1.1.3.yaml" ]; then
  say "NOT CHECKED: $documents has no submission-api-1.1.3.yaml; set AMTSBOTE_SHARED"
  [ "${CI:-}" != true ] || exit 1
  exit 0
fi

if ! python3 -c 'import ensurepip' 2>/dev/null; then
  say "installing python3 python3-venv …"
  as=()
  [ "$(id -u)" -eq 0 ] || as=(sudo -n)
  "${as[@]}" apt-get update -qq >&2
  "${as[@]}" apt-get install -y -qq --no-install-recommends python3 python3-venv >&2
fi
wanted="$here/python/fuzz-requirements.txt"
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
  say "installing the fuzzer …"
  mkdir -p "$here/target"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$venv/requirements.txt"
fi

if [ $# -gt 0 ]; then
  amtsbote=$1
else
  (cd "$root" && cargo build -q -p amtsbote-cli)
  amtsbote="${CARGO_TARGET_DIR:-$root/target}/debug/amtsbote"
fi

"$amtsbote" sandbox --dir "$work/sandbox" >"$work/out" 2>"$work/err" &
sandbox=$!
waited=0
until [ -s "$work/sandbox/sandbox.json" ]; do
  if ! kill -0 "$sandbox" 2>/dev/null || [ "$((waited += 1))" -gt 600 ]; then
    say "the sandbox did not start:"
    cat "$work/err" >&2
    exit 1
  fi
  sleep 0.1
done

failed=0
(cd "$work" && "$venv/bin/python" "$here/python/fuzz.py" "$work/sandbox/sandbox.json" "$documents" "${FUZZ_SEED:-1}" "${FUZZ_CASES:-15}") || failed=1
if ! kill -0 "$sandbox" 2>/dev/null; then
  say "the sandbox is gone:"
  tail -n 50 "$work/err" >&2
  failed=1
fi
exit "$failed"
