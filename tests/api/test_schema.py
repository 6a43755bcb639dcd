"""The running gateway against its own OpenAPI document, with schemathesis: examples, coverage, fuzzing, stateful."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.api.tenants import STREAM
from tests.serving import environment_without

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving import Running

KEY = "an-admin-key-for-this-test-only"
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
def test_the_gateway_does_what_its_openapi_document_says(start_gateway: Callable[..., Running]) -> None:
    """Longer: SCHEMATHESIS_SECONDS=600 SCHEMATHESIS_EXAMPLES=1000 pytest tests/api/test_schema.py."""
    # Every job is overdue at once: it is accepted, listed and deleted, but nothing is drawn.
    gateway = start_gateway(admin_key=KEY, job_timeout_seconds=1e-6)
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={Path(__file__).with_name('schemathesis.toml')}",
            "run",
            f"{gateway.url}/openapi.json",
            f"--header=Authorization: Bearer {KEY}",
            f"--exclude-path={STREAM}",
            f"--max-time={os.environ.get('SCHEMATHESIS_SECONDS', '15')}",
            f"--max-examples={os.environ.get('SCHEMATHESIS_EXAMPLES', '8')}",
            "--seed=1",
            "--no-shrink",
            "--continue-on-failure",
            "--warnings=off",
        ],
        env={**environment_without(), "SCHEMATHESIS_HOOKS": "tests.api.schema_hooks", "PYTHONPATH": str(ROOT)},
        cwd=gateway.data_dir,
        capture_output=True,
        text=True,
        check=False,
    )
    print(run.stdout)  # noqa: T201 - the report, shown with -s or when it fails
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]


def test_the_document_describes_our_own_errors_keys_and_headers(gateway: Running) -> None:
    first, document = (gateway.http.get("/openapi.json").json() for _ in range(2))
    assert document == first
    assert "HTTPValidationError" not in json.dumps(document)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == path.startswith("/v1/")
            for answer in operation["responses"].values():
                assert "x-request-id" in answer["headers"]
