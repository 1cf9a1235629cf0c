# group: trl
"""The data utilities of TRL, as its trainers call them: is it conversational, where is the prompt, and does a chat
template that TRL ships render it, with tools, to a prompt and a completion that begins behind it?

The tokenizer is made here: it splits at white space, because only the template matters.
"""

import json
import pathlib

import tokenizers
import transformers
import trl
from trl.data_utils import is_conversational, maybe_apply_chat_template, maybe_extract_prompt

PACKAGES = ["trl", "transformers"]
FORMATS = [
    "hf", "hf+prompt-completion", "trl-preference", "trl-preference+implicit-prompt", "trl-preference+standard", "trl-kto",
    "trl-reward", "trl-prompt-completion", "trl-prompt-completion+text", "trl-prompt-only", "trl-prompt-only+text", "hf+one-call",
    "hf+reasoning", "hf+thinking", "hf+tools-text",
] + [name + extension for name in ("chatml", "hermes", "llama3", "harmony", "text-template") for extension in ("", "+prompt-completion")]
# Which keys a record of each kind may have, beside `tools` and `metadata`.
KINDS = [{"messages"}, {"prompt", "completion"}, {"prompt", "chosen", "rejected"}, {"chosen", "rejected"},
         {"prompt", "completion", "label"}, {"chosen", "rejected", "margin"}, {"prompt"}, {"text"}]

TEMPLATES = pathlib.Path(trl.__file__).parent / "chat_templates"


def tokenizer():
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>")
    made.chat_template = (TEMPLATES / "qwen3.jinja").read_text()
    return made


TOKENIZER = tokenizer()


def check(record, spec):
    record = {key: value for key, value in record.items() if key != "metadata"}
    tools = record.pop("tools", None)
    if record.keys() not in KINDS:
        raise ValueError(f"no kind of data set has the columns {sorted(record)}")
    if "label" in record and not isinstance(record["label"], bool):
        raise ValueError("`label` is no bool")
    if not is_conversational(record):
        texts = [value for key, value in record.items() if key not in ("label", "margin")]
        if not all(isinstance(value, str) for value in texts):
            raise ValueError("neither conversational nor text")
        return
    extracted = maybe_extract_prompt(dict(record))
    if "margin" not in record and "prompt" in extracted and not extracted["prompt"]:
        raise ValueError("the prompt is empty")
    if isinstance(tools, str):
        tools = json.loads(tools)
    rendered = maybe_apply_chat_template(extracted, TOKENIZER, tools=tools)
    for key, value in rendered.items():
        if key not in ("label", "margin") and not (isinstance(value, str) and value):
            raise ValueError(f"`{key}` renders to nothing")


USER = {"role": "user", "content": "hi"}
BAD = [
    ("hf", {"messages": "hi", "other": 1}),
    ("trl-kto", {"prompt": [USER], "completion": [{"role": "assistant", "content": "a"}], "label": 1}),
    ("chatml", {"text": ["hi"]}),
    ("chatml+prompt-completion", {"prompt": "hi", "completion": [USER]}),
    ("chatml+segments", {"segments": [{"text": "hi", "label": True}]}),
    ("trl-preference", {"prompt": [{"role": "system", "content": "s"}], "chosen": [USER], "rejected": [USER]}),
]
