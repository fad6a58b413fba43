"""The fast product is the plain one: any shape, views, with and without a bias, other types."""

import pytest
import torch

from strop.errors import StropError
from strop.models.language.products import Prepared, product, type_of


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 5), (130, 64, 257), (0, 3, 2)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_against_float64(shape, kind):
    n, inner, out = shape
    generator = torch.Generator().manual_seed(sum(shape))
    rows, weight, bias = (torch.randn(s, generator=generator, dtype=kind) for s in ((n, inner), (out, inner), (out,)))
    expected = rows.double() @ weight.double().T
    torch.testing.assert_close(product(rows, weight).double(), expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(product(rows, weight, bias).double(), expected + bias.double(), atol=1e-4, rtol=1e-5)


def test_views_of_larger_and_turned_tables():
    table = torch.arange(60.0).view(10, 6)
    rows, weight = table[2:5, 1:4], table.T[:3, 4:9].T
    torch.testing.assert_close(product(rows, weight), rows @ weight.T)
    assert torch.equal(product(rows, weight), product(rows.clone(), weight.clone()))


def test_products_in_bfloat16_round_their_factors_and_nothing_else():
    """Equal to float64 products of rounded factors, to the rounding of what comes out (2**-8)."""
    generator = torch.Generator().manual_seed(0)
    rows, weight = torch.randn(5, 64, generator=generator), torch.randn(3, 64, generator=generator)
    bias = torch.randn(3, generator=generator)
    exact = rows.bfloat16().double() @ weight.bfloat16().double().T + bias.bfloat16().double()
    found = product(rows, weight, bias, as_type=torch.bfloat16)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=2**-8, atol=1e-2)
    assert not torch.equal(found, product(rows, weight, bias))


def test_only_what_there_is():
    assert type_of("float32") is None
    with pytest.raises(StropError, match="float16") as caught:
        type_of("float16")
    assert caught.value.code == "S301"


@pytest.mark.parametrize(("rows", "as_type"), [(2, None), (64, None), (2, torch.bfloat16), (64, torch.bfloat16)])
def test_a_weight_that_was_laid_out(rows, as_type):
    """As `product` at any number of rows, left to torch.mm or not; `own=False` leaves it free to be written over."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(256, 192, generator=generator), torch.randn(256, generator=generator)
    made = [Prepared(weight.clone(), given, rows=rows, as_type=as_type) for given in (bias, None)]
    assert made[0].laid == (rows == 64 or as_type is not None)
    space = weight.clone()
    copied = Prepared(space, bias, rows=rows, as_type=as_type, own=False)
    space.zero_()
    for count in (1, rows, 100):
        x = torch.randn(count, 192, generator=generator)
        for ours, given in ((made[0], bias), (made[1], None), (copied, bias)):
            near = {"atol": 1e-4, "rtol": 1e-4} if as_type is None else {"atol": 1e-2, "rtol": 2**-7}
            torch.testing.assert_close(ours(x), product(x, weight, given, as_type=as_type), **near)
