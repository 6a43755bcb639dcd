"""What one local render is asked to do. The adapter writes it, the child process reads it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from app.domain.plain import Json

Mode: TypeAlias = Literal["text-to-video", "image-to-video", "reference-to-video", "edit", "extend"]


@dataclass(frozen=True, slots=True)
class RenderSpec:
    """One clip to render; everything but `target` decides its bytes."""

    mode: Mode
    prompt: str
    seed: int  # non-negative, up to 64 bits
    label: str  # the model's name, shown in the mark
    width: int  # pixels, even
    height: int  # pixels, even
    seconds: float  # length of what is new: the clip, or the tail of an extension; an edit keeps its source's
    target: str  # path of the result
    images: tuple[str, ...] = ()  # paths of pictures
    video: str | None = None  # path of the source of an edit or an extension

    def to_json(self) -> dict[str, Json]:
        """Return the request of the child process."""
        return {**asdict(self), "images": list(self.images)}

    @classmethod
    def from_json(cls, request: dict[str, Any]) -> RenderSpec:
        """Read the request that `to_json` made."""
        return cls(**{**request, "images": tuple(request.get("images", ()))})
