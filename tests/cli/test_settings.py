"""Settings that cannot be: the start is refused in words that name the setting, and never repeat a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.config import CommandSettings

if TYPE_CHECKING:
    from tests.cli.conftest import Run

URLS = ("PUBLIC_URL", "FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL", "AIMLAPI_URL", "XAI_URL")
SECRETS = {"admin_key", "metrics_key", "fal_key", "aimlapi_key", "xai_api_key", "api_key", "database_url"}
PLANTED = "hush-hush"


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    "value", ["foo", "videos.example.org", "//videos.example.org", "ftp://videos.example.org", "https://"]
)
def test_a_url_without_http_or_a_host_is_refused_by_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"REELGATE_{name}", value)
    result = run("keys", "list")
    assert result.exit_code == 1
    assert f"REELGATE_{name}: " in result.stderr
    assert f"expected a URL such as https://video.example.com:8443 (got {value!r})" in " ".join(result.stderr.split())


@pytest.mark.parametrize("value", ["foo", "s3://bucket", "https://db.example.org/reelgate"])
def test_a_database_url_of_nothing_that_serves_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("REELGATE_DATABASE_URL", value)
    result = run("keys", "list")
    assert result.exit_code == 1
    assert "REELGATE_DATABASE_URL: " in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REELGATE_ADMIN_KEY", PLANTED),
        ("REELGATE_METRICS_KEY", PLANTED),
        *((f"REELGATE_{name}_KEY", f"{PLANTED}\udcff" * 4) for name in ("ADMIN", "METRICS")),
        ("REELGATE_DATABASE_URL", f"postgresql://reelgate:{PLANTED}@127.0.0.1/reelgate"),
        ("REELGATE_DATABASE_URL", f"postgresql+asyncpg://reelgate:{PLANTED}@127.0.0.1:port/reelgate"),
        ("REELGATE_DATABASE_URL", f"reelgate:{PLANTED}@127.0.0.1"),
        ("REELGATE_PUBLIC_URL", f"ftp://user:{PLANTED}@videos.example.org"),
        ("REELGATE_FAL_QUEUE_URL", f"https://user:{PLANTED}@videos.example.org:x"),
    ],
)
def test_a_secret_that_cannot_be_is_named_and_never_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    result = run("keys", "list")
    assert result.exit_code == 1
    assert name in result.output
    assert PLANTED not in result.output


def test_what_is_secret_is_not_in_the_settings_own_words() -> None:
    hidden = {name for name, field in CommandSettings.model_fields.items() if not field.repr}
    assert hidden == SECRETS
