"""What a stranger asks of the gateway under schemathesis (test_stranger.py): everything, with the owner's ids in it.

Every request that schemathesis makes up is altered before it is sent: ids in the path and the queries become the
owner's, and bodies that can refer to something refer to what is the owner's. STRANGER_IDS has the ids; each case is one
line of STRANGER_LOG.
"""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import schemathesis

from tests.api.tenants import IDEMPOTENCY_KEY, PLANTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case, CheckContext, HookContext, Response

IDS: dict[str, str] = json.loads(os.environ["STRANGER_IDS"])
LOG = Path(os.environ["STRANGER_LOG"])
VIDEOS: tuple[tuple[str, Any], ...] = (  # what a body may name
    ("video", {"id": IDS["video_id"]}),
    ("video", {"file_id": IDS["file_id"]}),
)
REFERENCES = {
    "/v1/videos": (
        *VIDEOS,
        ("input_video", {"id": IDS["video_id"]}),
        ("input_reference", {"file_id": IDS["file_id"]}),
        ("image_url", [{"file_id": IDS["file_id"]}]),
        ("reference_images", {"file_id": IDS["file_id"]}),
        ("characters", [{"id": IDS["character_id"]}]),
    ),
    "/v1/videos/edits": VIDEOS,
    "/v1/videos/extensions": VIDEOS,
}
OTHERS = {name for name, _ in REFERENCES["/v1/videos"]} | {"image", "reference_image_urls", "video_url"}
QUERIES = {
    "after": ("video_id", "webhook_endpoint_id", "delivery_id", "request_id"),
    "video_id": ("video_id",),
    "key_id": ("key_id",),
}
_counts: dict[str, Iterator[int]] = defaultdict(itertools.count)  # of cases, by path


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - its signature
    """Put what is the owner's into a request."""
    path = case.operation.path
    number = next(_counts[path])
    for name in set(case.path_parameters or {}) & set(IDS):
        case.path_parameters[name] = IDS[name]
    for name in set(case.query or {}) & set(QUERIES):
        case.query[name] = IDS[QUERIES[name][number % len(QUERIES[name])]]
    if not path.startswith("/v1/videos") or not isinstance(case.body, dict):
        return
    if number % 3 == 0:
        case.headers["idempotency-key"] = IDEMPOTENCY_KEY
    if path in REFERENCES:
        name, value = REFERENCES[path][number % len(REFERENCES[path])]
        kept = {field: each for field, each in case.body.items() if field not in OTHERS}
        case.body = {**kept, **(_in_brackets(name, value) if "form" in (case.media_type or "") else {name: value})}


def _in_brackets(name: str, value: Any) -> dict[str, str]:
    """Write nested values as forms do."""
    value = value[0] if isinstance(value, list) else value
    return {f"{name}[{inner}]": each for inner, each in value.items()}


@schemathesis.check
def nothing_of_the_owners_is_read(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Expect that whatever names a thing of the owner's is refused, and that no answer holds a word of the owner's."""
    sent = json.dumps([case.path_parameters, case.body], default=str)
    named = sorted(name for name, value in IDS.items() if value in sent)
    text = response.content.decode(errors="replace")
    code = json.loads(text)["error"]["code"] if response.status_code >= 400 else None
    operation = f"{case.operation.method.upper()} {case.operation.path}"
    line = {"operation": operation, "named": named, "status": response.status_code, "code": code}
    with LOG.open("a") as log:
        log.write(json.dumps(line) + "\n")
    assert PLANTED not in text, "the answer holds what the owner wrote"
    assert not named or response.status_code >= 400, f"answered though it names the owner's {named}"
    sent += str(case.query)
    silent = [name for name, value in IDS.items() if value in text and value not in sent]
    assert not silent, f"the answer tells the owner's {silent}"
