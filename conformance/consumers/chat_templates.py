# group: light
"""Chat templates as they are published, rendered by jinja2 in the way of transformers.

A rendered text is taken apart into the messages that it says, and the template has to make the same text of them. The
templates stand beside the golden files, in `templates/`: `chatml` from axolotl 0.19.0, the others from trl 1.16.0, both under the Apache License 2.0.
"""

import json
import pathlib
import re

from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

PACKAGES = ["jinja2"]
NAMES = ["chatml", "hermes", "llama3", "text-template"]
FORMATS = [name + extension for name in NAMES for extension in ("", "+prompt-completion", "+segments")] + ["llama3+dates"]
KNOWN = {
    "golden/arguments/hermes": "the template prints text that is no JSON bare, a key that stands twice once, and 1.50 as 1.5",
    "golden/arguments/llama3": "Python prints 1.50 as 1.5",
    "golden/arguments/text-template": "as for hermes",
    "golden/roles-and-names/text-template": "as for hermes",
    "golden/roles-and-names/hermes": "the template prints the text of a call that is not of a function bare",
    "golden/unusual-text/hermes": "U+2028 is escaped in JSON, and Python leaves it as it is",
    "golden/unusual-text/llama3": "U+2028 is escaped in JSON, and Python leaves it as it is",
}


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    env.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    # White space around what a message says stays in the records.
    env.filters["trim"] = lambda text: text
    env.globals["raise_exception"] = refuse
    return env


def refuse(message):
    raise ValueError(message)


TEMPLATES_FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates/tracemill-formats/tests/templates"
ENVIRONMENT = environment()
TEMPLATES = {
    name: ENVIRONMENT.from_string((TEMPLATES_FOLDER / f"{name}.jinja").read_text())
    for name in ("chatml", "qwen3_instruct_2507", "llama3", "llama3_1")
}


def check(record, spec):
    text = whole(record)
    name = spec.split("+")[0]
    rendered = {"chatml": chatml, "hermes": hermes, "llama3": llama3, "text-template": hermes}[name](text, spec)
    # The last line end is left out where TRL wants the token that ends a turn.
    if text not in (rendered, rendered.removesuffix("\n")):
        raise ValueError(f"the template makes {rendered!r} of {text!r}")


def whole(record):
    if "segments" in record:
        return "".join(segment["text"] for segment in record["segments"])
    return record["text"] if "text" in record else record["prompt"] + record["completion"]


def turns(text, pattern):
    found = list(re.finditer(pattern, text, re.DOTALL))
    if "".join(turn.group(0) for turn in found) != text:
        raise ValueError(f"this is no sequence of turns: {text!r}")
    return [(turn.group(1), turn.group(2)) for turn in found]


def im_turns(text):
    return turns(text, r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>\n?")


def chatml(text, spec):
    messages = [{"role": role, "content": content} for role, content in im_turns(text)]
    return TEMPLATES["chatml"].render(messages=messages, add_generation_prompt=False)


TOOLS = re.compile(r"(.*?)(?:\n\n)?# Tools\n\nYou may call.*?<tools>\n(.*?)\n</tools>\n\nFor each function call", re.DOTALL)
CALL = re.compile(r"\n?<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)
RESULT = re.compile(r"\n?<tool_response>\n(.*?)\n</tool_response>", re.DOTALL)


def hermes(text, spec):
    messages, tools = [], None
    for role, content in im_turns(text):
        head = TOOLS.match(content) if role == "system" and not messages else None
        if head:
            tools = [json.loads(line) for line in head.group(2).split("\n")]
            if content.startswith("# Tools"):
                continue
            content = head.group(1)
        if role == "assistant" and "<tool_call>" in content:
            calls = [json.loads(call) for call in CALL.findall(content)]
            content = CALL.sub("", content)
            messages.append({"role": role, "content": content, "tool_calls": [{"function": call} for call in calls]})
        elif role == "user" and content.startswith("<tool_response>"):
            messages += [{"role": "tool", "content": result} for result in RESULT.findall(content)]
        else:
            messages.append({"role": role, "content": content})
    return TEMPLATES["qwen3_instruct_2507"].render(messages=messages, tools=tools, add_generation_prompt=False)


DATES = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
HEAD = re.compile(r"Given the following functions.*?Do not use variables\.\n\n(.*\n})\n\n", re.DOTALL)


def llama3(text, spec):
    messages, tools = [], None
    for role, content in turns(text, r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)<\|eot_id\|>"):
        if role == "system" and not messages and "dates" in spec:
            content = content.removeprefix("Environment: ipython\n").removeprefix(DATES)
        head = HEAD.match(content) if role == "user" else None
        if head:
            tools = json.loads("[" + head.group(1).replace("\n}\n\n{", "\n},{") + "]")
            content = content[head.end() :]
        if role == "assistant" and re.match(r'\{"name":.*"parameters":', content):
            call = json.loads(content)
            function = {"name": call["name"], "arguments": call["parameters"]}
            messages.append({"role": role, "tool_calls": [{"function": function}]})
        elif role == "ipython":
            messages.append({"role": "tool", "content": json.loads(content)})
        else:
            messages.append({"role": role, "content": content})
    rendered = TEMPLATES["llama3_1"].render(messages=messages, tools=tools, bos_token="", add_generation_prompt=False)
    if "dates" in spec:
        return rendered
    rendered = rendered.replace("Environment: ipython\n", "", 1).replace(DATES, "", 1)
    if messages[0]["role"] != "system":
        rendered = rendered.removeprefix("<|start_header_id|>system<|end_header_id|>\n\n<|eot_id|>")
    if not tools and not any("tool_calls" in message or message["role"] == "tool" for message in messages):
        plain = TEMPLATES["llama3"].render(messages=messages, bos_token="", add_generation_prompt=False)
        if plain != rendered:
            raise ValueError("the templates of Llama 3 and Llama 3.1 differ")
    return rendered


BAD = [
    ("chatml", {"text": "user: hi"}),
    ("chatml", {"text": "<|im_start|>user\nhi<|im_end|>\n\n<|im_start|>assistant\nho<|im_end|>"}),
    ("hermes", {"text": '<|im_start|>assistant\n<tool_call>\n{"name":"f","arguments":{"a":1}}\n</tool_call><|im_end|>'}),
    ("hermes", {"text": "<|im_start|>tool\n4 C<|im_end|>\n<|im_start|>assistant\nho<|im_end|>"}),
    ("llama3", {"text": '<|start_header_id|>assistant<|end_header_id|>\n\n{"name":"f","parameters": {}}<|eot_id|>'}),
    ("llama3", {"text": "<|start_header_id|>ipython<|end_header_id|>\n\n4 C<|eot_id|>"}),
    ("llama3+dates", {"text": "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"}),
]
