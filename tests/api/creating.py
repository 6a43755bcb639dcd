"""How the tests of creating ask: pictures, bodies built by hand, dry runs, and what the engine was told."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from PIL import Image

from app.api import schemas

if TYPE_CHECKING:
    import httpx

    from tests.serving import Running

CORNERS = ((220, 30, 30), (30, 200, 40), (40, 60, 220), (230, 220, 40))


def picture(width: int = 400, height: int = 400) -> bytes:
    """Draw a PNG with another colour in each quarter."""
    image = Image.new("RGB", (2, 2))
    image.putdata(CORNERS)
    file = io.BytesIO()
    image.resize((width, height), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


PICTURE = picture()
DATA_URI = "data:image/png;base64," + base64.b64encode(PICTURE).decode()


def estimate(gateway: Running, path: str = "/v1/videos", **request: Any) -> dict[str, Any]:
    """Ask for a dry run and return its checked answer."""
    answer = gateway.http.post(path, params={"dryRun": "true"}, **request)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    schemas.Estimate.model_validate(found, strict=True)
    return found


def order(gateway: Running, video_id: str) -> dict[str, Any]:
    """Read what the engine was told to buy."""
    with closing(sqlite3.connect(gateway.data_dir / "reelgate.sqlite3")) as database:
        (text,) = database.execute('SELECT "order" FROM videos WHERE id = ?', (video_id,)).fetchone()
    found: dict[str, Any] = json.loads(text)
    return found


def stopped(gateway: Running, answer: httpx.Response) -> dict[str, Any]:
    """Check a created video against the contract, and spare the machine its render."""
    assert answer.status_code == 200, answer.text
    video: dict[str, Any] = answer.json()
    schemas.VideoObject.model_validate(video, strict=True)
    assert gateway.http.post(f"/v1/videos/{video['id']}/cancel").status_code == 200
    return video


def parts_body(*parts: tuple[str, bytes]) -> bytes:
    """Build a multipart body by hand: (headers of the part, content)."""
    lines = [b"--limit\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(lines) + b"--limit--\r\n"


IMAGE, REFERENCES, EDIT = ("auto", "6"), ("854x480", "8"), ("auto", "1")  # (size, seconds) tell the modes apart
TEXT = 'Content-Disposition: form-data; name="{}"'
MULTIPART = {"content-type": "multipart/form-data; boundary=limit"}
