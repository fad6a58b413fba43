"""Which labels are too badly fitted to be believed? Weights that are taken from the losses of the model itself."""

import math

from torch import Tensor, ones_like, softmax, topk, where
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


def trimmed(losses: Tensor, *, drop: float) -> Tensor:
    """0 for the share of largest loss, 1 for the others: `weighted_mean` is then the mean of the lowest losses.

    losses: (n,), of any records; drop: e in [0, 1). Exactly floor(e n) are dropped, one at least is kept; of equal losses
    the last are dropped. Returns (n,), without a gradient. It couples records: give it the losses of the effective batch.
    Noise: a share of at most e is wrong, each label as wrong as you like. Guarantee: the mean over what is kept is at
    most the largest of the right ones' losses while floor(e n) records or fewer are wrong, whatever they are (breakdown
    point e). `truncated` is the form for clicks, which spares items not clicked.
    Errors: S301 drop. Not for: hard but right pairs, which go first; a poor start; a share e that was guessed too large.
    Paper: trimmed2019
    """
    if not 0 <= drop < 1:
        raise StropError("S301", f"drop is {drop}", "a share of the records: [0, 1)")
    count = min(math.floor(drop * len(losses) + 1e-9), len(losses) - 1)
    weights = ones_like(losses, requires_grad=False)
    weights[losses.detach().argsort(stable=True)[len(losses) - count :]] = 0
    return weights


def distributionally_robust(losses: Tensor, *, temperature: float) -> Tensor:
    """n softmax(-l / b): weights whose mean loss has the gradient of -b log mean exp(-l / b), exactly (Dr. DPO).

    losses: (n,), `logistic` for Dr. DPO; temperature: b, above 0; infinity gives ones (the plain mean), near 0 only the
    smallest loss counts. Returns (n,), with mean 1, without a gradient. Record weights v multiply them: the scalar is
    then -b log(sum v exp(-l / b) / sum v). It couples records: give it the losses of the effective batch.
    Noise: some of the pairs are wrong, how many is not asked. Guarantee: the scalar is the least, over all mixtures p of the
    records, of p's mean loss + b KL(p, the even one); a pair's pull goes to 0 as its loss grows.
    Errors: S301 temperature. Not for: hard but right pairs, which count least; small batches, where it is noisy.
    Paper: drdpo2024, eq. of the Dr. DPO loss (there b is beta prime, 1 by default)
    """
    if not temperature > 0:
        raise StropError("S301", f"temperature is {temperature}", "above 0; 1 is the paper's")
    return len(losses) * softmax(losses.detach() / -temperature, 0)
