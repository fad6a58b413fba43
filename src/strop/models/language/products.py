"""How are matrices multiplied as fast as this processor can?"""

import torch
from torch import Tensor

from strop.errors import StropError

SMALL = 1 << 20  # multiplications below which a call of oneDNN costs more than it saves


def product(rows: Tensor, weight: Tensor, bias: Tensor | None = None, *, as_type: torch.dtype | None = None) -> Tensor:
    """rows @ weight.T + bias, (n, out). rows (n, in), weight (out, in), views allowed; no gradient goes through it.

    as_type: what both are rounded to beforehand (None: nothing); the sums are not, but for what comes out of them.

    On a CPU in float32 by oneDNN, which uses the widest vectors of every make of processor; the library behind torch.mm uses
    half of them on some (measured on an AMD EPYC: 227 against 100 GFLOPS a core). Sums are rounded in another order, to the
    same accuracy; the first product of each shape pays a millisecond for its code.
    """
    if as_type is not None and as_type != rows.dtype:
        held = None if bias is None else bias.to(as_type)
        return torch.nn.functional.linear(rows.to(as_type), weight.to(as_type), held).to(rows.dtype)
    if rows.device.type == "cpu" and rows.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
        return found
    return torch.nn.functional.linear(rows, weight, bias)


def type_of(products: str) -> torch.dtype | None:
    """What `product` rounds to: None for "float32", which rounds nothing. Errors: S301 another name, S403 a CPU that has no bfloat16."""
    if products not in ("float32", "bfloat16"):
        raise StropError("S301", f'products is "{products}"', "float32 or bfloat16")
    if products == "float32":
        return None
    if not (torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        raise StropError("S403", "this processor has no bfloat16", "--products float32")
    return torch.bfloat16


class Prepared:
    """A weight laid out once for many products of about `rows` rows with it; see `product`, which it is.

    Held a second time where that is faster: small products are left to torch.mm, whose call costs a fifth. own: whether the
    weight stays as it is; if not, it is copied in any case.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        rows: int,
        as_type: torch.dtype | None = None,
        own: bool = True,
    ) -> None:
        self.as_type = as_type if as_type != weight.dtype else None
        kind = self.as_type or weight.dtype
        held, self.bias = weight.detach().to(kind), None if bias is None else bias.detach().to(kind)
        large = rows * weight.numel() >= SMALL or self.as_type is not None
        here = weight.device.type == "cpu" and kind in (torch.float32, torch.bfloat16)
        self.laid = large and here and torch.backends.mkldnn.is_available()
        if self.laid:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(held, rows)
            self.multiply = torch.ops.mkldnn._linear_pointwise.default
        else:
            self.weight = held if own else held.clone()

    def __call__(self, rows: Tensor) -> Tensor:
        """rows (..., in) -> (..., out)."""
        given = rows if self.as_type is None else rows.to(self.as_type)
        if self.laid:
            found: Tensor = self.multiply(given, self.weight, self.bias, "none", [], "")
        else:
            found = torch.nn.functional.linear(given, self.weight, self.bias)
        return found if self.as_type is None else found.to(rows.dtype)
