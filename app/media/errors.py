"""What can be wrong with a file a user gave or named."""

from __future__ import annotations

from typing import Literal, TypeAlias

MediaErrorCode: TypeAlias = Literal["invalid_image", "invalid_video", "url_not_allowed", "media_unavailable"]


class MediaError(Exception):
    """A file cannot be used. `message` is for the user: what is wrong, what would work, and no server path.

    `passing` says that it may well be had later: its server does not answer, or has trouble of its own.
    """

    def __init__(self, code: MediaErrorCode, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.passing = passing
        self.message = message


class Busy(MediaError):
    """Nothing was tried, because there is too much else to do: no fault of the URL, nor of whoever named it."""

    def __init__(self, message: str) -> None:
        super().__init__("media_unavailable", message, passing=True)


class StoreFault(Exception):
    """The folder or the bucket that keeps the media fails: ours, not the user's, and perhaps over in a while.

    The message is for the operator, and holds neither secrets nor addresses: those of Azure are signed.
    """
