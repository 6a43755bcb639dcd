"""The account and the database that docs/scaling.md has one make are all that a gateway needs of a Postgres."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.postgres import binaries, cluster, needs_postgres
from tests.serving import coverage_environment, serve, settings_for

PAGE = (Path(__file__).parent.parent.parent / "docs" / "scaling.md").read_text()
NAME = "gateway"  # the page's name is that of the account which the tests' server belongs to


@needs_postgres
def test_a_gateway_serves_with_them_and_doctor_finds_them_fit_before(tmp_path: Path) -> None:
    commands = [line.split() for line in re.findall(r"^sudo -u postgres (.+)$", PAGE, re.MULTILINE)]
    assert [command[0] for command in commands] == ["createuser", "createdb"]
    with cluster() as server:
        server_of = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "reelgate", "PGDATABASE": "postgres"}
        for program, *options in commands:
            asked = [each.replace("reelgate", NAME) for each in options if each != "--pwprompt"]  # needs a terminal
            subprocess.run([f"{binaries()}/{program}", *asked], env={**os.environ, **server_of}, check=True)
        url = f"postgresql+asyncpg://{NAME}@127.0.0.1:{server.port}/{NAME}"
        doctor = subprocess.run(
            [sys.executable, "-P", "-m", "app", "doctor"],
            env={"PATH": os.environ["PATH"], **coverage_environment(), "REELGATE_DATABASE_URL": url},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert re.search(
            r"^ok   database   PostgreSQL .+, its tables made by the first start$", doctor.stdout, re.MULTILINE
        )
        with serve(settings_for(tmp_path / "data", database_url=url)) as gateway:
            assert gateway.finished()["status"] == "completed"
