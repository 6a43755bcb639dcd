"""Open the pictures a clip is made of: any common format, upright, without transparency."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from app.child import ChildError

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 50_000_000  # pixels; about 150 MB once decoded
_BEHIND = (238, 236, 232)  # what shows through a transparent picture
_BT709, _LIMITED = 1, 1


def open_picture(path: Path, size: tuple[int, int]) -> Image.Image:
    """Return the first frame as RGB, turned upright, decoded no larger than `size` (pixels) needs."""
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # a broken EXIF block or a large picture is not worth a line on stderr
            image.draft("RGB", size)
            if image.width * image.height > _LARGEST:
                raise ChildError("invalid_input", f"the image has more than {_LARGEST // 1_000_000} million pixels")
            return _flattened(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ChildError("invalid_input", f"the image cannot be read: {_reason(error)}") from error


def covering(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the middle of `image`, scaled and cut to fill `size` exactly."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def fitting(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the whole `image`, made smaller where it does not fit in `size`, so that many do not fill the memory."""
    scale = min(1.0, size[0] / image.width, size[1] / image.height)
    small = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(small, Image.Resampling.BICUBIC, reducing_gap=1.5)


def video_frame(image: Image.Image) -> av.VideoFrame:
    """Return an RGB picture of even size as a frame in the clip's own format."""
    return av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(
        format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED, interpolation="BICUBIC"
    )


def _flattened(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        behind = Image.new("RGBA", clear.size, (*_BEHIND, 255))
        return Image.alpha_composite(behind, clear).convert("RGB")
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    return "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
