"""How a bucket is reached by its URL, how long it may take, and what it says when it fails.

obstore finds the credentials itself, in the clouds' own variables: AWS_*, GOOGLE_*, AZURE_*.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from app.media.errors import StoreFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ClientConfig, ObjectStore, RetryConfig

ANSWER_SECONDS = 30.0  # until a request that moves no content is given up, with its repetitions

_STORES: dict[str, type[S3Store | GCSStore | AzureStore]] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
_ENDPOINTS = (
    *("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    *("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "GOOGLE_BASE_URL"),
)
# obstore's own limit of 30 s is for the whole answer: it would cut a long download. What counts is that bytes move;
# a part of 5 MiB has to be up within the same time (docs/decisions/patience-with-a-bucket.md).
CLIENT: ClientConfig = {"connect_timeout": "5s", "read_timeout": "60s", "timeout": "24h"}
RETRIES: RetryConfig = {
    "max_retries": 4,
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
    "retry_timeout": timedelta(seconds=60),
}
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION (and AWS_ENDPOINT_URL, where it is not Amazon's)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or GOOGLE_SERVICE_ACCOUNT_KEY)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY",
}
_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_DISK = re.compile(r"\(os error ([0-9]{1,3})\)")
_NO_CREDENTIALS = re.compile(r"169\.254\.|metadata|Account must be specified|credential", re.IGNORECASE)


def open_bucket(url: str) -> ObjectStore:
    """Open `s3://bucket/prefix`, gs:// or az:// without asking it anything. Raises ValueError, saying what is wrong."""
    parts = urlsplit(url)
    if parts.scheme not in _STORES:
        raise ValueError("expected s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")
    if "@" in url or parts.query or parts.fragment:
        raise ValueError("credentials and options belong into AWS_…, GOOGLE_… or AZURE_… variables, not into the URL")
    if not parts.netloc or not re.fullmatch(r"(/[a-zA-Z0-9_.-]*[a-zA-Z0-9_-])*/?", parts.path):
        raise ValueError("expected the name of a bucket, then names of letters, digits, '_', '.' and '-' between '/'")
    for name in _ENDPOINTS:
        _check_endpoint(name, os.environ.get(name, ""))
    plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    client: ClientConfig = {**CLIENT, "allow_http": True} if plain else CLIENT
    try:
        return _STORES[parts.scheme].from_url(url, client_options=client, retry_config=RETRIES)
    except BaseError as error:
        raise ValueError(told(error)) from None


def _check_endpoint(name: str, url: str) -> None:
    """Raise ValueError for a port that cannot be, of which obstore panics."""
    try:
        urlsplit(url).port  # noqa: B018 - it is read for what it raises
    except ValueError:
        raise ValueError(f"{name} is no URL such as https://storage.example.com:9000") from None


def credentials(url: str) -> str:
    """Name the variables that a bucket of this URL usually needs; nothing for a URL that is none."""
    return _CREDENTIALS.get(urlsplit(url).scheme, "")


@contextmanager
def faults() -> Iterator[None]:
    """Raise StoreFault for whatever the place itself cannot do. A missing object is the caller's to understand."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise StoreFault(told(error)) from None  # its text can hold signed addresses, and so would a traceback


def told(error: Exception) -> str:
    """Say what a store complains of, in words that are known to hold no secret."""
    text = str(error)
    if found := _STATUS.search(text):
        code = _CODE.search(text)
        refused = f"it answered {found[1]}{f' {code[1]}' if code else ''}"
        return f"no credentials were found ({refused})" if "169.254." in text else refused
    if isinstance(error, TimeoutError):
        return f"it did not answer within {ANSWER_SECONDS:.0f} s"
    if disk := _DISK.search(text):
        return os.strerror(int(disk[1]))
    if _NO_CREDENTIALS.search(text):
        return "no usable credentials were found"
    return "it does not answer" if isinstance(error, BaseError) else (getattr(error, "strerror", None) or "it fails")
