"""The process that has loaded what it takes to look at videos and to draw their pictures, and forks for each."""

from __future__ import annotations

from app.child import serve
from app.media import pictures_child, video_child

if __name__ == "__main__":
    serve({pictures_child.__name__: pictures_child.draw, video_child.__name__: video_child.inspect})
