# group: llamafactory
"""The loader of LLaMA-Factory, from the file to token ids: converter, template and processor of the stage.

It drops a record that it cannot use with a warning, or trains on something else; so every warning of the kind is a
refusal here, and what is trained on is decoded and has to hold the answers of the record, and the rest to stand before
them. Records with `+v1` go through the reader and the renderer of its rewriting instead, which packs `messages` as they
are. The tokenizer is made here: it has a token for each byte, so that nothing is lost on the way back.
"""

import contextlib
import io
import json
import logging
import os
import pathlib
import tempfile

os.environ.update(HF_DATASETS_OFFLINE="1", HF_HUB_OFFLINE="1", DISABLE_VERSION_CHECK="0")

import datasets
import transformers
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.extras.constants import IGNORE_INDEX
from llamafactory.hparams import DataArguments, ModelArguments
from llamafactory.v1.core.data_engine import DataEngine
from llamafactory.v1.core.utils.rendering import Renderer

from bytes_tokenizer import bytes_tokenizer, in_order

datasets.disable_progress_bars()

PACKAGES = ["llamafactory", "transformers", "datasets"]
FORMATS = ["sharegpt", "sharegpt+v1", "alpaca", "sharegpt-preference", "sharegpt-kto"]
MIXED = "datasets 4.0.0 takes no column of mixed types, and the scores of this metadata are numbers, marks and words"
DEFAULT = "the tool format `default` asks for `parameters.properties`, which this definition does not have"
KNOWN = {
    "golden/media/sharegpt+v1": "the types of 0.9.5 know media in blocks, and none of its templates does yet",
    "golden/metadata/sharegpt": MIXED,
    "golden/metadata/alpaca": MIXED,
    "golden/object-answers/sharegpt.": DEFAULT,
    "golden/tools/sharegpt.": DEFAULT,
}
# Their tool formats differ: that of `qwen` takes any definition, that of `chatml` asks for `parameters.properties`.
TEMPLATES = ["qwen", "chatml"]
STAGES = {"sharegpt-preference": "rm", "sharegpt-kto": "kto"}
DROPPED = ("Invalid role tag", "Invalid message count", "Skipping", "Dropped")


class Warnings(logging.Handler):
    """What LLaMA-Factory says of records that it does not use."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


WARNINGS = Warnings()
LOGGER = logging.getLogger("llamafactory")
LOGGER.handlers = [WARNINGS]
LOGGER.propagate = False


def check(record, spec):
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        datasets.config.HF_DATASETS_CACHE = pathlib.Path(folder)
        path = pathlib.Path(folder) / "data.jsonl"
        path.write_text(json.dumps(record, ensure_ascii=False) + "\n")
        WARNINGS.texts.clear()
        if spec.endswith("+v1"):
            check_blocks(record, path)
        else:
            for template in TEMPLATES:
                check_stage(record, spec, template, path)
    dropped = [text for text in WARNINGS.texts if text.startswith(DROPPED)]
    if dropped:
        raise ValueError(dropped[0])


def check_stage(record, spec, template, path):
    stage = STAGES.get(spec, "sft")
    (path.parent / "dataset_info.json").write_text(json.dumps({"data": description(record, spec)}))
    arguments = DataArguments(template=template, dataset="data", dataset_dir=str(path.parent), cutoff_len=1 << 20)
    model = ModelArguments(model_name_or_path="none", cache_dir=str(path.parent))
    training = transformers.Seq2SeqTrainingArguments(output_dir=str(path.parent), use_cpu=True)
    own = bytes_tokenizer()
    rendering = get_template_and_fix_tokenizer(own, arguments)
    rows = get_dataset(rendering, model, arguments, training, stage, own)["train_dataset"]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} rows of 1")
    row = rows[0]
    if stage == "rm":
        for side in ("chosen", "rejected"):
            texts = said(record, spec) + [record[side]]
            same(own, row[f"{side}_input_ids"], row[f"{side}_labels"], record, texts, len(texts) - 1)
        return
    texts = said(record, spec)
    same(own, row["input_ids"], row["labels"], record, texts, len(texts) - 1 if stage == "kto" else 0)
    if stage == "kto" and row["kto_tags"] != record["kto_tag"]:
        raise ValueError("the verdict is another: an empty answer counts as one that is not wanted")


def description(record, spec):
    """The entry in `dataset_info.json`, with the columns that there are, as the companion file has it."""
    names = {"prompt": "instruction", "query": "input", "response": "output"} if spec == "alpaca" else {"messages": "conversations"}
    names |= {name: name for name in ("system", "tools", "history", "chosen", "rejected", "kto_tag") if name in record}
    formatting = "alpaca" if spec == "alpaca" else "sharegpt"
    return {"file_name": "data.jsonl", "formatting": formatting, "ranking": spec in STAGES and STAGES[spec] == "rm", "columns": names}


def said(record, spec):
    """The turns of a record behind its system message."""
    if spec != "alpaca":
        return [turn for turn in record["conversations"] if turn["from"] != "system"]
    pairs = record.get("history", []) + [["\n".join(filter(None, [record["instruction"], record["input"]])), record["output"]]]
    return [{"from": side, "value": text} for pair in pairs for side, text in zip(("human", "gpt"), pair)]


def same(own, ids, labels, record, turns, first):
    """Everything that was said has to stand in the text in order, and the answers from `first` on among what is learnt."""
    whole = own.decode(ids)
    learnt = own.decode([label for label in labels if label != IGNORE_INDEX])
    in_order(whole, [record.get("system") or ""] + [text for turn in turns for text in texts(turn)], "the text")
    answers = [turn for turn in turns[first:] if turn["from"] in ("gpt", "function_call")]
    in_order(learnt, [text for turn in answers for text in texts(turn)], "what is learnt")


def texts(turn):
    if turn["from"] != "function_call":
        return [turn["value"]]
    thoughts, end, calls = turn["value"].rpartition("\n</think>\n\n")
    calls = json.loads(calls)
    calls = calls if isinstance(calls, list) else [calls]
    # The two tool formats write a call in their own ways; name and arguments are the same in both.
    return [thoughts + end] + [text for call in calls for text in (call["name"], json.dumps(call["arguments"], ensure_ascii=False))]


def check_blocks(record, path):
    sample = DataEngine(str(path))[0]
    for message in sample["messages"]:
        if message["role"] not in ("system", "user", "assistant", "tool"):
            raise ValueError(f"the role {message['role']} is passed over")
    own = bytes_tokenizer()
    for template in ("qwen3", "qwen3_nothink"):
        [row] = Renderer(template, own).process_samples([sample])
        whole = own.decode(row["input_ids"])
        learnt = own.decode([label for label in row["labels"] if label != IGNORE_INDEX])
        if record.get("tools"):
            in_order(whole, [json.dumps(tool, ensure_ascii=False) for tool in json.loads(record["tools"])], "the text")
        for message in record["messages"]:
            within = learnt if message["loss_weight"] > 0 else whole
            in_order(within, [text for block in message["content"] for text in block_texts(block, template)], "the text")


def block_texts(block, template):
    if block["type"] == "tool_call":
        call = json.loads(block["value"])
        # Of arguments that are text, `qwen3` makes no string.
        text = isinstance(call["arguments"], str) and template == "qwen3"
        return [call["name"], call["arguments"] if text else json.dumps(call["arguments"], ensure_ascii=False)]
    # Reasoning before the last user turn is left out by `qwen3`, and line breaks around it are.
    return [] if template == "qwen3" else [block["value"]]


HUMAN, GPT = {"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}
CALL = {"from": "function_call", "value": '{"name":"f","arguments":{}}'}
BLOCK = {"type": "text", "value": "hi"}
BAD = [
    ("sharegpt", {"conversations": [GPT, HUMAN]}),
    ("sharegpt", {"conversations": [HUMAN, GPT, HUMAN]}),
    ("sharegpt", {"conversations": [HUMAN, {"from": "observation", "value": "4 C"}, GPT, HUMAN]}),
    ("sharegpt", {"conversations": [HUMAN, {"from": "function_call", "value": "f()"}]}),
    ("sharegpt", {"conversations": [HUMAN, {"from": "function_call", "value": '{"name":"f"}'}]}),
    ("sharegpt", {"conversations": [HUMAN, {"from": "function_call", "value": "<think>a</think>" + CALL["value"]}]}),
    ("sharegpt", {"conversations": [HUMAN, {"from": "function_call", "value": CALL["value"].replace("{}", '{"a":"<tool_call>b</tool_call>"}')}]}),
    ("sharegpt", {"conversations": [HUMAN, GPT], "tools": " "}),
    ("sharegpt", {"conversations": [HUMAN, CALL], "tools": '[{"name":"f"}]'}),
    ("alpaca", {"instruction": "hi", "input": "", "output": 1}),
    ("alpaca", {"instruction": "hi", "input": "", "output": "ho", "history": [["one"]]}),
    ("sharegpt-preference", {"conversations": [HUMAN, GPT], "chosen": GPT, "rejected": GPT}),
    ("sharegpt-preference", {"conversations": [HUMAN], "chosen": "ho", "rejected": "hu"}),
    ("sharegpt-preference", {"conversations": [HUMAN], "chosen": HUMAN, "rejected": GPT}),
    ("sharegpt-kto", {"conversations": [HUMAN, GPT], "kto_tag": "true"}),
    ("sharegpt-kto", {"conversations": [HUMAN, {"from": "gpt", "value": ""}], "kto_tag": True}),
    ("sharegpt+v1", {"messages": [{"role": "user", "content": "hi", "loss_weight": 0.0}]}),
    ("sharegpt+v1", {"messages": [{"role": "developer", "content": [BLOCK], "loss_weight": 0.0}]}),
    ("sharegpt+v1", {"messages": [{"role": "user", "content": [{"type": "tool_call", "value": "{}"}], "loss_weight": 0.0}]}),
]
