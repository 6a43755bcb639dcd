"""Child processes: what is said, what is refused, and that nothing survives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from app import children
from app.child import ChildError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

WORK = """
import json, os, sys, time
from app.child import ChildError, main

def work(request, tell):
    {body}

if __name__ == "__main__":
    main(work)
"""
SERVER = """
import {name}
from app.child import serve

serve({{"{name}": {name}.work}})
"""
Run: TypeAlias = "Callable[..., Awaitable[dict[str, Any]]]"


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a child module whose work is the given lines, and return its name."""
    monkeypatch.setitem(vars(children)["_ENVIRONMENT"], "PYTHONPATH", str(tmp_path))

    def write(body: str) -> str:
        lines = textwrap.indent(textwrap.dedent(body).strip(), "    ").strip()
        (tmp_path / "some_child.py").write_text(WORK.format(body=lines))
        return "some_child"

    return write


@pytest.fixture(params=["started", "forked"])
async def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """Run a child as `children.run` does: in a process that is started for it, or as a fork of a server."""
    if request.param == "started":
        yield children.run
        return
    server = children.ForkServer("some_server")

    async def forked(module: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        (tmp_path / "some_server.py").write_text(SERVER.format(name=module))
        await running(server)
        monkeypatch.setattr(children, "_start", None)
        return await children.run(module, request, server=server, **more)

    yield forked
    await server.close()


async def running(server: children.ForkServer) -> None:
    """Have a server run."""
    server.expect()
    async with asyncio.timeout(60):
        while vars(server)["_socket"] is None:
            await asyncio.sleep(0)


async def test_a_child_gets_the_request_and_its_result_comes_back(child: Callable[[str], str], run: Run) -> None:
    module = child("return {'twice': request['number'] * 2, 'text': request['text']}")
    assert await run(module, {"number": 21, "text": "naïve\n✓"}) == {"twice": 42, "text": "naïve\n✓"}


async def test_messages_arrive_in_order_before_the_result(child: Callable[[str], str], run: Run) -> None:
    told: list[dict[str, Any]] = []
    module = child("for step in range(3): tell({'step': step})\nreturn {}")
    await run(module, {}, on_message=told.append)
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
    child: Callable[[str], str], run: Run, body: str, code: str
) -> None:
    with pytest.raises(ChildError) as caught:
        await run(child(body), {})
    assert caught.value.code == code


async def test_half_a_message_is_a_crash(child: Callable[[str], str], tmp_path: Path) -> None:
    module = child("return {}")
    (tmp_path / f"{module}.py").write_text("print('{\"resu', end='')")
    with pytest.raises(ChildError, match="not a message"):
        await children.run(module, {})


async def test_what_a_library_prints_is_not_taken_for_an_answer(child: Callable[[str], str], run: Run) -> None:
    module = child("""
        print('noise')
        os.write(1, b'{"result": {"forged": true}}\\n')
        return {'real': True}
    """)
    assert await run(module, {}) == {"real": True}


async def test_a_child_that_takes_too_long_is_killed(child: Callable[[str], str], run: Run, tmp_path: Path) -> None:
    module = child("open(request['mark'], 'w').write(str(os.getpid()))\ntime.sleep(60)")
    mark, seconds = tmp_path / "pid", 1
    while not mark.exists() or not mark.read_text():  # on a slow machine it is killed before it has begun
        with pytest.raises(ChildError, match=f"longer than {seconds} s") as caught:
            await run(module, {"mark": str(mark)}, timeout=seconds)
        assert caught.value.code == "timeout"
        seconds *= 2
    await _gone(int(mark.read_text()), run)


async def test_cancelling_kills_the_child(child: Callable[[str], str], run: Run) -> None:
    pid = asyncio.get_running_loop().create_future()
    module = child("tell({'pid': os.getpid()})\ntime.sleep(60)")
    under_way = asyncio.ensure_future(run(module, {}, on_message=lambda message: pid.set_result(message["pid"])))
    number = await pid
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    await _gone(number, run)


async def test_cancelling_again_while_the_child_is_being_killed_still_sees_it_gone(
    child: Callable[[str], str], run: Run
) -> None:
    pid = asyncio.get_running_loop().create_future()
    module = child("tell({'pid': os.getpid()})\ntime.sleep(60)")
    under_way = asyncio.ensure_future(run(module, {}, on_message=lambda message: pid.set_result(message["pid"])))
    number = await pid
    under_way.cancel()
    await asyncio.sleep(0)  # it kills the child, and waits
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    await _gone(number, run)


@pytest.mark.parametrize("forked", [False, True])
def test_a_killed_parent_leaves_no_child_behind(child: Callable[[str], str], tmp_path: Path, *, forked: bool) -> None:
    module = child("tell({'pids': [os.getpid(), request['forked'] and os.getppid()]})\ntime.sleep(60)")
    (tmp_path / "some_server.py").write_text(SERVER.format(name=module))
    program = f"""
import asyncio
from app import children

async def main():
    vars(children)["_ENVIRONMENT"]["PYTHONPATH"] = {str(tmp_path)!r}
    server = children.ForkServer("some_server")
    if {forked}:
        server.expect()
        await asyncio.sleep(0)
    told = lambda message: print(*filter(None, message["pids"]), flush=True)
    await children.run({module!r}, {{"forked": {forked}}}, on_message=told, server=server)

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        with parent.stdout as answers:
            numbers = [int(number) for number in answers.readline().split()]
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 60
    while any(map(_lives, numbers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (len(numbers), [*filter(_lives, numbers)]) == (1 + forked, [])


async def test_a_fork_is_there_before_the_work_comes_and_gone_with_the_server(
    child: Callable[[str], str], tmp_path: Path
) -> None:
    module = child("return {'pid': os.getpid()}")
    (tmp_path / "some_server.py").write_text(SERVER.format(name=module))
    server = children.ForkServer("some_server")
    await running(server)
    for _ in range(2):
        ahead = await _ahead(server)
        assert (await children.run(module, {}, server=server))["pid"] == ahead
    ahead = await _ahead(server)
    await server.close()
    async with asyncio.timeout(20):
        while _lives(ahead):
            await asyncio.sleep(0.01)


async def test_each_fork_rehearses_before_it_is_there(child: Callable[[str], str], tmp_path: Path) -> None:
    module = child("return {'rehearsed': sys.argv}")
    rehearsing = SERVER.replace("}})", "}}, lambda: sys.argv.append('once'))").replace("import", "import sys, ", 1)
    (tmp_path / "some_server.py").write_text(rehearsing.format(name=module))
    server = children.ForkServer("some_server")
    await running(server)
    for _ in range(2):
        done = await children.run(module, {}, server=server)
        assert done["rehearsed"][1:] == ["once"]  # type: ignore[index]
    await server.close()


def test_a_killed_parent_leaves_no_fork_behind_that_was_made_ahead(child: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "some_server.py").write_text(SERVER.format(name=child("return {}")))
    program = f"""
import asyncio
from app import children

async def main():
    vars(children)["_ENVIRONMENT"]["PYTHONPATH"] = {str(tmp_path)!r}
    server = children.ForkServer("some_server")
    server.expect()
    while vars(server)["_spare"] is None:
        await asyncio.sleep(0.01)
    print((await vars(server)["_spare"]).pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        with parent.stdout as answers:
            number = int(answers.readline())
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 20
    while _lives(number):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_fork_server_that_was_killed_is_done_without_and_started_again(
    child: Callable[[str], str], tmp_path: Path
) -> None:
    module = child("return {'parent': os.getppid()}")
    (tmp_path / "some_server.py").write_text(SERVER.format(name=module))
    server = children.ForkServer("some_server")
    await running(server)
    first = (await children.run(module, {}, server=server))["parent"]
    os.kill(int(str(first)), signal.SIGKILL)
    await children.run(module, {}, server=server)  # by a fork that was made ahead, or by a process of its own
    await asyncio.wait_for(vars(server)["_keeper"], 60)
    assert (await children.run(module, {}, server=server))["parent"] == os.getpid()
    await running(server)
    assert (await children.run(module, {}, server=server))["parent"] not in (first, os.getpid())
    await server.close()


async def test_a_fork_server_goes_when_no_work_is_expected_any_more(
    child: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_IDLE_SECONDS", 1.0)
    module = child("return {'parent': os.getppid()}")
    (tmp_path / "some_server.py").write_text(SERVER.format(name=module))
    server = children.ForkServer("some_server")
    parent = os.getpid()
    while parent == os.getpid():  # on a slow machine it is gone before it has loaded
        await running(server)
        parent = int(str((await children.run(module, {}, server=server))["parent"]))
    await asyncio.wait_for(vars(server)["_keeper"], 60)  # which ends once it has seen its process gone
    assert (await children.run(module, {}, server=server))["parent"] == os.getpid()
    await server.close()


async def test_the_child_does_not_see_the_environment_of_the_gateway(
    child: Callable[[str], str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELGATE_FAL_KEY", "canary")
    module = child("return {'names': sorted(os.environ)}")
    names = (await run(module, {}))["names"]
    assert isinstance(names, list)
    assert "REELGATE_FAL_KEY" not in names


async def test_the_working_directory_is_no_place_to_import_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted_module.py").write_text("print('{\"result\": {}}')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChildError):
        await children.run("planted_module", {})


async def _ahead(server: children.ForkServer) -> int:
    """Return the process that waits for work."""
    async with asyncio.timeout(60):
        while (spare := vars(server)["_spare"]) is None or not spare.done():
            await asyncio.sleep(0.01)
    pid: int = spare.result().pid
    return pid


async def _gone(pid: int, run: Run) -> None:
    """Check that a child is gone: one of ours was waited for, a fork was seen to let go of everything it had."""
    if run is not children.run:
        async with asyncio.timeout(60):
            while _lives(pid):
                await asyncio.sleep(0.01)
        return
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as status:  # noqa: PTH123 - not a file on disk
            state = status.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the latter where it goes while it is read
        return False
    return state != "Z"  # a process that nobody has waited for yet still has its number
