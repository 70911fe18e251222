import torch

from papergym.agents.fast import precision


def test_precision_is_checked_and_restored(monkeypatch):
    before = torch.get_float32_matmul_precision()
    with precision.fast_matmul(torch.device("cpu")):
        assert torch.get_float32_matmul_precision() == ("medium" if precision.medium_is_float32() else before)
    assert torch.get_float32_matmul_precision() == before
    precision.medium_is_float32.cache_clear()
    monkeypatch.setattr(torch, "baddbmm", lambda bias, a, b: (bias + a.bfloat16().to(a.dtype) @ b).to(bias.dtype))
    assert not precision.medium_is_float32(), "products of bfloat16 inputs must be refused"
    with precision.fast_matmul(torch.device("cpu")):
        assert torch.get_float32_matmul_precision() == before
    precision.medium_is_float32.cache_clear()


def test_few_rows_stay_at_the_default():
    before = torch.get_float32_matmul_precision()
    with precision.fast_matmul(torch.device("cpu"), rows=precision.ROWS - 1):
        assert torch.get_float32_matmul_precision() == before


def test_the_default_within_the_faster_way():
    before, cpu = torch.get_float32_matmul_precision(), torch.device("cpu")
    with precision.fast_matmul(cpu):
        inside = torch.get_float32_matmul_precision()
        with precision.default_matmul(cpu):
            assert torch.get_float32_matmul_precision() == "highest"
        with precision.default_matmul(torch.device("meta")):
            assert torch.get_float32_matmul_precision() == inside
        assert torch.get_float32_matmul_precision() == inside
    assert torch.get_float32_matmul_precision() == before
