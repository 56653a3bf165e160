#!/usr/bin/env bash
# Runs independent XTA 2 clients against the XTA server of an agent: xta-tool (from PyPI), a client that Apache CXF generates from the
# WSDL the server serves, with its policies and with both directions checked against its schemas, and one that zeep (from PyPI) makes of it.
#
#   interop/xta.sh [PROGRAM]      PROGRAM: a built amtsbote; without it, one is built
#
# Prints one PASS or FAIL line for each scenario and ends with 1 if one failed. What the clients need is installed below
# interop/target; it is run as it is published and is no part of this project. A JDK and Maven come from the system's packages if
# they are missing.
set -euo pipefail
export NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache="$here/target/xta"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }

program() {
  if [ $# -gt 0 ]; then
    realpath "$1"
    return
  fi
  (cd "$root" && cargo build -q -p amtsbote-cli)
  printf '%s\n' "${CARGO_TARGET_DIR:-$root/target}/debug/amtsbote"
}

# Debian packages, as root or with sudo that asks nothing.
install_packages() {
  local missing=() root=()
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
  command -v openssl >/dev/null || missing+=(openssl)
  command -v javac >/dev/null || missing+=(openjdk-17-jdk-headless)
  command -v mvn >/dev/null || missing+=(maven)
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing ${missing[*]} …"
  [ "$(id -u)" -eq 0 ] || root=(sudo -n)
  "${root[@]}" apt-get update -qq >&2
  "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# The client asks for Python 3.12; it runs on Debian 12's 3.11 as well.
install_client() {
  local wanted="$here/python/xta-requirements.txt"
  if ! cmp -s "$wanted" "$cache/requirements.txt"; then
    say "installing the XTA client …"
    mkdir -p "$(dirname "$cache")"
    python3 -m venv "$cache"
    "$cache/bin/pip" install --quiet --disable-pip-version-check --ignore-requires-python -r "$wanted"
    cp "$wanted" "$cache/requirements.txt"
  fi
}

install_stack() {
  if ! cmp -s "$here/xta-java/pom.xml" "$cache/java/pom.xml"; then
    say "fetching Java libraries …"
    mkdir -p "$cache/java"
    mvn -q -B -f "$here/xta-java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/java/lib" >&2
    cp "$here/xta-java/pom.xml" "$cache/java/pom.xml"
  fi
}

install_packages
amtsbote=$(program "$@")
install_client
install_stack
"$cache/bin/python" "$here/python/xta_scenarios.py" "$amtsbote" "$cache/bin/xta" "$work" "$cache/java/lib"
