#!/usr/bin/env bash
# Runs the tutorial: every fenced `sh` block of README.md, in order, in one shell and an empty folder.
#
#   docs/tutorial/run.sh PROGRAM
#
# A `text` block after it holds lines that have to appear in what the block said, in that order; `…` stands for anything.
# Ends with the first command that fails, or with the first line that did not appear.
set -euo pipefail

program="$(realpath "${1:?usage: docs/tutorial/run.sh PROGRAM}")"
page="$(realpath "$(dirname "${BASH_SOURCE[0]}")/README.md")"
scratch="$(mktemp -d)"
finish() {
  local code=$?
  jobs -p | xargs -r kill 2>/dev/null || true
  [ "$code" -eq 0 ] || tail -n 20 "$scratch"/place/*.log "$scratch/said" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$scratch"
  exit "$code"
}
trap finish EXIT
trap 'exit 143' TERM

mkdir "$scratch/bin" "$scratch/place" "$scratch/blocks"
ln -s "$program" "$scratch/bin/amtsbote"
export PATH="$scratch/bin:$PATH" AMTSBOTE
AMTSBOTE="$(realpath "$(dirname "$page")/../..")"
unset AMTSBOTE_SANDBOX AMTSBOTE_SETTINGS AMTSBOTE_PACKAGES_DIR AMTSBOTE_SCHEMAS AMTSBOTE_URL

# One file per block: 01.sh, 01.text (what has to be said, if given), 02.sh …
awk -v into="$scratch/blocks/" '
  /^```/ { kind = substr($0, 4)
           if (open) { open = ""; next }
           open = kind == "" ? "none" : kind
           if (open == "sh") number++
           file = sprintf("%s%02d.%s", into, number, open); next }
  open == "sh" || open == "text" { print > file }
' "$page"

# expected NN: each line of NN.text appears in what was said, in order.
expected() {
  local wanted said=1 found
  while IFS= read -r wanted; do
    # No pipe: whoever writes into one that is closed early ends this script.
    found="$(awk -v wanted="$wanted" -v from="$said" '
      function fits(line, parts, count, at, i) {
        count = split(wanted, parts, "…"); at = 1
        if (count == 1) return index(line, wanted) > 0
        for (i = 1; i <= count; i++) {
          if (parts[i] == "") continue
          if (!index(substr(line, at), parts[i])) return 0
          at += index(substr(line, at), parts[i]) + length(parts[i]) - 1
        }
        return 1
      }
      NR >= from && fits($0) { print NR - from + 1; exit }' "$scratch/said")"
    if [ -z "$found" ]; then
      printf 'tutorial: block %s did not say: %s\n' "$1" "$wanted"
      return 1
    fi
    said=$((said + found))
  done <"$scratch/blocks/$1.text"
}

cd "$scratch/place"
count=0
for block in "$scratch"/blocks/*.sh; do
  number="$(basename "$block" .sh)"
  printf -- '-- block %s\n' "$number"
  # In this shell, so that variables, folders and background programs stay.
  # shellcheck disable=SC1090
  source "$block" >"$scratch/said" 2>&1
  cat "$scratch/said"
  if [ -e "$scratch/blocks/$number.text" ]; then expected "$number"; fi
  count=$((count + 1))
done
[ "$count" -gt 0 ]
printf 'tutorial: %d blocks ran as written\n' "$count"
