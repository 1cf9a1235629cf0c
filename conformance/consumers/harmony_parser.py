# group: light
"""openai-harmony: every text parses, strictly, and the library makes the same text of what it read.

Its wheel brings no vocabulary. That is a file of the crate tiktoken-rs, which cargo fetches (`vocabulary/`), unless
`TIKTOKEN_ENCODINGS_BASE` names a folder that holds it. The library writes the recipient of a call before the channel, and
its document allows both places: that is evened out before texts are compared.
"""

import json
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent


def vocabulary():
    command = ["cargo", "metadata", "--quiet", "--format-version=1", "--locked"]
    manifest = HERE / "vocabulary" / "Cargo.toml"
    metadata = json.loads(subprocess.check_output([*command, "--manifest-path", str(manifest)]))
    [package] = [package for package in metadata["packages"] if package["name"] == "tiktoken-rs"]
    return str(pathlib.Path(package["manifest_path"]).parent / "assets")


if "TIKTOKEN_ENCODINGS_BASE" not in os.environ:
    os.environ["TIKTOKEN_ENCODINGS_BASE"] = vocabulary()

from openai_harmony import Conversation, HarmonyEncodingName, RenderConversationConfig, load_harmony_encoding

PACKAGES = ["openai-harmony"]
FORMATS = ["harmony", "harmony+prompt-completion", "harmony+segments", "harmony+system"]

ENCODING = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
WHOLE = RenderConversationConfig(auto_drop_analysis=False)
ANSWERS = {"analysis", "commentary", "final"}


def check(record, spec):
    text = whole(record)
    tokens = ENCODING.encode(text, allowed_special="all")
    messages = ENCODING.parse_messages_from_completion_tokens(tokens, strict=True)
    for message in messages:
        if message.author.role == "assistant" and message.channel not in ANSWERS:
            raise ValueError(f"a message of the assistant has the channel {message.channel}")
    conversation = Conversation.from_messages(messages)
    rendered = ENCODING.decode(ENCODING.render_conversation_for_training(conversation, WHOLE))
    wanted = re.sub(r"(<\|start\|>assistant)(<\|channel\|>\w+) (to=[^\s<]+)", r"\1 \3\2", text)
    # The library ends what comes last with the token of a learnt answer, whether it is learnt or not.
    if wanted not in (rendered, re.sub(r"<\|return\|>$", "<|end|>", rendered)):
        raise ValueError(f"the library makes {rendered!r} of {wanted!r}")


def whole(record):
    if "segments" in record:
        return "".join(segment["text"] for segment in record["segments"])
    return record["text"] if "text" in record else record["prompt"] + record["completion"]


BAD = [
    ("harmony", {"text": "user: hi"}),
    ("harmony", {"text": "<|start|>critic<|message|>hi<|end|>"}),
    ("harmony", {"text": "<|start|>assistant<|message|>hi<|end|>"}),
    ("harmony", {"text": "<|start|>assistant<|channel|>commentary to=functions.f<|message|>{}<|end|>"}),
]
