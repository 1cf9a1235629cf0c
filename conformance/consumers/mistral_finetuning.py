# group: light
"""mistral-common in its finetuning mode: the models of messages and the rules on their order, strict on ids."""

from mistral_common.protocol.instruct.messages import FinetuningAssistantMessage, ChatMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.tool_calls import Tool
from mistral_common.protocol.instruct import messages as m
from mistral_common.protocol.instruct import validator as v
from pydantic import TypeAdapter

PACKAGES = ["mistral-common"]
FORMATS = ["mistral", "mistral-v11", "mistral+v3"]

KINDS = {
    "system": m.SystemMessage,
    "user": m.UserMessage,
    "assistant": FinetuningAssistantMessage,
    "tool": m.ToolMessage,
}
TOOLS = TypeAdapter(list[Tool])


# The strictest of the validators whose tokenizers a dialect is for: v11 asks for ids of nine letters and digits, and for
# results that name a call that waits; v13 takes any id.
VALIDATORS = {
    "mistral": v.MistralRequestValidatorV11,
    "mistral-v11": v.MistralRequestValidatorV5,
    "mistral+v3": v.MistralRequestValidatorV3,
}


def check(record, spec):
    messages = [KINDS[message["role"]].model_validate(message) for message in record["messages"]]
    tools = TOOLS.validate_python(record.get("tools", []))
    request = ChatCompletionRequest[ChatMessage].model_construct(messages=messages, tools=tools or None)
    VALIDATORS[spec](mode=v.ValidationMode.finetuning).validate_request(request)


USER = {"role": "user", "content": "hi"}
BAD = [
    ("mistral", {"messages": [USER]}),
    ("mistral", {"messages": [USER, {"role": "assistant", "content": "a", "name": "x"}]}),
    ("mistral", {"messages": [USER, {"role": "assistant", "content": "a", "weight": 0.5}]}),
    ("mistral", {"messages": [{"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}]}),
    ("mistral", {"messages": [{"role": "assistant", "content": "a"}]}),
    ("mistral", {"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "call_1", "function": {"name": "f", "arguments": "{}"}}]}]}),
    ("mistral+v3", {"messages": [USER, {"role": "assistant", "content": ""}]}),
]
