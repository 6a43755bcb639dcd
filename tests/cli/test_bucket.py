"""A bucket that cannot be used: `serve` refuses and says what to do, the doctor finds the same."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.bucket import SECRET, Bucket, Fault
from tests.cli.processes import refused, served

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run


def test_a_url_of_no_bucket_is_refused_with_the_forms_there_are(tmp_path: Path) -> None:
    said = refused(tmp_path, REELGATE_MEDIA_URL="ftp://media/x")
    assert "REELGATE_MEDIA_URL: expected s3://bucket/prefix, gs://bucket/prefix or az://container/prefix" in said


def test_credentials_in_the_url_are_refused_and_not_printed(tmp_path: Path) -> None:
    said = refused(tmp_path, REELGATE_MEDIA_URL=f"s3://AKID:{SECRET}@bucket/prefix")
    assert "credentials and options belong into AWS_…" in said
    assert "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in said
    assert SECRET not in said


def test_an_account_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    assert "Set AZURE_STORAGE_ACCOUNT_NAME" in refused(tmp_path, REELGATE_MEDIA_URL="az://container/prefix")


def test_a_bucket_that_does_not_exist_is_refused(tmp_path: Path, bucket: Bucket) -> None:
    said = refused(tmp_path, REELGATE_MEDIA_URL="s3://no-such-bucket", **bucket.environment)
    assert "The bucket of REELGATE_MEDIA_URL cannot be used" in said
    assert "It must exist" in said


def test_credentials_that_are_not_allowed_in_are_refused(tmp_path: Path, bucket: Bucket) -> None:
    bucket.fault = Fault.DENIES
    said = refused(tmp_path, REELGATE_MEDIA_URL=bucket.url, **bucket.environment)
    assert "cannot be used: it answered 403 AccessDenied" in said
    assert "must allow to list, read, write and delete there" in said
    assert SECRET not in said


def test_clients_cannot_be_sent_to_a_bucket_that_is_none(tmp_path: Path) -> None:
    said = refused(tmp_path, REELGATE_MEDIA_REDIRECT="on")
    assert "REELGATE_MEDIA_REDIRECT sends clients to a bucket, and there is none: set REELGATE_MEDIA_URL" in said


def test_the_doctor_tries_the_bucket(run: Run, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_MEDIA_URL", bucket.url)
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert f"media      {bucket.url}: an object was written, read and deleted" in result.output
    assert bucket.stored() == []
    bucket.fault = Fault.DENIES
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAIL media      The bucket of REELGATE_MEDIA_URL cannot be used: it answered 403" in result.output
    assert SECRET not in result.output


def test_the_doctor_tries_the_folder_once_there_is_one(run: Run, tmp_path: Path) -> None:
    assert "media, made by the first start" in run("doctor").output
    (tmp_path / "data/media").mkdir(parents=True)
    assert "media: an object was written, read and deleted" in run("doctor").output
    shutil.rmtree(tmp_path / "data/media")
    (tmp_path / "data/media").touch()
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAIL media" in result.output


def test_the_variables_of_the_clouds_may_stand_in_the_env_file(tmp_path: Path, bucket: Bucket) -> None:
    lines = {"REELGATE_MEDIA_URL": bucket.url, **bucket.environment}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    bucket.requests = 0
    with served(tmp_path):
        assert bucket.requests > 0
