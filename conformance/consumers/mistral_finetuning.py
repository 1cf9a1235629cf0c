# group: light
"""mistral-common in its finetuning mode: the models of messages and the rules on their order, strict on ids."""

from mistral_common.protocol.instruct.messages import FinetuningAssistantMessage, ChatMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.tool_calls import Tool
from mistral_common.protocol.instruct.validator import (
    MistralRequestValidatorV3,
    ValidationMode,
)
from mistral_common.protocol.instruct import messages as m
from pydantic import TypeAdapter

PACKAGES = ["mistral-common"]
FORMATS = ["mistral"]

KINDS = {
    "system": m.SystemMessage,
    "user": m.UserMessage,
    "assistant": FinetuningAssistantMessage,
    "tool": m.ToolMessage,
}
TOOLS = TypeAdapter(list[Tool])


def validator(record):
    """Text beside a call and thinking came with later tokenizers, whose validators differ in nothing else here."""
    from mistral_common.protocol.instruct import validator as v

    newest = getattr(v, "MistralRequestValidatorV13", None) or v.MistralRequestValidatorV5
    says = lambda message: message.get("content") and message.get("tool_calls")
    thinks = lambda message: isinstance(message.get("content"), list)
    late = any(says(message) or thinks(message) for message in record["messages"])
    kind = newest if late else MistralRequestValidatorV3
    return kind(mode=ValidationMode.finetuning)


def check(record, spec):
    messages = [KINDS[message["role"]].model_validate(message) for message in record["messages"]]
    tools = TOOLS.validate_python(record.get("tools", []))
    request = ChatCompletionRequest[ChatMessage].model_construct(messages=messages, tools=tools or None)
    validator(record).validate_request(request)


USER = {"role": "user", "content": "hi"}
BAD = [
    ("mistral", {"messages": [USER]}),
    ("mistral", {"messages": [USER, {"role": "assistant", "content": "a", "name": "x"}]}),
    ("mistral", {"messages": [USER, {"role": "assistant", "content": "a", "weight": 0.5}]}),
    ("mistral", {"messages": [{"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}]}),
]
