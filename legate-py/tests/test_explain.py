"""`legate.explain`: the report of a small program, word by word but for its times; and what the trace of `--profile` tells."""

import json
import re

import pytest
from support import run_python

import legate
import legate.numpy as np

# One process, small arrays at once: what the report says depends on it.
PLAIN = {"LEGATE_SIM_RANKS": "0", "LEGATE_INLINE": "1", "LEGATE_MAPPER": "default", "LEGATE_FUSE": "1", "LEGATE_EXECUTOR": "parallel"}


def report(code, env=None):
    """What `code` prints, with times, rates and numbers of chunks and threads masked."""
    finished = run_python(code, env={**PLAIN, **(env or {})})
    assert finished.returncode == 0, finished.stderr
    text = re.sub(r"\d[\d.e+-]* (us|ms|s)\b", "T", finished.stdout)
    text = re.sub(r"\d[\d.e+-]* GB/s", "R", text)
    return re.sub(r"\d+ chunks? on \d+ threads?", "C", text)


PROGRAM = """
import legate, legate.numpy as np
x = np.arange(300_000.0)
small = np.ones(3)
legate.fence()
def step():
    y = 2.0 * x
    z = y + 1.0
    del y
    s = z.sum()
    w = z / s
    small + small
    return w, float(s)
print(legate.explain(step))
"""


def test_report():
    assert report(PROGRAM).strip() == """
4 operations in 2 groups, 3 of them fused; 1 call computed at once
9.6 MB read or written in T; 2.4 MB of results not stored

3 operations on 300000
    <string>:7   multiply
    <string>:8   add
    <string>:10  add.reduce
  4.8 MB read or written in T, R; predicted T; C
  1 result not stored, 2.4 MB
  begins a group: it is the first of its window

1 operation on 300000
    <string>:11  divide
  4.8 MB read or written in T, R; predicted T; C
  begins a group, after <string>:10: it needs the result of a reduction, which takes all points

at once, since the arrays are small and their values at hand:
    <string>:12  add on 3 points

window ended: a value was read at <string>:13
copies: 1, 8 B
""".strip()


def test_rounds_of_a_loop_are_told_once():
    text = report(
        """
        import legate, legate.numpy as np
        x = np.arange(300_000.0)
        def loop():
            total = 0.0
            for i in range(5):
                total += float((x * i).sum())
            return total
        print(legate.explain(loop))
        """
    )
    assert text.startswith("10 operations in 5 groups, 10 of them fused")
    assert text.count("\n2 operations on 300000, 5 times\n") == 1
    assert "window ended, 5 times: a value was read at <string>:7" in text


def test_without_fusion_the_report_says_so():
    text = report(PROGRAM, {"LEGATE_FUSE": "0"})
    assert "4 operations in 4 groups, 0 of them fused" in text
    assert text.count("begins a group: fusion is off") == 4


def test_what_falls_back_is_told():
    explanation = legate.explain(lambda: np.linalg.det(np.eye(4)))
    assert explanation.fallbacks == {"linalg.det": 1}
    assert "left to NumPy: linalg.det" in str(explanation)


def test_code_and_results():
    explanation = legate.explain("y = np.arange(300_000) * 2\nz = int(y[3])")
    assert explanation.result["z"] == 6
    (group,) = [group for group in explanation.groups if "multiply" in group.operations[-1].name]
    assert group.shape == (300_000,) and group.operations[-1].line == 1
    assert group.bytes >= 2_400_000 and group.measured_s > 0 and group.predicted_s > 0


def test_what_nobody_reads_is_not_computed():
    x = np.ones(300_000)
    legate.fence()

    def let_go():
        x + 1

    explanation = legate.explain(let_go)
    assert [group.dead for group in explanation.groups] == [True]
    assert "not computed: nobody holds a result" in str(explanation)


def test_an_exception_passes_through_and_ends_the_recording():
    with pytest.raises(ZeroDivisionError):
        legate.explain(lambda: 1 // 0)
    assert legate.explain(lambda: None).groups == []


def test_profile_tells_the_same(tmp_path):
    path = tmp_path / "trace.json"
    finished = run_python(PROGRAM.replace("print(legate.explain(step))", "step()"), env={**PLAIN, "LEGATE_PROFILE": str(path)})
    assert finished.returncode == 0, finished.stderr
    tasks = [event for event in json.loads(path.read_text())["traceEvents"] if event.get("cat") == "task"]
    fused = [event["args"]["fused"] for event in tasks if len(event["args"].get("fused", [])) == 3]
    assert fused and fused[0] == ["multiply <string>:7", "add <string>:8", "add.reduce <string>:10"]
    reasons = {event["args"].get("apart") for event in tasks}
    assert "it needs the result of a reduction, which takes all points (after <string>:10)" in reasons
    assert all(event["args"]["predicted_us"] > 0 for event in tasks if "fused" in event["args"])


def test_groups_in_one_walk_over_rows_are_told_so():
    text = report(
        """
        import legate, legate.numpy as np
        X = np.arange(3_200_000.0).reshape(100_000, 32) * 1e-7
        w = np.ones(32)
        def step():
            return X.T.dot(1.0 / (1.0 + np.exp(-X.dot(w))))
        g = step()
        legate.fence()
        print(legate.explain(step))
        """
    )
    assert "6 operations in 3 groups" in text
    assert text.count("in the walk over rows that begins with <string>:6") == 2
    assert text.count("GB/s") == 0 and text.count(", R; predicted") == 1, "the figures stand once"
