"""The wire shapes of webhooks: OpenAI's endpoints, and the log of what was sent."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

EventType: TypeAlias = Literal["video.completed", "video.failed", "video.cancelled"]
_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]
_Url: TypeAlias = Annotated[str, Field(min_length=1, max_length=2048)]
_Types: TypeAlias = Annotated[list[EventType], Field(min_length=1, max_length=10)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EndpointRequest(_Wire):
    """An endpoint to make."""

    name: _Name
    url: _Url
    event_types: _Types


class EndpointChanges(_Wire):
    """What to change of an endpoint; `status` disabled tells it nothing more, enabled turns it on again."""

    name: _Name | None = None
    url: _Url | None = None
    event_types: _Types | None = None
    status: Literal["enabled", "disabled"] | None = None


class Rotation(_Wire):
    """How to rotate a secret."""

    keep_old_secret_active_for_24_hours: Annotated[bool, Field(strict=True)] = False


class TestRequest(_Wire):
    """Which event to make up."""

    event_type: EventType


class Endpoint(_Wire):
    """A receiver of webhooks; `signing_secret` only in the answer that made it. Times are unix seconds."""

    id: str
    object: Literal["webhook_endpoint"]
    name: str
    url: str
    event_types: list[EventType]
    signing_secret_hint: str
    signing_secret: str | None = None
    status: Literal["enabled", "disabled"]
    disabled_at: int | None
    disabled_reason: str | None
    created_at: int
    updated_at: int


class EndpointList(_Wire):
    """A page of endpoints."""

    object: Literal["list"]
    data: list[Endpoint]
    first_id: str | None
    last_id: str | None
    has_more: bool


class EndpointDeleted(_Wire):
    """The answer to a delete."""

    id: str
    object: Literal["webhook_endpoint.deleted"]
    deleted: Literal[True]


class TestResult(_Wire):
    """How the receiver answered a made-up event, whatever its status."""

    object: Literal["webhook_endpoint.test"]
    event_type: EventType
    status_code: int = Field(description="How the receiver answered; only 2xx takes the event.")
    success: Literal[True] = Field(description="OpenAI's: there was an answer, whatever it says.")
    webhook_endpoint_id: str


class EventTypes(_Wire):
    """Every kind of event."""

    object: Literal["list"]
    data: list[EventType]


class DeliveryAttempt(_Wire):
    """One attempt, `at` in unix seconds; of the answer its first kilobyte, as text."""

    at: float
    status_code: int | None
    milliseconds: int
    error: str | None
    answer: str | None


class Delivery(_Wire):
    """An event on its way to one receiver; without an endpoint it goes to the video's own `webhook_url`."""

    id: str
    object: Literal["webhook_delivery"]
    event_id: str
    event_type: EventType
    video_id: str
    webhook_endpoint_id: str | None
    url: str
    status: Literal["pending", "delivered", "failed"]
    next_attempt_at: int | None
    created_at: int
    attempts: list[DeliveryAttempt]


class DeliveryList(_Wire):
    """A page of deliveries."""

    object: Literal["list"]
    data: list[Delivery]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Secret(_Wire):
    """The secret that signs what goes to the `webhook_url` of requests."""

    key: str
