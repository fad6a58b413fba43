"""Which labels are too badly fitted to be believed? Weights that are taken from the losses of the model itself."""

from torch import Tensor, ones_like, topk, where
from torch.nn.functional import logsigmoid

from strop.errors import StropError


def truncated(losses: Tensor, positive: Tensor, *, drop: float) -> Tensor:
    """0 for the clicks of largest loss, 1 for all else: the losses of a batch, truncated.

    losses, positive: (n,), of clicks (true) and items not clicked; drop: share of the whole batch, in [0, 1); only
    clicks are dropped, and one at least is kept. Returns (n,). drop 0 gives ones.
    With as many items not clicked as clicks, a share of 0.2 of the batch is 0.4 of its clicks. The released code then
    averages over what is left; here the weights say only what is left: a step that adapts its length per row hides it.
    Errors: S301 drop. Not for: users of rare taste, whose clicks have large losses too; clean clicks.
    Paper: adt2021
    """
    if not 0 <= drop < 1:
        raise StropError("S301", f"drop is {drop}", "a share of the batch: [0, 1)")
    weights = ones_like(losses)
    count = min(len(losses) - int((1 - drop) * len(losses)), max(int(positive.sum()) - 1, 0))
    weights[topk(losses.detach().masked_fill(~positive.bool(), -float("inf")), count).indices] = 0
    return weights


def reweighted(scores: Tensor, positive: Tensor, *, exponent: float) -> Tensor:
    """s(score)**exponent for clicks, (1 - s(score))**exponent for the others, held: what the model believes counts more.

    scores, positive: (n,), of clicks (true) and items not clicked; exponent: 0 (ones) and above. Returns (n,), without
    a gradient. Times the logistic loss its steps are those of `generalised_cross_entropy` at q = exponent. Errors: S301.
    Not for: a poor start (the model keeps what it began with); hard but right labels.
    Paper: adt2021
    """
    if not 0 <= exponent < float("inf"):
        raise StropError("S301", f"exponent is {exponent}", "0 and above; 0.05 to 0.3 is usual")
    return (exponent * logsigmoid(where(positive.bool(), scores, -scores).detach())).exp()
