# group: tuners
"""ms-swift, from the file to token ids: its loader with the preprocessor that it finds by itself, and the template.

The template is that of Qwen 2.5 with the tool format `hermes`. What is learnt is decoded, and has to be the answers of the
record that are not marked `"loss": false`, nothing else; everything else has to stand in the text, in order. The tokenizer
is made here: it has a token for each byte.
"""

import json
import logging
import os
import pathlib
import tempfile

CACHE = tempfile.TemporaryDirectory()
os.environ.update(HF_DATASETS_OFFLINE="1", HF_HUB_OFFLINE="1", HF_DATASETS_CACHE=CACHE.name, MODELSCOPE_CACHE=CACHE.name)

import torch
import transformers
from swift.dataset import load_dataset
from swift.model import MODEL_MAPPING
from swift.model.model_meta import ModelInfo
from swift.template import get_template

from bytes_tokenizer import bytes_tokenizer, in_order

logging.disable(logging.CRITICAL)

PACKAGES = ["ms-swift", "transformers", "datasets"]
FORMATS = ["ms-swift", "ms-swift-preference"]
LOST = "text that is no JSON stands where arguments belong, which `check` finds and the loss of arguments says"
KNOWN = {
    "golden/arguments/ms-swift": LOST,
    "golden/roles-and-names/ms-swift": LOST,
    "golden-preference/arguments/ms-swift-preference": LOST,
    "golden-preference/broken/ms-swift-preference": LOST,
}


def template():
    made = bytes_tokenizer("<|im_end|>")
    made.model_meta = MODEL_MAPPING["qwen2"]
    config = transformers.Qwen2Config()
    made.model_info = ModelInfo("qwen2", "none", torch.float32, 1 << 20, None, None, config=config, task_type="causal_lm")
    return get_template(made, template_type="qwen2_5", agent_template="hermes")


TEMPLATE = template()


def check(record, spec):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "data.jsonl"
        path.write_text(json.dumps(record, ensure_ascii=False) + "\n")
        rows, _ = load_dataset([str(path)], strict=True, load_from_cache_file=False)
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} rows of 1")
        row = rows[0]
    if spec == "ms-swift":
        TEMPLATE.set_mode("train")
        encoded = TEMPLATE.encode(row)
        same(encoded["input_ids"], encoded["labels"], record["messages"], record.get("tools"))
        return
    TEMPLATE.set_mode("rlhf")
    encoded = TEMPLATE.encode(row)
    for side, key, tools in (("chosen", "messages", "tools"), ("rejected", "rejected_messages", "rejected_tools")):
        same(encoded[f"{side}_input_ids"], encoded[f"{side}_labels"], record[key], record.get(tools))


def same(ids, labels, messages, tools):
    decode = TEMPLATE.tokenizer.decode
    definitions = [json.dumps(tool, ensure_ascii=False) for tool in json.loads(tools or "[]")]
    system = [message for message in messages[:1] if message["role"] == "system"]
    rest = messages[len(system) :]
    said = [text for message in system for text in texts(message)] + definitions + [text for message in rest for text in texts(message)]
    in_order(decode(ids), said, "the text")
    learnt = decode([label for label in labels if label != -100])
    answers = [message for message in messages if message["role"] in ("assistant", "tool_call") and message.get("loss", True)]
    left = in_order(learnt, [text for message in answers for text in texts(message)], "what is learnt")
    left = left.replace("<|im_end|>", "").replace("<tool_call>", "").replace("</tool_call>", "")
    if left.strip("\n"):
        raise ValueError(f"more is learnt than the answers: {left!r}")
    if not learnt:
        raise ValueError("nothing is learnt")


def texts(message):
    if message["role"] != "tool_call":
        return [message["content"]]
    call = json.loads(message["content"])
    return [json.dumps({"name": call["name"], "arguments": call["arguments"]}, ensure_ascii=False)]


USER, ASSISTANT = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}
CALL = {"role": "tool_call", "content": '{"name":"f","arguments":{}}'}
RESULT = {"role": "tool_response", "content": "4 C"}
BAD = [
    ("ms-swift", {"messages": [USER, {"role": "assistant", "content": None}]}),
    ("ms-swift", {"messages": [USER, {"role": "developer", "content": "a"}, ASSISTANT]}),
    ("ms-swift", {"messages": [USER, {"role": "system", "content": "a"}, ASSISTANT]}),
    ("ms-swift", {"messages": [USER, CALL, RESULT, USER, ASSISTANT]}),
    ("ms-swift", {"messages": [RESULT, ASSISTANT]}),
    ("ms-swift", {"messages": [USER, {"role": "tool_call", "content": '{"name":"f","arguments":"{"}'}, RESULT, ASSISTANT]}),
    ("ms-swift", {"messages": [USER, {"role": "tool_call", "content": "f()"}, RESULT, ASSISTANT]}),
    ("ms-swift", {"messages": [USER, ASSISTANT], "tools": "f"}),
    ("ms-swift", {"messages": []}),
    ("ms-swift-preference", {"messages": [USER, ASSISTANT]}),
    ("ms-swift-preference", {"messages": [USER, ASSISTANT], "rejected_messages": [USER, {"role": "assistant", "content": None}]}),
]
