"""Our own check for the run of schemathesis (see test_schema.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import schemathesis
from schemathesis import GenerationMode

if TYPE_CHECKING:
    from schemathesis import Case, CheckContext, Response

# What no schema can say: whether a file or an address is an image, how long this model's prompt may be, which names
# are taken. A refusal of these has a code of its own, or one of these fields.
_MALFORMED = ("invalid_value", "missing_required_parameter")
_OF_THE_WORLD = ("file", "video_id")


@schemathesis.check
def valid_data_is_not_called_malformed(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Expect that what the schema allows is never refused as malformed."""
    positive = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if not positive or response.status_code not in (400, 415, 422):
        return
    error = response.json()["error"]
    if error["code"] not in _MALFORMED or error["param"] in _OF_THE_WORLD or "takes at most" in error["message"]:
        return
    raise AssertionError(f"refused though the schema allows it: {error}")


@schemathesis.check
def every_error_is_in_the_envelope(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Expect OpenAI's envelope, and a request id on every answer."""
    if case.operation.method.upper() == "HEAD" or response.status_code < 400:
        return
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert response.headers["x-request-id"]
