//! Words that templates and services keep for themselves.

/// With which many tokens begin.
pub(super) const PIPE: &str = "<|";

/// Those.
pub(super) const PIPED: [&str; 31] = [
    // ChatML and what follows it (Qwen2.5, SmolLM3)
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<|endoftext|>",
    "<|endofprompt|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    // Llama 3 and 4
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
    "<|header_start|>",
    "<|header_end|>",
    "<|eot|>",
    // Harmony (openai-harmony 0.0.8), Phi
    "<|start|>",
    "<|message|>",
    "<|channel|>",
    "<|constrain|>",
    "<|call|>",
    "<|return|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
];

/// Other tokens: Gemma, Llama 2, Mistral, DeepSeek.
pub(super) const TOKENS: [&str; 15] = [
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
];

/// What the validator of Nova refuses in any text, in any case (amazon-nova-samples, `nova_ft_dataset_validator.py`). The
/// last two it lists, and does not catch because of a missing comma.
pub(super) const NOVA: [&str; 9] = [
    "System:",
    "User:",
    "Bot:",
    "Assistant:",
    "<image>",
    "<video>",
    "<unk>",
    "Thought:",
    "[EOS]",
];

/// What Bedrock refuses for Claude at the beginning of a line (amazon-bedrock-samples, `claude-haiku/DataValidation`).
pub(super) const CLAUDE: [&str; 2] = ["Human:", "Assistant:"];

/// Whether a line ends before `start`, also one whose end is an escape.
pub(super) fn begins_line(text: &str, start: usize) -> bool {
    let before = &text[..start];
    before.ends_with('\n') || before.ends_with("\\n")
}
