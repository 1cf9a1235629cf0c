# group: frames
"""`load_dataset("json")` of Hugging Face datasets: does the file become a table with every record?"""

import json
import logging
import os
import pathlib
import tempfile

os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import datasets

datasets.disable_progress_bars()
logging.disable(logging.CRITICAL)

PACKAGES = ["datasets"]
TRAINERS = [
    "openai", "openai+azure", "openai+json-schema", "openai+toolcall-response", "openai-preference", "openai-rft", "together",
    "together-preference", "fireworks", "fireworks-dpo", "mistral", "mistral+v3", "mistral-v11", "gemini", "gemini+legacy",
    "gemini-preference", "bedrock-converse", "bedrock-converse+llama", "nova-dpo", "hf", "hf+arguments-text", "hf+conversations",
    "hf+one-call", "hf+prompt-completion", "hf+reasoning", "hf+thinking", "hf+toolcall-response", "hf+tools-text",
    "trl-preference", "trl-preference+implicit-prompt", "trl-preference+standard", "trl-kto", "trl-reward",
    "trl-prompt-completion", "trl-prompt-completion+text", "trl-prompt-only", "trl-prompt-only+text", "sharegpt",
    "sharegpt+v1", "sharegpt-preference", "sharegpt-kto", "alpaca", "axolotl", "axolotl-preference", "ms-swift",
    "ms-swift-preference", "fastchat", "verl+answer", "nemo-sft", "nemo-rl", "nemo-dpo", "nemo-dpo+last-message",
    "nemo-dpo+string", "openrlhf",
]
RENDERED = ["chatml", "hermes", "llama3", "harmony", "text-template"]
FORMATS = TRAINERS + [name + extension for name in RENDERED for extension in ("", "+prompt-completion", "+segments")]


def check(record, spec):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "data.jsonl"
        line = json.dumps(record, ensure_ascii=False) + "\n"
        path.write_text(line + line)
        loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=folder)
        if loaded.num_rows != 2:
            raise ValueError(f"{loaded.num_rows} rows of 2")
        same(record, loaded[0], "")


def same(written, read, place):
    """What was written has to come back: nulls for what other records have are all that may be added."""
    if isinstance(written, dict):
        if not isinstance(read, dict):
            raise ValueError(f"{place}: {type(read).__name__} for an object")
        for key, value in written.items():
            same(value, read.get(key), f"{place}/{key}")
    elif isinstance(written, list):
        if len(written) != len(read):
            raise ValueError(f"{place}: {len(read)} elements of {len(written)}")
        for index, value in enumerate(written):
            same(value, read[index], f"{place}/{index}")
    elif written != read:
        raise ValueError(f"{place}: {read!r} for {written!r}")


BAD = [
    ("hf", {"messages": [{"role": "user", "content": "\ud800"}]}),
]
