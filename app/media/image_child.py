"""The process that opens one image: `{"path"}` in, `{"content_type", "width", "height"}` out (px)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from app.child import ChildError, main
from app.media.limits import limit_resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.domain.plain import Json

_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG with further pictures behind it, as phones write them
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
_READERS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
_MOST_PIXELS = 50_000_000
_SHORTEST_SIDE = 32  # px
_LONGEST_RATIO = 20
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 turn the picture by a quarter
_QUARTER_TURNS = frozenset({5, 6, 7, 8})


def inspect(request: dict[str, Json], _tell: Callable[[dict[str, Json]], None]) -> dict[str, Json]:
    """Check the image at `path`, decoding its first frame in full."""
    limit_resources()
    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    AvifImagePlugin.DEFAULT_MAX_THREADS = 2  # each thread reserves address space
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with open(str(request["path"]), "rb") as file:  # noqa: PTH123 - a Path would cost the child an import
        try:
            with Image.open(file, formats=_READERS) as image:
                _check_size(*image.size)
                image.load()
                width, height = image.size
                if image.getexif().get(_ORIENTATION) in _QUARTER_TURNS:
                    width, height = height, width
                return {"content_type": _TYPES[str(image.format)], "width": width, "height": height}
        except (ChildError, MemoryError):
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise _refusal("The image has more than 50 megapixels, the most that is accepted.") from error
        except UnidentifiedImageError as error:
            raise _refusal(
                "The file is not an image that can be read: PNG, JPEG, WebP, GIF and AVIF are accepted."
            ) from error
        except Exception as error:  # hostile bytes make decoders raise almost anything
            raise _refusal("The image could not be decoded: the file is damaged or cut off.") from error


def _check_size(width: int, height: int) -> None:
    if min(width, height) < _SHORTEST_SIDE:
        raise _refusal(f"The image is {width}x{height} px; each side must have at least {_SHORTEST_SIDE} px.")
    if max(width, height) > _LONGEST_RATIO * min(width, height):
        raise _refusal(
            f"The image is {width}x{height} px; the long side may be at most {_LONGEST_RATIO} times the short one."
        )


def _refusal(message: str) -> ChildError:
    return ChildError("invalid_image", message)


if __name__ == "__main__":
    main(inspect)
