# group: light
"""The types of the openai client: messages and tools as its API takes them.

It has no type for a tuning record: `weight` and the keys of pairs are outside of them. Fields that are iterables are
checked only when they are iterated, so everything is drained.
"""

from typing import Iterable

from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import TypeAdapter

PACKAGES = ["openai"]
FORMATS = ["openai", "openai+json-schema", "openai+toolcall-response", "openai+azure", "openai-rft", "openai-preference"]

MESSAGES = TypeAdapter(Iterable[ChatCompletionMessageParam])
TOOLS = TypeAdapter(Iterable[ChatCompletionFunctionToolParam])


def check(record, spec):
    if "input" in record:
        lists = [record["input"]["messages"], record["preferred_output"], record["non_preferred_output"]]
        tools = record["input"].get("tools", [])
    else:
        lists, tools = [record["messages"]], record.get("tools", [])
    for messages in lists:
        drain(MESSAGES.validate_python(messages))
    drain(TOOLS.validate_python(tools))


def drain(value):
    if isinstance(value, dict):
        for member in value.values():
            drain(member)
    elif not isinstance(value, (str, bytes)) and hasattr(value, "__iter__"):
        for element in value:
            drain(element)


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {}}}
BAD = [
    ("openai", {"messages": [{"role": "human", "content": "hi"}]}),
    ("openai", {"messages": [{"role": "user", "content": None}]}),
    ("openai", {"messages": [{"role": "assistant", "tool_calls": [CALL]}]}),
    ("openai", {"messages": [{"role": "user", "content": "hi"}], "tools": [{"name": "f"}]}),
]
