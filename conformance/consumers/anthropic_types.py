# group: light
"""The types of the anthropic client: messages, system and tools as its API takes them."""

from typing import Iterable, Union

from anthropic.types import MessageParam, TextBlockParam, ToolParam
from pydantic import TypeAdapter

PACKAGES = ["anthropic"]
FORMATS = ["anthropic", "bedrock-claude", "racto-anthropic"]

MESSAGES = TypeAdapter(list[MessageParam])
SYSTEM = TypeAdapter(Union[str, Iterable[TextBlockParam]])
TOOLS = TypeAdapter(list[ToolParam])


def check(record, spec):
    drain(MESSAGES.validate_python(record["messages"]))
    if "system" in record:
        drain(SYSTEM.validate_python(record["system"]))
    drain(TOOLS.validate_python(record.get("tools", [])))


def drain(value):
    if isinstance(value, dict):
        for member in value.values():
            drain(member)
    elif not isinstance(value, (str, bytes)) and hasattr(value, "__iter__"):
        for element in value:
            drain(element)


USE = {"type": "tool_use", "id": "t", "name": "f", "input": "{}"}
BAD = [
    ("anthropic", {"messages": [{"role": "tool", "content": "hi"}]}),
    ("anthropic", {"messages": [{"role": "assistant", "content": [USE]}]}),
    ("anthropic", {"messages": [{"role": "user", "content": None}]}),
    ("anthropic", {"messages": [], "tools": [{"name": "f"}]}),
]
