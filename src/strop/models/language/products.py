"""How are matrices multiplied as fast as this processor can?"""

import torch
from torch import Tensor


def product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows @ weight.T + bias, (n, out). rows (n, in), weight (out, in), views allowed; no gradient goes through it.

    On a CPU in float32 by oneDNN, which uses the widest vectors of every make of processor; the library behind torch.mm uses
    half of them on some (measured on an AMD EPYC: 227 against 100 GFLOPS a core). Sums are rounded in another order, to the
    same accuracy; the first product of each shape pays a millisecond for its code.
    """
    if rows.device.type == "cpu" and rows.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
        return found
    return torch.nn.functional.linear(rows, weight, bias)
