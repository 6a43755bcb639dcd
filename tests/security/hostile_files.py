"""Files that are made to break what opens them, each under a name that says what is wrong with it."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import av
from PIL import Image

from tests.upstreams.films import film

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
_RATE = 24
_SOUNDS = (
    b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"
)


def drawn(kind: str, width: int = 64, height: int = 64, **options: object) -> bytes:
    """Write a real picture."""
    target = io.BytesIO()
    Image.effect_noise((width, height), 90).convert("RGB").save(target, kind, **options)
    return target.getvalue()


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    """Write a chunk of a PNG, which may state another length than it has."""
    return (
        struct.pack(">I", len(data) if length is None else length)
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
    )


def png(width: int, height: int, *chunks: bytes, data: bytes = b"\0" * 100) -> bytes:
    """Write a PNG that states a size and has a few bytes of pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """Write a JPEG whose header states another size than its data has."""
    real = drawn("JPEG")
    place = real.index(b"\xff\xc0") + 5
    return real[:place] + struct.pack(">HH", height, width) + real[place + 4 :]


def exif_loop() -> bytes:
    """Write half a JPEG whose directory of facts names itself as the next one."""
    directory = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">HHHII", 1, 0x8769, 4, 1, 8) + struct.pack(">I", 8)
    block = b"Exif\0\0" + directory
    real = drawn("JPEG")
    return real[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + real[2 : len(real) // 2]


def box(kind: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    """Write a box of an MP4, which may state another size than it has."""
    return struct.pack(">I", 8 + len(content) if size is None else size) + kind + content


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")


def nested(depth: int) -> bytes:
    """Write boxes in boxes."""
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return FTYP + content


def patched(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """Overwrite what stands `offset` bytes after the name of a box."""
    place = data.index(name) + offset
    return data[:place] + value + data[place + len(value) :]


def container(folder: Path, kind: str, codec: str = "mpeg4", size: tuple[int, int] = (64, 64)) -> bytes:
    """Write a real video in a container or with a codec that is not accepted, or of an unaccepted size."""
    target = folder / f"made.{kind}"
    with av.open(str(target), "w", format=kind) as made:
        track = made.add_stream(codec, rate=_RATE)
        assert isinstance(track, av.VideoStream)
        track.width, track.height, track.pix_fmt = *size, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, (number * 80, 0, 0)))  # type: ignore[no-untyped-call]
            frame.pts = number
            made.mux(track.encode(frame))
        made.mux(track.encode(None))
    return target.read_bytes()


def zipped(content: bytes) -> bytes:
    """Write an archive."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media.xml", content)
    return target.getvalue()


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://169.254.169.254/latest/meta-data\n#EXT-X-ENDLIST\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><image href="file:///etc/passwd"/></svg>'
XXE = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'
LAUGHS = (
    b"<?xml version='1.0'?><!DOCTYPE l ["
    + b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"lol") for n in range(10))
    + b"]><svg>&l9;</svg>"
)
HTML = b"<!DOCTYPE html><script>fetch('http://127.0.0.1')</script>"


def images() -> dict[str, bytes]:
    """Return what must not pass as an image."""
    real = drawn("PNG")
    return {
        "nothing": b"",
        "one byte": b"\x89",
        "an SVG that names a file": SVG,
        "an SVG with an outside entity": XXE,
        "an SVG of a billion laughs": LAUGHS,
        "a compressed SVG": gzip.compress(SVG),
        "HTML": HTML,
        "HTML that begins like a GIF": b"GIF89a/*" + HTML + b"*/=1;alert(1)",
        "HTML that begins like a PNG": PNG + HTML,
        "HTML that begins like a JPEG": b"\xff\xd8\xff\xe0" + HTML,
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n(/etc/passwd) (r) file\n",
        "a PDF": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(1)>>>>endobj\n",
        "an ImageMagick script": b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/x'\n",
        "an archive of zeros": zipped(bytes(50 << 20)),
        "a compressed picture": gzip.compress(real),
        "a program": b"\x7fELF\2\1\1" + bytes(200),
        "zeros": bytes(1 << 20),
        "a PNG cut in its header": real[:20],
        "a PNG cut in its pixels": real[: len(real) // 2],
        "a PNG without pixels": PNG
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
        + chunk(b"IEND", b""),
        "a PNG with a broken checksum": real.replace(b"IHDR\0\0\0\x40", b"IHDR\0\0\0\x41", 1),
        "a PNG of ten gigapixels": png(100_000, 100_000),
        "a PNG as wide as can be": png(2**31 - 1, 1),
        "a PNG of no pixels": png(0, 0),
        "a PNG whose pixels unpack to a gigabyte": png(30_000, 30_000, data=bytes(64 << 20)),
        "a PNG whose text unpacks to a gigabyte": png(
            64, 64, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))
        ),
        "a PNG whose profile unpacks without end": png(
            64, 64, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(64 << 20)))
        ),
        "a PNG with a chunk of four gigabytes": PNG + chunk(b"IHDR", b"", 2**32 - 1),
        "a JPEG of four gigapixels": jpeg(65_535, 65_535),
        "a JPEG cut in the middle": drawn("JPEG")[:900],
        "a JPEG with facts in a circle": exif_loop(),
        "an animated GIF cut short": drawn("GIF", save_all=True, append_images=[Image.new("RGB", (64, 64))] * 9)[:2000],
        "a GIF of four gigapixels": b"GIF89a\xff\xff\xff\xff\x80\0\0"
        + bytes(6)
        + b",\0\0\0\0\xff\xff\xff\xff\0\x08\0;",
        "a WebP cut short": drawn("WEBP")[:200],
        "a WebP of 16384 pixels a side": b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\xff\xff\xff\x0f" + bytes(8),
        "a TIFF with directories in a circle": b"II*\0\x08\0\0\0\1\0\0\1\3\0\1\0\0\0\1\0\0\0\x08\0\0\0",
        "a bitmap": drawn("BMP"),
        "an icon": drawn("ICO"),
        "a Photoshop file": b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\xff\xff\0\0\xff\xff\0\x08\0\3" + bytes(12),
        "an AVIF that is only a name": box(b"ftyp", b"avif\0\0\0\0avifmif1"),
        "a HEIC that is only a name": box(b"ftyp", b"heic\0\0\0\0heicmif1"),
        "a video": film(64, 64, 24),
        "a playlist": PLAYLIST,
    }


def videos(folder: Path) -> dict[str, bytes]:
    """Return what must not pass as a video; `folder` is for making them."""
    real = film(64, 64, 24)
    return {
        "nothing": b"",
        "a playlist": PLAYLIST,
        "a playlist of files": PLAYLIST.replace(b"http://169.254.169.254/latest/meta-data", b"file:///etc/passwd"),
        "a playlist behind an MP4's head": FTYP + PLAYLIST,
        "a concat script": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "a DASH manifest": b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file:///etc/</BaseURL></MPD>',
        "a session description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 1234 RTP/AVP 96\n",
        "a smooth streaming manifest": b'<SmoothStreamingMedia MajorVersion="2"></SmoothStreamingMedia>',
        "raw pictures": b"YUV4MPEG2 W64 H64 F24:1\nFRAME\n" + bytes(6144),
        "an SVG": SVG,
        "HTML behind an MP4's head": FTYP + HTML,
        "a picture": drawn("PNG"),
        "an animated GIF": drawn("GIF", save_all=True, append_images=[Image.new("RGB", (64, 64))] * 9),
        "sound": _SOUNDS + struct.pack("<I", 1600) + bytes(1600),
        "Matroska": container(folder, "matroska"),
        "AVI": container(folder, "avi"),
        "a transport stream": container(folder, "mpegts"),
        "Flash": container(folder, "flv", "flv1"),
        "a WebM that is only a name": b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm",
        "a WebM with an endless segment": b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm\x18\x53\x80\x67\x01" + b"\xff" * 4000,
        "an MP4 in a compressed file": gzip.compress(real),
        "an MP4 that is only a name": FTYP,
        "an MP4 cut in half": real[: len(real) // 2],
        "an MP4 without its table": real[: real.index(b"moov") - 4],
        "an MP4 whose table is gone": real.replace(b"moov", b"none"),
        "an MP4 whose box has no size": FTYP + box(b"moov", b"", 0),
        "an MP4 whose box ends before it begins": FTYP + box(b"moov", bytes(64), 4),
        "an MP4 with a box of four gigabytes": FTYP + box(b"moov", bytes(64), 2**32 - 1),
        "an MP4 with a box of 16 exabytes": FTYP + box(b"moov", b"\xff" * 8, 1),
        "an MP4 nested ten thousand deep": nested(10_000),
        "an MP4 that counts four billion samples": patched(real, b"stsz", 12, b"\xff\xff\xff\xff"),
        "an MP4 whose pictures lie outside the file": patched(real, b"stco", 12, b"\x7f\xff\xff\xff"),
        "an MP4 with an unknown codec": real.replace(b"avc1", b"evil"),
        "an MP4 whose pictures lie in another file": patched(
            real.replace(b"url ", b"alis"), b"alis", 4, b"\0\0\0\0"
        ).replace(b"stco", b"free"),
        "an MP4 of 5000 pixels": container(folder, "mp4", size=(5000, 64)),
        "an MP4 of one picture's width": container(folder, "mp4", "mpeg4", (16, 16))[:600],
    }
