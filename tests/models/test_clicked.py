"""Are the sparse products, and their gradients, those of the dense matrices?"""

import numpy as np
import pytest
import torch
from small_worlds import clicks_of, random_table

from strop.models.recommend.clicked import ClickTable

DOUBLE = torch.float64


def world(seed=0, kind=DOUBLE):
    """(dense 0/1 table, ClickTable, left, right), with a user and an item that have no click."""
    table = random_table(7, 6, share=0.5, seed=seed)
    table[3], table[:, 2] = 0, 0
    generator = torch.Generator().manual_seed(seed)
    left, right = (torch.randn(n, 3, generator=generator, dtype=DOUBLE).to(kind) for n in (7, 6))
    return torch.from_numpy(table).to(kind), ClickTable(clicks_of(table)), left, right


@pytest.mark.parametrize("kind", [torch.float32, DOUBLE])
def test_scores_are_the_dense_product_at_the_clicks(kind):
    dense, table, left, right = world(kind=kind)
    torch.testing.assert_close(table.scores(left, right), (left @ right.T)[dense > 0])


@pytest.mark.parametrize("kind", [torch.float32, DOUBLE])
def test_sums_are_the_dense_products(kind):
    """Values in the order of the clicks, by user and then item, which is that of a mask of the dense matrix."""
    dense, table, left, right = world(kind=kind)
    values = torch.arange(1, len(table.users) + 1).to(kind)
    weighted = torch.zeros_like(dense)
    weighted[dense > 0] = values
    torch.testing.assert_close(table.user_sums(values, right), weighted @ right)
    torch.testing.assert_close(table.item_sums(values, left), weighted.T @ left)


def test_the_gradient_of_the_scores_passes_gradcheck():
    _, table, left, right = world()
    assert torch.autograd.gradcheck(table.scores, (left.requires_grad_(), right.requires_grad_()))


def test_the_gradient_in_float32_is_that_of_the_dense_product():
    """Also of a sum, whose incoming gradient is one number spread over all places."""
    dense, table, left, right = world(kind=torch.float32)
    for outcome in (torch.sum, lambda s: torch.sigmoid(s).square().sum()):
        found = []
        for scores in (table.scores, lambda a, b: (a @ b.T)[dense > 0]):
            sides = [t.clone().requires_grad_() for t in (left, right)]
            outcome(scores(*sides)).backward()
            found.append([side.grad for side in sides])
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs)
    assert (found[0][0][3] == 0).all() and (found[0][1][2] == 0).all(), "nothing was clicked there"


def test_order_by_item():
    _, table, _, _ = world()
    keys = table.items[table.to_items] * 7 + table.users[table.to_items]
    assert (np.diff(keys.numpy()) > 0).all()
