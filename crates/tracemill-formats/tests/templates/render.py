#!/usr/bin/env python3
"""Renders `conversations.jsonl` by every template here, in the way of transformers, for the test `templates`.

    python3 render.py       needs jinja2 (3.1.6 was used)

What comes out is `NAME.txt`: a line of JSON for each conversation, its text, or `null` where the template raises. `chatml`
comes from axolotl 0.19.0, the other templates from trl 1.16.0, both under the Apache License 2.0.
"""

import datetime
import json
import pathlib

from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
DAY = datetime.datetime(2025, 6, 28)


class Generation(Extension):
    """Where the assistant speaks; transformers notes the place, and the text is the same."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("render"), [], [], body).set_lineno(line)

    def render(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def refuse(message):
    raise ValueError(message)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = refuse
    env.globals["strftime_now"] = DAY.strftime
    return env


def messages(record, source):
    """The messages as `hf` writes them, reasoning under the key that the template reads."""
    keys = ["reasoning_content", "thinking", "reasoning"]
    key = next((key for key in keys if key in source), keys[0])
    for message in record["messages"]:
        reasoning = message.pop("reasoning_content", None)
        if reasoning is not None:
            message[key] = reasoning
    return record["messages"]


for path in sorted(HERE.glob("*.jinja")):
    source = path.read_text()
    template = environment().from_string(source)
    lines = []
    for line in (HERE / "conversations.jsonl").read_text().splitlines():
        record = json.loads(line)
        given = {"tools": record.get("tools"), "documents": None, "bos_token": "", "eos_token": "</s>"}
        try:
            text = template.render(messages=messages(record, source), add_generation_prompt=False, **given)
        except Exception:
            text = None
        lines.append(json.dumps(text, ensure_ascii=False) + "\n")
    path.with_suffix(".txt").write_text("".join(lines))
