"""The fast product is the plain one: any shape, views, with and without a bias, other types."""

import pytest
import torch

from strop.models.language.products import product


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
