"""What the films of the demo look like: worth watching, where those of tests are quick."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont


@dataclass(frozen=True)
class Look:
    """Waves that move, in a colour (the chroma planes U and V, 0 to 255), with a title upon them."""

    title: str
    tint: tuple[int, int]

    def draw(self, width: int, height: int, moment: float) -> av.VideoFrame:
        """Draw one picture; `moment` is 0 to 1 and comes round again."""
        down, across = np.mgrid[0:height, 0:width]
        waves = np.sin(2 * np.pi * ((across + down / 2) * 3 / width - moment))
        luma = Image.fromarray((110 + 40 * waves).astype(np.uint8))
        middle, font = (width / 2, height / 2), ImageFont.load_default(height / 10)
        ImageDraw.Draw(luma).text(middle, self.title, fill=235, font=font, anchor="mm")
        chroma = [np.full(height * width // 4, value, np.uint8) for value in self.tint]
        planes = np.concatenate([np.asarray(luma).ravel(), *chroma])
        return av.VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width), "yuv420p")
