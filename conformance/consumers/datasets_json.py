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
FORMATS = [
    "openai", "hf", "hf+prompt-completion", "sharegpt", "together", "fireworks", "mistral", "alpaca", "axolotl",
    "ms-swift", "fastchat", "gemini", "bedrock-converse", "chatml", "verl", "trl-preference", "trl-kto", "trl-reward",
    "openai-preference", "sharegpt-preference", "sharegpt-kto", "nemo-rl", "openrlhf", "axolotl-preference",
    "ms-swift-preference",
]


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
