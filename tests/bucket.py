"""A real S3 server for tests, in this process, which can be told to fail.

The fixture `bucket` sets the AWS_ variables, so that `MediaStore.open(bucket.url)` finds it. After
`bucket.fault = Fault.DENIES` it refuses every request, until `fault` is None again.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import httpx
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SECRET = "moto-takes-any-secret/but-none-may-be-seen"
PREFIX = "gateway/one"
_SIGNED = "AWS4-HMAC-SHA256 Credential=AKIDTESTS/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class Fault(Enum):
    """What can be wrong with a bucket."""

    BROKEN = auto()  # 503
    DENIES = auto()  # 403
    HANGS = auto()  # takes requests and does not answer
    CUTS = auto()  # half the content, then nothing


@dataclass
class Bucket:
    """A bucket of its own; `requests` counts what came in, `direct` has the authorizations that came with signed links.

    As S3 does, it refuses who shows two: a link and a header.
    """

    http: httpx.Client
    name: str = "reelgate-tests"
    fault: Fault | None = None
    requests: int = 0
    direct: list[str | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return str(self.http.base_url).rstrip("/")

    @property
    def url(self) -> str:
        return f"s3://{self.name}/{PREFIX}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which it is found."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIDTESTS",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def stored(self) -> list[str]:
        """List everything in it, outside the prefix as well."""
        answer = self.http.get(f"/{self.name}", params={"list-type": "2"})
        return re.findall("<Key>([^<]+)</Key>", answer.text)

    def head(self, key: str) -> httpx.Headers:
        """Describe an object."""
        return self.http.head(f"/{self.name}/{key}").raise_for_status().headers

    def put(self, key: str, content: bytes) -> None:
        """Store an object that is none of the gateway's."""
        self.http.put(f"/{self.name}/{key}", content=content).raise_for_status()

    def recover(self) -> None:
        """Answer again, also whoever waits since it hung."""
        self.fault = None
        self.over.set()

    def empty(self) -> None:
        """Begin anew."""
        self.recover()
        self.over.clear()
        self.direct.clear()
        self.http.post("/moto-api/reset").raise_for_status()
        self.http.put(f"/{self.name}").raise_for_status()


class _Quiet(WSGIRequestHandler):
    def log(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def bucket_server() -> Iterator[Bucket]:
    """Serve S3 on a free port until the block ends."""
    s3 = DomainDispatcherApplication(create_backend_app)
    bucket = Bucket(httpx.Client(trust_env=False, timeout=60, headers={"authorization": _SIGNED}))

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        bucket.requests += 1
        if "X-Amz-Signature=" in environ["QUERY_STRING"]:
            bucket.direct.append(environ.get("HTTP_AUTHORIZATION"))
            if bucket.direct[-1] is not None:
                start("400 Bad Request", [("content-type", "application/xml")])
                return [b"<Error><Code>InvalidArgument</Code></Error>"]
        match bucket.fault:
            case Fault.BROKEN:
                start("503 Slow Down", [("content-type", "application/xml")])
                return [b"<Error><Code>SlowDown</Code></Error>"]
            case Fault.DENIES:
                start("403 Forbidden", [("content-type", "application/xml")])
                return [f"<Error><Code>AccessDenied</Code><Message>{SECRET}</Message></Error>".encode()]
            case Fault.HANGS:
                bucket.over.wait()
        found: Iterable[bytes] = s3(environ, start)
        return _half(found) if bucket.fault is Fault.CUTS and environ["REQUEST_METHOD"] == "GET" else found

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]  # of its threading kind
    bucket.http.base_url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        bucket.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
        bucket.http.close()


def _half(content: Iterable[bytes]) -> Iterator[bytes]:
    whole = b"".join(content)
    yield whole[: len(whole) // 2]
