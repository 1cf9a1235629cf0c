# group: light
"""The types of google-genai, which forbid keys they do not know."""

from google.genai import types
from pydantic import TypeAdapter

PACKAGES = ["google-genai"]
FORMATS = ["gemini", "gemini-preference", "racto-gemini"]

CONTENTS = TypeAdapter(list[types.Content])
TOOLS = TypeAdapter(list[types.Tool])
SFT = {"contents", "systemInstruction", "tools"}


def check(record, spec):
    if spec == "gemini-preference":
        record = dict(record)
        # The type knows contents and completions alone; the guide has the instruction beside them.
        if system := record.pop("system_instruction", None):
            types.Content.model_validate(system)
        types.GeminiPreferenceExample.model_validate(record)
        return
    if unknown := record.keys() - SFT:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    CONTENTS.validate_python(record["contents"])
    if "systemInstruction" in record:
        types.Content.model_validate(record["systemInstruction"])
    TOOLS.validate_python(record.get("tools", []))


BAD = [
    ("gemini", {"contents": [{"role": "user", "parts": [{"text": "hi", "colour": 1}]}]}),
    ("gemini", {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": "{}"}}]}]}),
    ("gemini", {"contents": [], "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"$schema": "x"}}]}]}),
    ("gemini-preference", {"contents": [], "completions": [], "id": 1}),
]
