#!/usr/bin/env bash
# The check before sending as WebAssembly: builds interop/preflight-wasm for wasm32-unknown-unknown and has Node judge every example of
# every service with it. Takes minutes the first time, so it is not part of .ci/run.
#
#   interop/preflight.sh [FOLDER FOR THE BUILD]
#
# Needs node (18 or newer) and rustup; installs the target for the toolchain of rust-toolchain.toml if it is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/preflight-wasm"
export CARGO_TARGET_DIR="${1:-$PWD/../../target/preflight-wasm}"
command -v node >/dev/null || { echo "node is not installed (Debian: nodejs)" >&2; exit 1; }
rustup target list --installed | grep -qx wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown
cargo build --release --locked
module="$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/amtsbote_preflight_wasm.wasm"
node preflight.mjs "$module" ../../schemas
ls -l "$module"
