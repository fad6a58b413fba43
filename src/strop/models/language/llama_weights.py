"""What does a Llama multiply by, in as few, as large products as can be? Its own weights, laid out anew and kept while they hold."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from strop.models.language.linear import FastEmbedding, FastLinear
from strop.models.language.products import Prepared

ROTATIONS = ("default", "linear", "llama3", "yarn")  # of those, angles do not depend on what is read
FAMILIES = {"llama": "Llama", "qwen2": "Qwen2", "mistral": "Mistral"}
SEEN: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()


def is_plain(model: Any) -> bool:
    """Whether a model is made of nothing but what `Laid` knows, on the CPU in float32; hooks and windows are not."""
    from transformers import activations, models

    kind = type(model)
    family = next((f for f, name in FAMILIES.items() if kind.__name__ == f"{name}ForCausalLM"), None)
    if family is None:
        return False
    theirs = getattr(getattr(models, family), f"modeling_{family}")
    parts = ("ForCausalLM", "Model", "DecoderLayer", "Attention", "MLP", "RMSNorm", "RotaryEmbedding")
    known = {getattr(theirs, FAMILIES[family] + part) for part in parts}
    known |= {nn.Linear, FastLinear, nn.Embedding, FastEmbedding, nn.ModuleList, nn.SiLU, activations.SiLUActivation}
    config = model.config
    return (
        config.hidden_act == "silu"
        and not getattr(config, "sliding_window", None)
        and (getattr(config, "rope_parameters", None) or {}).get("rope_type") in ROTATIONS
        and all(type(m) in known and not ("forward" in vars(m) or _watched(m)) for m in model.modules())
        and all(p.dtype == torch.float32 and p.device.type == "cpu" for p in model.parameters())
    )


def _watched(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


@dataclass(frozen=True)
class _Layer:
    """What a layer multiplies by; its norms' weights are in what follows them."""

    heads: Prepared
    out: Prepared
    gates: Prepared
    down: Prepared
    small: tuple[float, float]  # what its two norms add to the sum of squares


class Laid:
    """The weights of a model that `is_plain`: queries, keys and values in one product, gate and up in one.

    The two halves that a rotation mixes stand side by side, so that it is one product of complex numbers; a norm's weight and
    the scale of the scores are in the rows that they meet. as_type: see `Prepared`.
    """

    @torch.no_grad()
    def __init__(self, model: Any, *, rows: int, as_type: torch.dtype | None = None) -> None:
        body, self.as_type, self.rows = model.base_model, as_type, rows
        attention = body.layers[0].self_attn
        self.width = attention.head_dim
        self.heads = attention.q_proj.out_features // self.width
        self.kept = attention.k_proj.out_features // self.width  # heads whose keys are kept
        self.words, self.rotation = body.embed_tokens.weight.detach(), body.rotary_emb
        self.root = self.words.shape[1] ** 0.5
        self.space = self.words.new_empty(0)  # in which weights are joined, layer by layer
        self.layers = [self._layer(layer) for layer in body.layers]
        self.space = self.words.new_empty(0)
        self.last = self._small(body.norm)
        self.head_scale = body.norm.weight.detach() * self.root
        self.head = Prepared(model.lm_head.weight, model.lm_head.bias, rows=rows, as_type=as_type)

    def _layer(self, layer: Any) -> _Layer:
        of, mlp = layer.self_attn, layer.mlp
        turned = torch.arange(self.width).view(2, -1).T.flatten()
        places = torch.arange(0, (self.heads + self.kept) * self.width, self.width)[:, None] + turned
        queries, keys = places.flatten().split([self.heads * self.width, self.kept * self.width])
        orders = queries, keys - len(queries), None
        return _Layer(
            heads=self._joined(
                (of.q_proj, of.k_proj, of.v_proj), layer.input_layernorm, orders=orders, first=self.width**-0.5
            ),
            out=Prepared(of.o_proj.weight, of.o_proj.bias, rows=self.rows, as_type=self.as_type),
            gates=self._joined((mlp.gate_proj, mlp.up_proj), layer.post_attention_layernorm, orders=(None, None)),
            down=Prepared(mlp.down_proj.weight, mlp.down_proj.bias, rows=self.rows, as_type=self.as_type),
            small=(self._small(layer.input_layernorm), self._small(layer.post_attention_layernorm)),
        )

    def _joined(self, linears: Any, norm: Any, *, orders: Any, first: float = 1.0) -> Prepared:
        """Linear layers as one, their rows in these orders, behind a norm; the first is multiplied by a number too."""
        sizes = [linear.out_features for linear in linears]
        shape = sum(sizes), self.words.shape[1]
        if self.space.numel() < shape[0] * shape[1]:
            self.space = self.words.new_empty(shape[0] * shape[1])
        weight = self.space[: shape[0] * shape[1]].view(shape)
        bias = None if all(linear.bias is None for linear in linears) else weight.new_zeros(shape[0])
        of_biases = [None] * len(sizes) if bias is None else bias.split(sizes)
        for linear, order, part, of_bias in zip(linears, orders, weight.split(sizes), of_biases, strict=True):
            part.copy_(linear.weight) if order is None else torch.index_select(linear.weight, 0, order, out=part)
            if of_bias is not None and linear.bias is not None:
                of_bias.copy_(linear.bias if order is None else linear.bias[order])
        weight[: sizes[0]].mul_(first)
        if bias is not None:
            bias[: sizes[0]].mul_(first)
        weight.mul_(norm.weight * self.root)
        return Prepared(weight, bias, rows=self.rows, as_type=self.as_type, own=False)

    def _small(self, norm: Any) -> float:
        return float(norm.variance_epsilon) * self.words.shape[1]

    def turns(self, places: int) -> Tensor:
        """(places, width / 2): how far each place turns, as complex numbers."""
        cos, sin = self.rotation(self.words[:1, None], torch.arange(places)[None])
        half = self.width // 2
        return torch.complex(cos[0, :, :half], sin[0, :, :half])

    def split(self, layer: _Layer, x: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
        """Of tokens (n, d): queries (n, heads, width), and keys and values (n, 2, kept, width)."""
        found = layer.heads(_even(x, layer.small[0]))
        turning = (self.heads + self.kept) * self.width
        pairs = torch.view_as_complex(found[:, :turning].view(len(x), self.heads + self.kept, -1, 2))
        pairs.mul_(turn[:, None])
        queries = found[:, : self.heads * self.width].view(len(x), self.heads, self.width)
        return queries, found[:, self.heads * self.width :].view(len(x), 2, self.kept, self.width)

    def after(self, layer: _Layer, x: Tensor, seen: Tensor) -> Tensor:
        """The layer's rest: x (n, d) is changed, seen (n, heads x width) is what attention gave."""
        x.add_(layer.out(seen))
        gate, up = layer.gates(_even(x, layer.small[1])).chunk(2, 1)
        return x.add_(layer.down(nn.functional.silu(gate).mul_(up)))

    def logits(self, x: Tensor) -> Tensor:
        """(n, vocabulary)."""
        return self.head(_even(x, self.last).mul_(self.head_scale))


def _even(x: Tensor, small: float) -> Tensor:
    """x / sqrt(sum of its squares + small): RMSNorm but for constants that stand in the next weights."""
    return x * torch.linalg.vecdot(x, x).add_(small).rsqrt_()[:, None]


def laid_out(model: Any, *, rows: int, as_type: torch.dtype | None = None) -> Laid:
    """`Laid`; from the second time on that a model's weights are the same, it is kept until they are not.

    One that learns between any two calls is thus never held twice while it does. Whether they are the same: by where they
    are, by their version, and by a sum over their bits, for what is written to `.data` leaves the version as it was.
    """
    rows = 1 << (rows - 1).bit_length()
    stamp = rows, as_type, [(p.data_ptr(), p._version, _sum_of_bits(p)) for p in model.parameters()]
    before, kept = SEEN.get(model, (None, None))
    if before == stamp:
        laid: Laid = kept or Laid(model, rows=rows, as_type=as_type)
        SEEN[model] = stamp, laid
        return laid
    SEEN[model] = stamp, None
    return Laid(model, rows=rows, as_type=as_type)


def _sum_of_bits(weight: Tensor) -> int:
    flat = weight.detach().contiguous().flatten().numpy()
    even = len(flat) // 2 * 2
    return int(flat[:even].view(np.uint64).sum()) + int(flat[even:].view(np.uint32).sum())
