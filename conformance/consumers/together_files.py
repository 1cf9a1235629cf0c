# group: legacy
"""The file checker of the together client, the last one with rules on records."""

import json
import pathlib
import tempfile

from together.lib.utils.files import check_file

PACKAGES = ["together"]
FORMATS = ["together", "together-preference"]


def check(record, spec):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as file:
        file.write(json.dumps(record) + "\n")
    path = pathlib.Path(file.name)
    try:
        report = check_file(path)
    finally:
        path.unlink()
    if not report["is_check_passed"]:
        raise ValueError(report.get("message"))


PAIR = {
    "input": {"messages": [{"role": "user", "content": "hi"}]},
    "preferred_output": [{"role": "assistant", "content": "a"}],
    "non_preferred_output": [{"role": "assistant", "content": "b"}],
}
BAD = [
    ("together-preference", {**PAIR, "id": 1}),
    ("together-preference", {**PAIR, "preferred_output": []}),
    ("together", {"messages": [{"role": "user", "content": "hi"}]}),
    ("together", {"messages": [{"role": "developer", "content": "hi"}, {"role": "assistant", "content": "a"}]}),
    ("together", {"messages": [{"role": "assistant", "content": "a", "weight": 1.0}]}),
]
