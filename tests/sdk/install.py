"""Put an SDK of a given version where the tests look for it: `python tests/sdk/install.py [python-2.2.0 | node]…`.

openai-python goes to .sdk/openai-<version>, openai-node to tests/sdk/node/node_modules. What is there already is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PYTHON_VERSIONS = ("2.2.0", "2.54.0")  # the first with videos and the last 2.x; 3.x is in the environment itself
NODE = HERE / "node"


def python_sdk(version: str) -> Path:
    """Install openai-python of a version, whole or not at all, and return its folder."""
    target = ROOT / ".sdk" / f"openai-{version}"
    if not target.is_dir():
        partial = target.with_name(target.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--target", str(partial), f"openai=={version}"])
        partial.rename(target)
    return target


def node_sdk() -> Path:
    """Install what tests/sdk/node/package.json pins and return that folder."""
    if not (NODE / "node_modules" / "openai" / "package.json").is_file():
        _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", str(NODE)])
    return NODE


def node_is_missing() -> bool:
    """Say whether tests have to do without Node. CI has it: there they fail for want of it instead of being skipped."""
    return os.environ.get("CI") != "true" and not (shutil.which("node") and shutil.which("npm"))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main(wanted: list[str]) -> None:
    """Install what is named, or everything."""
    for name in wanted or [*(f"python-{version}" for version in PYTHON_VERSIONS), "node"]:
        node_sdk() if name == "node" else python_sdk(name.removeprefix("python-"))


if __name__ == "__main__":
    main(sys.argv[1:])
