"""A real server whose actions run while it is killed, stopped, or started again."""

from collections import Counter
from pathlib import Path
from typing import Any

FINAL = {"succeeded", "failed", "timeout", "canceled", "abandoned"}
PACK = "ref: t\nname: t\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@example.org\n"
ACTION = """
name: {name}
runner_type: local-shell-cmd
description: d
on_interruption: {on_interruption}
parameters:
  cmd: {{type: string, required: true}}
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def make_pack(tmp_path: Path) -> Path:
    """Write a pack with an action that may run again after an interruption, and one that may not."""
    actions = tmp_path / "packs" / "t" / "actions"
    actions.mkdir(parents=True)
    (actions.parent / "pack.yaml").write_text(PACK)
    for name, on_interruption in (("again", "retry"), ("once", "fail")):
        (actions / f"{name}.yaml").write_text(ACTION.format(name=name, on_interruption=on_interruption))
    return actions.parents[1]


def start(server: Any, action: str, cmd: str) -> str:
    answer = server.post("/api/v1/executions", {"action": action, "parameters": {"cmd": cmd}})
    assert answer.status == 201, answer.body
    execution_id: str = answer.json["id"]
    return execution_id


def get(server: Any, execution_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/api/v1/executions/{execution_id}").json
    return found


def completed(server: Any, execution_id: str) -> dict[str, Any]:
    def final() -> dict[str, Any] | None:
        found = get(server, execution_id)
        return found if found["status"] in FINAL else None

    done: dict[str, Any] = server.wait_until(final, 30, f"the end of {execution_id}")
    return done


def test_kill_9_leaves_no_child_and_no_riddle(make_server: Any, tmp_path: Path) -> None:
    """After kill -9 no action is alive 6 s later; after the next start each is abandoned with a reason, or runs again."""
    server = make_server(packs=make_pack(tmp_path))
    pids = tmp_path / "pids"
    cmd = f"echo $$ >>{pids}; sleep 600 & echo $! >>{pids}; wait"
    once = [start(server, "t.once", cmd) for _ in range(10)]
    marker = tmp_path / "marker"
    again = start(server, "t.again", f"if [ -e {marker} ]; then echo second; else touch {marker}; {cmd}; fi")
    server.wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 22, what="the start of all")
    server.kill()
    left = [int(line) for line in pids.read_text().split()]
    server.wait_until(lambda: not any(alive(pid) for pid in left), 6, "the end of all children")
    server.start()
    for execution_id in once:
        done = completed(server, execution_id)
        assert done["status"] == "abandoned"
        assert "it may already have had its effect, so it was not run again" in done["result"]["error"]
    assert completed(server, again)["result"]["stdout"] == "second"
    assert len(pids.read_text().split()) == 22, "nothing else was started a second time"


def test_sigterm_ends_what_runs_and_says_so(make_server: Any, tmp_path: Path) -> None:
    """SIGTERM: what ends within the grace time succeeds, the rest is ended and abandoned; exit code 0; no child is left."""
    server = make_server(packs=make_pack(tmp_path), environment={"STORMLET_SERVER__SHUTDOWN_GRACE": "3"})
    pids = tmp_path / "pids"
    short = start(server, "t.once", f"echo $$ >>{pids}; sleep 0.5; echo done")
    long = start(server, "t.once", f"echo $$ >>{pids}; trap '' TERM; sleep 600 & wait; sleep 600")
    waiting = start(server, "t.again", f"echo $$ >>{pids}; [ -e {tmp_path}/go ] || sleep 600; echo again")
    server.wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 3, what="the start of all")
    assert server.terminate() == 0
    assert not any(alive(int(pid)) for pid in pids.read_text().split())
    (tmp_path / "go").touch()
    server.start()
    assert completed(server, short)["result"]["stdout"] == "done"
    abandoned = completed(server, long)
    assert abandoned["status"] == "abandoned"
    assert abandoned["result"]["error"].startswith("the engine was stopped while this action was running")
    assert completed(server, waiting)["result"]["stdout"] == "again"


def test_every_action_starts_and_ends_once_over_many_crashes(make_server: Any, tmp_path: Path) -> None:
    """Four kill -9 under load: each execution has one outcome, and what may not run twice did not."""
    server = make_server(packs=make_pack(tmp_path))
    runs = tmp_path / "runs"
    ids: dict[str, str] = {}
    for crash in range(4):  # a fifth interruption of the same one would be its last
        for number in range(20):
            name = "t.again" if number % 2 else "t.once"
            cmd = f"echo $ST2_ACTION_EXECUTION_ID >>{runs}; sleep 0.{number % 4}"
            ids[start(server, name, cmd)] = name
        server.wait_until(lambda least=crash * 20 + 5: runs.exists() and len(runs.read_text().split()) > least)
        server.kill()
        server.start()
    done = {execution_id: completed(server, execution_id) for execution_id in ids}
    starts = Counter(runs.read_text().split())
    for execution_id, name in ids.items():
        states = [entry["status"] for entry in done[execution_id]["log"]]
        assert len([state for state in states if state in FINAL]) == 1
        if name == "t.once":
            assert starts[execution_id] <= 1
            assert states.count("running") == 1
            assert done[execution_id]["status"] in ("succeeded", "abandoned")
        else:
            assert starts[execution_id] >= 1
            assert done[execution_id]["status"] == "succeeded", done[execution_id]["result"]
