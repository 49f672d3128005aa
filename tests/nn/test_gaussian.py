import pytest
import torch

from tsdisentangle.nn.gaussian import Gaussian, GaussianHead


def stretched(head):
    """Let the raw log-variances reach far beyond every limit."""
    with torch.no_grad():
        head.logvar.weight.mul_(1000)
    return head


@pytest.mark.parametrize(("options", "lowest"), [({}, -10), ({"min_logvar": -6.0}, -6)])
def test_log_variance_has_limits(options, lowest):
    torch.manual_seed(0)
    head = stretched(GaussianHead(5, 3, **options))
    features = torch.randn(200, 5)
    mean, logvar = head(features)
    raw = features @ head.logvar.weight.T + head.logvar.bias
    assert raw.min() < -50
    assert raw.max() > 50
    assert logvar.min() == lowest
    assert logvar.max() == 10
    inside = (raw > lowest) & (raw < 10)
    assert inside.any()
    torch.testing.assert_close(logvar[inside], raw[inside])
    torch.testing.assert_close(mean, features @ head.mean.weight.T + head.mean.bias)


def test_mean_and_log_variance_are_separate_layers():
    torch.manual_seed(0)
    head = GaussianHead(4, 2)
    head(torch.randn(3, 4)).mean.sum().backward()
    assert head.mean.weight.grad is not None
    assert head.logvar.weight.grad is None


def test_std_is_the_root_of_the_variance():
    gaussian = Gaussian(torch.zeros(3), torch.log(torch.tensor([0.25, 1.0, 9.0])))
    torch.testing.assert_close(gaussian.std, torch.tensor([0.5, 1.0, 3.0]))


def test_sample_is_mean_plus_std_times_noise():
    gaussian = Gaussian(torch.tensor([[1.0, -2.0]]), torch.log(torch.tensor([[4.0, 0.25]])))
    asked = []

    def noise(name, shape, like):
        asked.append((name, shape, like.dtype))
        return torch.tensor([[[1.0, 1.0]], [[-3.0, 2.0]]])

    draws = gaussian.sample(noise, "static", 2)
    assert asked == [("static", (2, 1, 2), torch.float32)]
    torch.testing.assert_close(draws, torch.tensor([[[3.0, -1.5]], [[-5.0, -1.0]]]))


def test_sample_carries_gradients_to_mean_and_log_variance():
    mean = torch.zeros(1, 2, requires_grad=True)
    logvar = torch.log(torch.full((1, 2), 4.0)).requires_grad_()
    noise = torch.tensor([[[0.5, -1.0]]])
    Gaussian(mean, logvar).sample(lambda *_: noise, "dynamic").sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(1, 2))
    torch.testing.assert_close(logvar.grad, 0.5 * 2.0 * noise[0])  # d std / d logvar = std / 2
