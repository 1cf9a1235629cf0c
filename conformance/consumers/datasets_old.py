# group: frames-old
"""`load_dataset("json")` of the version that LLaMA-Factory pins: it makes one struct of all objects, and takes no mixed types."""

from consumers.datasets_json import BAD, FORMATS, PACKAGES, check

MIXED = "this version takes no column of mixed types: "
PARTS = MIXED + "the contents of these messages are texts and lists of parts"
KNOWN = {
    "golden/arguments/": MIXED + "the arguments are an object here and a list or null there",
    "golden-preference/arguments/": MIXED + "the arguments are an object here and text there",
    "golden/broken-links/mistral": PARTS,
    "golden/empty-content/": PARTS,
    "golden/instructions/": PARTS,
    "golden/media/": PARTS,
    "golden/metadata/": MIXED + "scores are numbers, marks and words",
    "golden/object-answers/": PARTS,
    "golden/reasoning": PARTS,
    "golden/unusual-text/": "an integer of more than 64 bits beside decimals comes back as a decimal",
}
