"""Inputs are put where the provider can read them before anything is ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.domain.requests import Upload
from app.media.errors import MediaError
from app.providers.base import Placed
from app.providers.errors import Misconfigured, Rejected, Transient
from tests.services.bench import OWNER, Scripted, open_bench, request

if TYPE_CHECKING:
    from pathlib import Path

    from app.providers.base import Input
    from tests.services.bench import Bench


@dataclass
class Placing(Scripted):
    """A provider that reads inputs from addresses, and may fail to give one."""

    trouble: Exception | None = None

    async def place_input(self, item: Input) -> Placed:
        if self.trouble:
            raise self.trouble
        return Placed(f"https://files.example/{item.kind}", "This may not work.")


def picture(folder: Path) -> Upload:
    path = folder / "picture"
    Image.new("RGB", (64, 64)).save(path, "PNG")
    return Upload(path, "hash", path.stat().st_size, "picture.png")


async def with_a_picture(bench: Bench) -> str:
    asked = request(prompt="x", seconds=1, resolution="480p", input_reference=picture(bench.folder))
    return (await bench.videos.create(OWNER, asked, {}, bench.folder, is_retry=False)).video.row.id


@pytest.mark.parametrize(
    ("trouble", "paid_by", "code"),
    [
        (Transient("no upload"), "xai", None),
        (Misconfigured("no key"), "xai", None),
        (Rejected("too big"), None, "invalid_input"),
        (MediaError("media_unavailable", "it is gone"), None, "invalid_input"),
    ],
)
async def test_inputs_that_cannot_be_placed_are_no_order(
    tmp_path: Path, trouble: Exception, paid_by: str | None, code: str | None
) -> None:
    placing = Placing("fal", trouble=trouble)
    other = Scripted("xai")
    async with open_bench(tmp_path, placing, other) as bench:
        video_id = await with_a_picture(bench)
        while await bench.step():
            pass
        assert (placing.ledger, len(other.ledger)) == ([], 1 if paid_by else 0)
        assert (await bench.show(video_id)).row.error_code == code


async def test_a_placed_input_goes_out_by_its_address_and_its_doubts_are_told(tmp_path: Path) -> None:
    async with open_bench(tmp_path, Placing("fal")) as bench:
        video_id = await with_a_picture(bench)
        await bench.step()
        (order,) = bench.provider.ledger
        assert [image.url for image in order.images] == ["https://files.example/image"]
        warnings = (await bench.show(video_id)).row.warnings
        assert "This may not work." in [warning["message"] for warning in warnings]
