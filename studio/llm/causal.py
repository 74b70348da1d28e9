"""A causal LLM in this process: what the words of an answer cost it, and what it answers itself.

Training, scoring and answering see the same tokens: the chat template's opening with the prompt in
it, the answer, and what ends a turn.
"""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from studio.llm.causal_folders import CausalFolder, causal_folder
from studio.llm.loading import best_device, from_folder, has_bf16, named_in_errors
from studio.llm.model_folders import UnusableModel

MAX_LENGTH = 2048
"""Tokens of a prompt and its answer; longer ones are cut."""
PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '### Instruction:\n' if message['role'] == 'user' else '### Response:\n' }}"
    "{{ message['content'] + (eos_token if message['role'] == 'assistant' else '\n\n') }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"
)
"""For a base that was never taught to chat and so brings no template."""
_WINDOW = 1024
"""Texts that are tokenised and sorted by length at once, so that memory stays flat."""
_TAIL = 32
"""Tokens at the end of a prompt that are never cut: the template's words before the answer."""
_MARK = "ANSWER"


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt and an answer to it."""

    prompt: str
    """What the user says; of an instruction what ``formats.instructions.prompt_text`` gives."""
    answer: str


@dataclass(frozen=True, slots=True)
class AnswerLoss:
    """What an answer costs a model."""

    nats: float
    """The negative log-likelihood of its tokens, summed."""
    tokens: int
    """How many; what ends the turn is not counted."""

    @property
    def mean(self) -> float | None:
        """Nats a token; None for an answer without a token."""
        return self.nats / self.tokens if self.tokens else None


@dataclass(frozen=True, slots=True)
class AnswerTokens:
    """A prompt and its answer as the model reads them."""

    ids: list[int]
    start: int
    """Where the answer begins."""
    end: int
    """Where it ends; what ends the turn comes after."""


class CausalModel:
    """A model of transformers with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, max_length: int = MAX_LENGTH) -> None:
        """max_length: tokens read of a prompt and its answer; cut to what the model can take.

        Raises:
            UnusableModel: the tokenizer has no token that ends a text.
        """
        if tokenizer.eos_token_id is None:
            raise UnusableModel("its tokenizer names no token that ends a text (eos_token).")
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN_TEMPLATE
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        positions = getattr(model.config, "max_position_embeddings", None) or max_length
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = min(max_length, int(positions))
        self.ends = _ends(model, tokenizer)
        self.closing = self._closing()

    @classmethod
    def open(cls, name: str, device: str | None = None, *, bf16: bool | None = None) -> CausalModel:
        """An LLM by catalogue name, folder, GGUF file or hub name.

        device: ``cpu``, ``cuda`` …; None takes the best there is. bf16: half precision; None takes
        it on a GPU that has it.

        Raises:
            StudioError: it is not there, broken, no causal LLM, or its weights are neither
                safetensors nor GGUF.
        """
        import torch

        device = device or best_device()
        half = has_bf16(device) if bf16 is None else bf16
        with named_in_errors(f"The LLM {name}"):
            model, tokenizer = load_causal(causal_folder(name))
            opened = cls(model.to(device, torch.bfloat16 if half else torch.float32), tokenizer)
        model.eval()
        return opened

    def tokens(self, pair: Prompted) -> AnswerTokens:
        """The pair, cut to :attr:`max_length`: first the prompt to half of it, then the answer."""
        answer = self._ids(pair.answer)
        room = self.max_length - len(self.closing)
        prompt = _cut(self.opening(pair.prompt), max(room - len(answer), room // 2))
        answer = answer[: room - len(prompt)]
        end = len(prompt) + len(answer)
        return AnswerTokens([*prompt, *answer, *self.closing], len(prompt), end)

    def opening(self, prompt: str) -> list[int]:
        """All that stands before the answer."""
        asked = [{"role": "user", "content": prompt}]
        return self._ids(self._rendered(asked, add_generation_prompt=True))

    def losses(
        self,
        pairs: Sequence[Prompted],
        *,
        without_prompt: bool = False,
        on_progress: Callable[[int], None] = lambda done: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[AnswerLoss]:
        """What each answer costs after its prompt, in order; fewer, the first ones, when stopped.

        without_prompt: after an empty prompt instead, which IFD compares with (Li et al. 2024,
        arXiv:2308.12032): the same template and the same tokens of the answer.
        """
        import torch

        found: list[AnswerLoss] = []
        with _at_rest(self.model), torch.inference_mode():
            for first in range(0, len(pairs), _WINDOW):
                window = [
                    self.tokens(Prompted("", pair.answer) if without_prompt else pair)
                    for pair in pairs[first : first + _WINDOW]
                ]
                scored: dict[int, AnswerLoss] = {}
                for places in _batches([row.end for row in window], self._at_once):
                    if should_stop():
                        return found
                    rows = [window[place] for place in places]
                    scored |= dict(zip(places, self._batch_losses(rows), strict=True))
                    on_progress(first + len(scored))
                found += [scored[place] for place in range(len(window))]
        return found

    def answers(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 256,
        on_progress: Callable[[int], None] = lambda done: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """The likeliest token after token, in the prompts' order; fewer, the first ones, when
        stopped."""
        import torch

        found: list[str] = []
        room = max(self.max_length - max_new_tokens, self.max_length // 2)
        with _at_rest(self.model), torch.inference_mode():
            for first in range(0, len(prompts), _WINDOW):
                window = [_cut(self.opening(one), room) for one in prompts[first : first + _WINDOW]]
                written: dict[int, str] = {}
                lengths = [len(ids) + max_new_tokens for ids in window]
                for places in _batches(lengths, 4 * self._at_once):
                    rows = [window[place] for place in places]
                    texts = self._batch_answers(rows, max_new_tokens, should_stop)
                    if should_stop():
                        return found
                    written |= dict(zip(places, texts, strict=True))
                    on_progress(first + len(written))
                found += [written[place] for place in range(len(window))]
        return found

    @property
    def _at_once(self) -> int:
        """Tokens in the network at once: a batch on a processor takes no second."""
        return 512 if self.model.device.type == "cpu" else 8192

    def _batch_losses(self, rows: Sequence[AnswerTokens]) -> Iterator[AnswerLoss]:
        import torch

        # What ends the turn is not scored, and so need not be read.
        ids, mask = self._padded([row.ids[: row.end] for row in rows], left=False)
        # Only these logits: those of a whole batch and vocabulary would fill the memory.
        first = max(0, min(row.start for row in rows) - 1)
        kept: dict[str, Any] = {}
        if "logits_to_keep" in inspect.signature(self._network.forward).parameters:
            kept["logits_to_keep"] = torch.arange(first, ids.shape[1], device=ids.device)
        logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False, **kept).logits
        first = first if kept else 0
        for logit, row in zip(logits, rows, strict=True):
            answer = row.ids[row.start : row.end]
            wanted = torch.tensor(answer, dtype=torch.long, device=logit.device)
            seen = logit[row.start - 1 - first : row.end - 1 - first].float()
            nats = torch.nn.functional.cross_entropy(seen, wanted, reduction="sum")
            yield AnswerLoss(float(nats), len(answer))

    def _batch_answers(
        self, rows: Sequence[list[int]], most: int, should_stop: Callable[[], bool]
    ) -> list[str]:
        from transformers import GenerationConfig

        ids, mask = self._padded(rows, left=True)
        wanted = GenerationConfig(
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=sorted(self.ends),
            pad_token_id=self.tokenizer.pad_token_id,
        )
        written = self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=wanted,
            stopping_criteria=[_stopping(should_stop)],
        )
        return [
            text.strip()
            for text in self.tokenizer.batch_decode(
                written[:, ids.shape[1] :].tolist(), skip_special_tokens=True
            )
        ]

    def _padded(self, rows: Sequence[list[int]], *, left: bool) -> tuple[Any, Any]:
        """Ids and mask, rows × the longest's length."""
        import torch

        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            there = slice(width - len(row), width) if left else slice(len(row))
            ids[place, there] = torch.tensor(row)
            mask[place, there] = 1
        return ids.to(self.model.device), mask.to(self.model.device)

    @property
    def _network(self) -> Any:
        """The model itself, also from within an adapter."""
        inner = getattr(self.model, "get_base_model", None)
        return inner() if inner else self.model

    def _closing(self) -> list[int]:
        """What ends an answer, up to the token at which writing stops."""
        turns = [{"role": "user", "content": ""}, {"role": "assistant", "content": _MARK}]
        ids = self._ids(self._rendered(turns).rpartition(_MARK)[2])
        end = next((place for place, one in enumerate(ids) if one in self.ends), None)
        return [*ids, self.tokenizer.eos_token_id] if end is None else ids[: end + 1]

    def _rendered(self, turns: list[dict[str, str]], **options: bool) -> str:
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, **options))

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def load_causal(folder: CausalFolder) -> tuple[Any, Any]:
    """Model and tokenizer, in float32.

    Raises:
        UnusableModel: as :func:`studio.llm.loading.from_folder`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # A GGUF beside other weights: the tokenizer's own files would be mixed with what it says.
    beside = any(folder.path.glob("*.safetensors"))
    # Reading a GGUF draws a progress bar that nothing else turns off.
    with contextlib.redirect_stderr(io.StringIO()):
        tokenizer = from_folder(AutoTokenizer, folder.path, **({} if beside else folder.options))
        model = from_folder(AutoModelForCausalLM, folder.path, **folder.options)
    if folder.gguf:
        # The weights are plain numbers by now, and trainers refuse what calls itself quantised.
        model.is_quantized = False
        model.quantization_method = model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
    return model, tokenizer


def _ends(model: Any, tokenizer: Any) -> set[int]:
    """The tokens at which writing stops."""
    named = getattr(model.generation_config, "eos_token_id", None)
    several = named if isinstance(named, list) else [named]
    return {one for one in (*several, tokenizer.eos_token_id) if one is not None}


def _cut(ids: list[int], room: int) -> list[int]:
    """The beginning and the very end."""
    tail = min(_TAIL, room // 2)
    return ids if len(ids) <= room else [*ids[: room - tail], *ids[-tail:]]


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Places of rows of like length, the longest first, with so many tokens at most together."""
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    while order:
        count = max(1, most // max(1, lengths[order[0]]))
        yield order[:count]
        del order[:count]


def _stopping(should_stop: Callable[[], bool]) -> Any:
    """Ends the writing of a whole batch."""
    import torch
    from transformers import StoppingCriteria

    class Stopping(StoppingCriteria):  # type: ignore[misc]
        """Asked after each token."""

        def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
            return torch.full((len(input_ids),), should_stop(), device=input_ids.device)

    return Stopping()


@contextlib.contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """Without dropout, and afterwards as it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
