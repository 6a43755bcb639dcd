"""Child processes: what is said, what is refused, and that nothing survives its parent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from app import children
from app.child import ChildError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORK = """
import json, os, sys, time
from app.child import ChildError, main

def work(request, tell):
    {body}

main(work)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a child module whose work is the given lines, and return its name."""
    monkeypatch.setitem(vars(children)["_ENVIRONMENT"], "PYTHONPATH", str(tmp_path))

    def write(body: str) -> str:
        lines = textwrap.indent(textwrap.dedent(body).strip(), "    ").strip()
        (tmp_path / "some_child.py").write_text(WORK.format(body=lines))
        return "some_child"

    return write


async def test_a_child_gets_the_request_and_its_result_comes_back(child: Callable[[str], str]) -> None:
    module = child("return {'twice': request['number'] * 2, 'text': request['text']}")
    assert await children.run(module, {"number": 21, "text": "naïve\n✓"}) == {"twice": 42, "text": "naïve\n✓"}


async def test_messages_arrive_in_order_before_the_result(child: Callable[[str], str]) -> None:
    told: list[dict[str, Any]] = []
    module = child("for step in range(3): tell({'step': step})\nreturn {}")
    await children.run(module, {}, on_message=told.append)
    assert told == [{"step": 0}, {"step": 1}, {"step": 2}]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("raise ChildError('invalid_image', 'too small')", "invalid_image"),
        ("raise RuntimeError('boom')", "crashed"),
        ("os._exit(3)", "crashed"),
        ("os.kill(os.getpid(), 9)", "crashed"),
        ("import ctypes; ctypes.string_at(0)", "crashed"),
        ("tell({'long': 'x' * (2 << 20)})", "crashed"),
    ],
)
async def test_a_child_that_refuses_or_dies_is_an_error_with_its_code(
    child: Callable[[str], str], body: str, code: str
) -> None:
    with pytest.raises(ChildError) as caught:
        await children.run(child(body), {})
    assert caught.value.code == code


async def test_half_a_message_is_a_crash(child: Callable[[str], str], tmp_path: Path) -> None:
    module = child("return {}")
    (tmp_path / f"{module}.py").write_text("print('{\"resu', end='')")
    with pytest.raises(ChildError, match="not a message"):
        await children.run(module, {})


async def test_what_a_library_prints_is_not_taken_for_an_answer(child: Callable[[str], str]) -> None:
    module = child("""
        print('noise')
        os.write(1, b'{"result": {"forged": true}}\\n')
        return {'real': True}
    """)
    assert await children.run(module, {}) == {"real": True}


async def test_a_child_that_takes_too_long_is_killed(child: Callable[[str], str], tmp_path: Path) -> None:
    module = child("open(request['mark'], 'w').write(str(os.getpid()))\ntime.sleep(60)")
    mark = tmp_path / "pid"
    with pytest.raises(ChildError, match="longer than 1 s") as caught:
        await children.run(module, {"mark": str(mark)}, timeout=1)
    assert caught.value.code == "timeout"
    assert not _lives(int(mark.read_text()))


async def test_cancelling_kills_the_child(child: Callable[[str], str]) -> None:
    pid = asyncio.get_running_loop().create_future()
    module = child("tell({'pid': os.getpid()})\ntime.sleep(60)")
    running = asyncio.create_task(
        children.run(module, {}, on_message=lambda message: pid.set_result(message["pid"])),
    )
    number = await pid
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not _lives(number)


async def test_cancelling_again_while_the_child_is_being_killed_still_sees_it_gone(child: Callable[[str], str]) -> None:
    pid = asyncio.get_running_loop().create_future()
    module = child("tell({'pid': os.getpid()})\ntime.sleep(60)")
    running = asyncio.create_task(
        children.run(module, {}, on_message=lambda message: pid.set_result(message["pid"])),
    )
    number = await pid
    running.cancel()
    await asyncio.sleep(0)  # it kills the child, and waits
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_killed_parent_leaves_no_child_behind(child: Callable[[str], str], tmp_path: Path) -> None:
    module = child("tell({'pid': os.getpid()})\ntime.sleep(60)")
    program = f"""
import asyncio
from app import children
vars(children)["_ENVIRONMENT"]["PYTHONPATH"] = {str(tmp_path)!r}
asyncio.run(children.run({module!r}, {{}}, on_message=lambda message: print(message["pid"], flush=True)))
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        with parent.stdout as answers:
            number = int(answers.readline())
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while _lives(number) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _lives(number)


async def test_the_child_does_not_see_the_environment_of_the_gateway(
    child: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELGATE_FAL_KEY", "canary")
    module = child("return {'names': sorted(os.environ)}")
    names = (await children.run(module, {}))["names"]
    assert isinstance(names, list)
    assert "REELGATE_FAL_KEY" not in names


async def test_the_working_directory_is_no_place_to_import_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted_module.py").write_text("print('{\"result\": {}}')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChildError):
        await children.run("planted_module", {})


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that nobody has waited for yet still has its number.
    with open(f"/proc/{pid}/stat", encoding="ascii") as status:  # noqa: PTH123 - not a file on disk
        return status.read().rpartition(")")[2].split()[0] != "Z"
