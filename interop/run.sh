#!/usr/bin/env bash
# Runs independent FIT-Connect clients of both API versions against a sandbox of its own.
#
#   interop/run.sh [PROGRAM]      PROGRAM: a built amtsbote; without it, one is built
#
# Prints one PASS or FAIL line for each scenario and ends with 1 if one failed. What the clients need is installed below
# interop/target (Python packages, Java libraries); a JDK and Maven come from the system's packages if they are missing.
set -euo pipefail
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache="$here/target"
work=$(mktemp -d)
sandboxes=()

finish() {
  for pid in "${sandboxes[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

say() { printf '%s\n' "$*" >&2; }

program() {
  if [ $# -gt 0 ]; then
    printf '%s\n' "$1"
    return
  fi
  (cd "$root" && cargo build -q -p amtsbote-cli)
  printf '%s\n' "${CARGO_TARGET_DIR:-$root/target}/debug/amtsbote"
}

# Debian packages of what the clients run on, as root or with sudo that asks nothing.
install_packages() {
  local missing=() root=()
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
  command -v javac >/dev/null || missing+=(openjdk-17-jdk-headless)
  command -v mvn >/dev/null || missing+=(maven)
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing ${missing[*]} …"
  [ "$(id -u)" -eq 0 ] || root=(sudo -n)
  "${root[@]}" apt-get update -qq >&2
  "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

install_python() {
  local wanted="$here/python/requirements.txt"
  if ! cmp -s "$wanted" "$cache/python/requirements.txt"; then
    say "installing Python clients …"
    python3 -m venv "$cache/python"
    "$cache/python/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$cache/python/requirements.txt"
  fi
}

install_java() {
  if ! cmp -s "$here/java/pom.xml" "$cache/java/pom.xml"; then
    say "fetching Java libraries …"
    mkdir -p "$cache/java"
    mvn -q -B -f "$here/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/java/lib" >&2
    cp "$here/java/pom.xml" "$cache/java/pom.xml"
  fi
  javac --release 17 -d "$work/classes" -cp "$cache/java/lib/*" "$here"/java/src/main/java/interop/*.java
}

# Starts a sandbox in $work/NAME and waits for its facts. Callbacks go to receivers with certificates of $work/ca.
start() {
  local name=$1 waited=0
  shift
  SSL_CERT_FILE="$work/ca/ca.pem" "$amtsbote" sandbox --dir "$work/$name" "$@" >"$work/$name.out" 2>"$work/$name.err" &
  sandboxes+=($!)
  until [ -s "$work/$name/sandbox.json" ]; do
    if ! kill -0 "${sandboxes[-1]}" 2>/dev/null || [ "$((waited += 1))" -gt 600 ]; then
      say "the sandbox did not start:"
      cat "$work/$name.err" >&2
      exit 1
    fi
    sleep 0.1
  done
}

failed=0
# Scenarios print their lines on stdout; what went wrong in detail is shown only if something did.
try() {
  if ! "$@" 2>"$work/detail"; then
    failed=1
    cat "$work/detail" >&2
  fi
}

python() { "$cache/python/bin/python" "$here/python/$1.py" "${@:2}"; }
java_clients() {
  local sandbox=$1
  shift
  java ${authority:+-Dauthority="$authority"} -cp "$work/classes:$cache/java/lib/*" interop.Scenarios \
    "$sandbox" "$root/schemas/hundesteuer/examples/familie.json" "$@"
}

mkdir -p "$cache"
install_packages
amtsbote=$(program "$@")
install_python
install_java
python callbacks --make-ca "$work/ca"

start plain
for client in fitconnect_scenarios fitconnect_client_scenarios v2_client; do
  try python "$client" "$work/plain/sandbox.json"
done
try python callbacks "$work/ca" "$work/plain/sandbox.json"
try java_clients "$work/plain/sandbox.json" v1 v2

start tls --tls
try python v2_client "$work/tls/sandbox.json"
# Over TLS this client speaks HTTP/2.
try java_clients "$work/tls/sandbox.json" v2

# Destinations' keys with chains to a root that the operator names.
java -cp "$work/classes:$cache/java/lib/*" interop.Authority "$work/authority"
start trusting --trust-keys "$work/authority/root.pem"
authority="$work/authority" try java_clients "$work/trusting/sandbox.json" v1 v2
exit "$failed"
