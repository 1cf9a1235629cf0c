# group: tuners
"""The prompt strategies of axolotl, which make token ids and labels of records.

`chat_template` reads `axolotl`, with the stanza of the companion file and templates that axolotl ships; `input_output` reads
segments; `chat_template.default` of its preference strategies reads pairs. What is learnt is decoded and compared with what
the record says should be. The tokenizer is made here: it has a token for each byte.
"""

import json
import logging
import os
import pathlib
import re
import tempfile

os.environ.update(HF_DATASETS_OFFLINE="1", HF_HUB_OFFLINE="1")

import datasets
from axolotl.prompt_strategies import load
from axolotl.prompt_strategies.dpo import load as load_dpo
from axolotl.utils.dict import DictDefault

from bytes_tokenizer import bytes_tokenizer, in_order

datasets.disable_progress_bars()
logging.disable(logging.CRITICAL)

PACKAGES = ["axolotl", "transformers", "datasets"]
RENDERED = ["chatml", "hermes", "llama3", "harmony", "text-template"]
FORMATS = ["axolotl", "axolotl-preference"] + [f"{name}+segments" for name in RENDERED]
LOST = "text that is no JSON object stands where arguments belong, which `check` finds and the loss of arguments says"
EMPTY = "an answer that is empty has no place in the text that could be found, so nothing of the record is learnt"
KNOWN = {
    "golden/arguments/axolotl": LOST,
    "golden/roles-and-names/axolotl": LOST,
    "golden/empty-content/axolotl": EMPTY,
    "golden/media/axolotl": EMPTY,
}

TOKENIZER = bytes_tokenizer("<|im_end|>")
CONFIG = {"sequence_len": 1 << 20, "train_on_inputs": False}
STANZA = {"type": "chat_template", "field_messages": "messages", "message_field_training": "train", "roles_to_train": ["assistant"],
          "train_on_eos": "turn"}
# The first keeps texts as they are and knows nothing of reasoning; the second knows its field.
CHATS = {name: load("chat_template", TOKENIZER, DictDefault({**CONFIG, "chat_template": name}), STANZA) for name in ("qwen_25", "qwen3")}
SEGMENTS = load("input_output", TOKENIZER, DictDefault(CONFIG), {})
PAIRS, _ = load_dpo("chat_template.default", DictDefault({**CONFIG, "chat_template": "chatml", "datasets": [{}]}), dataset_idx=0)


def check(record, spec):
    if spec.endswith("+segments"):
        return check_segments(read(record))
    if spec == "axolotl-preference":
        return check_pair(read(record))
    check_chat(read(record), record)


def read(record):
    """The record as it comes out of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "data.jsonl"
        path.write_text(json.dumps(record, ensure_ascii=False) + "\n")
        return datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=folder)[0]


def learnt(row):
    return TOKENIZER.decode([label for label in row["labels"] if label != -100])


def check_segments(row):
    made = SEGMENTS.tokenize_prompt(row)
    for segment in row["segments"]:
        if not isinstance(segment["label"], bool) or not isinstance(segment["text"], str):
            raise ValueError(f"this is no segment: {segment}")
    if TOKENIZER.decode(made["input_ids"]) != "".join(segment["text"] for segment in row["segments"]):
        raise ValueError("the text is another")
    answers = "".join(segment["text"] for segment in row["segments"] if segment["label"])
    if learnt(made) != answers or not answers:
        raise ValueError(f"what is learnt is another, or nothing: {learnt(made)!r}")


def check_pair(row):
    made = PAIRS(dict(row), tokenizer=TOKENIZER)
    in_order(made["prompt"], [message["content"] for message in row["messages"]], "the prompt")
    for side in ("chosen", "rejected"):
        if made[side] != (row[side]["content"] + "<|im_end|>\n").rstrip():
            raise ValueError(f"`{side}` becomes {made[side]!r}")


def check_chat(row, record):
    made = CHATS["qwen_25"].tokenize_prompt(row)
    tools = [json.dumps(tool, ensure_ascii=False) for tool in record.get("tools", [])]
    system = [message for message in record["messages"][:1] if message["role"] == "system"]
    rest = record["messages"][len(system) :]
    said = [text for message in system for text in texts(message)] + tools + [text for message in rest for text in texts(message)]
    in_order(TOKENIZER.decode(made["input_ids"]), said, "the text")
    answers = [message for message in rest if message["role"] == "assistant" and message.get("train", True)]
    left = in_order(learnt(made), [text for message in answers for text in texts(message)], "what is learnt")
    if FRAME.sub("", left):
        raise ValueError(f"more is learnt than the answers: {left!r}")
    if not learnt(made):
        raise ValueError("nothing is learnt")
    thoughts = answers[-1].get("reasoning_content") if answers and answers[-1] is rest[-1] else None
    if thoughts:
        in_order(learnt(CHATS["qwen3"].tokenize_prompt(row)), [thoughts.strip("\n")], "what is learnt")


# What the template puts around calls, and the end of a turn.
FRAME = re.compile(r'<\|im_end\|>|\n|</?tool_call>|\{"name": "|", "arguments": |\}')


def texts(message):
    """What stands in the text of a message, piece by piece."""
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return [message.get("content") or ""] + [
        text for call in calls for text in (call["name"], json.dumps(call["arguments"], ensure_ascii=False))
    ]


USER, ASSISTANT = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "answer"}
FUNCTION = {"type": "function", "function": {"name": "f", "arguments": "{"}}
BAD = [
    ("axolotl", {"conversations": [USER, ASSISTANT]}),
    ("axolotl", {"messages": [USER, {**ASSISTANT, "train": False}]}),
    ("axolotl", {"messages": [USER, {"role": "assistant", "content": "", "tool_calls": [FUNCTION]}]}),
    ("axolotl", {"messages": [USER, ASSISTANT], "tools": "f"}),
    ("axolotl", {"messages": [USER, {"role": "function", "content": "4 C"}, ASSISTANT]}),
    ("chatml+segments", {"segments": [{"text": "hi", "label": False}]}),
    ("chatml+segments", {"segments": [{"text": "hi"}, {"text": "ho", "label": True}]}),
    ("chatml+segments", {"text": "hi"}),
    ("axolotl-preference", {"messages": [USER], "chosen": ASSISTANT, "rejected": {"role": "assistant", "content": None}}),
    ("axolotl-preference", {"messages": [USER], "chosen": ASSISTANT, "rejected": {"role": "assistant", "content": ""}}),
    ("axolotl-preference", {"messages": [USER], "chosen": ASSISTANT, "rejected": {"role": "assistant", "content": "dummy"}}),
    ("axolotl-preference", {"messages": [{"role": "developer", "content": "a"}], "chosen": ASSISTANT, "rejected": USER}),
]
