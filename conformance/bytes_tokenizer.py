"""A tokenizer with a token for each byte: what was tokenized is read back as it was."""

import tokenizers
import transformers


def bytes_tokenizer(end=None):
    """The tokenizer, whose token for the end is `end`, and which has the marks of ChatML as tokens beside the bytes."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    model = tokenizers.Tokenizer(tokenizers.models.BPE({byte: index for index, byte in enumerate(alphabet)}, []))
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    model.decoder = tokenizers.decoders.ByteLevel()
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=model, clean_up_tokenization_spaces=False)
    if end:
        made.add_special_tokens({"eos_token": end, "pad_token": end})
    return made


def in_order(text, pieces, what):
    """Finds pieces one behind the other, and gives what stands between and around them."""
    left, at = "", 0
    for piece in pieces:
        found = text.find(piece, at)
        if found < 0:
            raise ValueError(f"{what} lacks {piece!r} behind {text[max(0, at - 20) : at]!r}")
        left += text[at:found]
        at = found + len(piece)
    return left + text[at:]
