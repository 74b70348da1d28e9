"""A tiny Llama with random weights that reads bytes and chats: it loads in a moment."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def llama(folder: Path, *, template: str = TEMPLATE) -> Path:
    """Safetensors with tokenizer and chat template; 512 positions."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa"]
    vocabulary = {word: place for place, word in enumerate(words)}
    # A GGUF has to have a merge: this is the only one.
    bytes_only = Tokenizer(models.BPE(vocabulary, [("Ġ", "a")]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_only,
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=template,
        model_max_length=512,
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def gguf(folder: Path, target: Path) -> Path:
    """The Llama of a folder as a GGUF in full precision, rows in llama.cpp's order."""
    import json

    from gguf import GGUFWriter, TokenType
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    said = json.loads((folder / "tokenizer.json").read_text())
    words = sorted(said["model"]["vocab"], key=said["model"]["vocab"].__getitem__)
    signs = [one["content"] for one in said["added_tokens"]]
    kinds = [TokenType.NORMAL] * len(words) + [TokenType.CONTROL] * len(signs)
    writer = GGUFWriter(str(target), "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads := config["num_attention_heads"])
    writer.add_head_count_kv(shared := config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(len(kinds))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*words, *signs])
    writer.add_token_types(kinds)
    writer.add_token_merges(["Ġ a"])
    writer.add_eos_token_id(len(words) + signs.index("<|im_end|>"))
    writer.add_chat_template(TEMPLATE)
    for name, weights in load_file(folder / "model.safetensors").items():
        values = weights.numpy()
        if "q_proj" in name or "k_proj" in name:
            count = heads if "q_proj" in name else shared
            halves = values.reshape(count, 2, -1, values.shape[1])
            values = halves.swapaxes(1, 2).reshape(values.shape)
        writer.add_tensor(_place(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _place(name: str) -> str:
    """What a GGUF calls a tensor of a Llama."""
    whole = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm", "model.layers": "blk",
    }  # fmt: skip
    for long, short in (whole | parts).items():
        name = name.replace(f"{long}.", f"{short}.")
    return name
