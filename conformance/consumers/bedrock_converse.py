# group: light
"""The service model of Bedrock's Converse in botocore: structure, unions and required members; no enumerations."""

import botocore.session
from botocore.validate import ParamValidator

PACKAGES = ["botocore"]
FORMATS = ["bedrock-converse", "bedrock-converse+llama"]

SHAPE = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
KNOWN_KEYS = {"schemaVersion", "system", "messages", "toolConfig"}


def check(record, spec):
    if unknown := record.keys() - KNOWN_KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    request = {key: value for key, value in record.items() if key != "schemaVersion"}
    report = ParamValidator().validate({"modelId": "m", **request}, SHAPE)
    if report.has_errors():
        raise ValueError(report.generate_report())


BAD = [
    ("bedrock-converse", {"messages": [{"role": "user", "content": "hi"}]}),
    ("bedrock-converse", {"messages": [{"role": "user"}]}),
    ("bedrock-converse", {"messages": [{"role": "user", "content": [{"text": "a", "toolUse": {}}]}]}),
]
