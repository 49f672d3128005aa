import pytest
import torch

from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise

LIKE = torch.zeros((), dtype=torch.float64)


def test_shared_noise_of_a_longer_sequence_begins_with_that_of_a_shorter_one():
    noise = SharedNoise(0)
    long, short = (noise("dynamic", (3, 2, time, 4), LIKE) for time in (9, 5))
    assert long.shape == (3, 1, 9, 4)
    assert torch.equal(long[:, :, :5], short)


@pytest.mark.parametrize(("name", "inner"), [("static", (4,)), ("dynamic", (5, 4))])
def test_shared_noise_is_the_same_for_every_row_and_batch_size(name, inner):
    few, many = (SharedNoise(0)(name, (3, batch, *inner), LIKE) for batch in (2, 7))
    assert torch.equal(few, many)
    every_row = few.expand(3, 2, *inner)
    assert torch.equal(every_row[:, 0], every_row[:, 1])


@pytest.mark.parametrize(("name", "inner"), [("static", (400,)), ("dynamic", (40, 10))])
def test_shared_noise_is_standard_normal_and_differs_between_draws(name, inner):
    values = SharedNoise(0)(name, (50, 3, *inner), LIKE)
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.05
    flat = values.flatten()
    assert len(flat.unique()) == len(flat) == 50 * 400


def test_shared_noise_depends_on_seed_and_name_only():
    shape = (2, 3, 4, 4)
    torch.manual_seed(0)
    first = SharedNoise(1)("dynamic", shape, LIKE)
    torch.manual_seed(1)
    assert torch.equal(SharedNoise(1)("dynamic", shape, LIKE), first)
    assert not torch.equal(SharedNoise(2)("dynamic", shape, LIKE), first)
    static = SharedNoise(1)("static", (2, 3, 4), LIKE)
    assert not torch.isin(static, first).any()


@pytest.mark.parametrize("name", ["anchor", "decoder"])
def test_shared_noise_of_other_inputs_is_zero(name):
    values = SharedNoise(0)(name, (2, 3, 4), LIKE)
    assert values.shape == (2, 3, 4)
    assert (values == 0).all()


@pytest.mark.parametrize("source", [normal_noise, mean_noise, SharedNoise(0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sources_follow_the_dtype_and_broadcast_to_the_shape(source, dtype):
    for name, shape in (("static", (2, 3, 4)), ("dynamic", (2, 3, 5, 4)), ("anchor", (3, 4))):
        values = source(name, shape, torch.zeros((), dtype=dtype))
        assert values.dtype == dtype
        assert torch.broadcast_shapes(values.shape, shape) == shape


def test_mean_noise_is_zero_and_normal_noise_is_fresh():
    assert (mean_noise("static", (2, 3), LIKE) == 0).all()
    torch.manual_seed(0)
    first, second = (normal_noise("static", (1000, 3), LIKE) for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(normal_noise("static", (1000, 3), LIKE), first)
    assert abs(first.std() - 1) < 0.1
