"""Runs scenarios one after another and prints one PASS or FAIL line for each."""

import json
import sys
import time
import traceback
from pathlib import Path


class Sandbox:
    """What `amtsbote sandbox` wrote about itself."""

    def __init__(self, path):
        self.facts = json.loads(Path(path).read_text(encoding="utf-8"))

    def __getitem__(self, name):
        return self.facts[name]

    def key(self, name):
        """A JWK of the destination: `decryption`, `signing`, `encryptionPublic` or `signaturePublic`."""
        return json.loads(Path(self["keys"][name]).read_text(encoding="utf-8"))


def example(name="familie"):
    """Data that is valid against the schema of the sandbox's service."""
    root = Path(__file__).resolve().parents[2]
    text = (root / "schemas" / "hundesteuer" / "examples" / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text)


def expect(actual, expected, what):
    """Fails the scenario unless both are equal."""
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def run(client, scenarios, sandbox_file):
    """Runs them all; answers the process's exit code."""
    sandbox = Sandbox(sandbox_file)
    failed = 0
    if sandbox["caFile"]:
        client += " over TLS"
    for scenario in scenarios:
        name = f"{client}: {scenario.__name__.replace('_', ' ')}"
        started = time.monotonic()
        try:
            scenario(sandbox)
        except Exception as fault:  # whatever a foreign client raises is a failed scenario
            failed += 1
            print(f"FAIL {name}: {type(fault).__name__}: {fault}", flush=True)
            traceback.print_exc(file=sys.stderr)
        else:
            print(f"PASS {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return 1 if failed else 0
