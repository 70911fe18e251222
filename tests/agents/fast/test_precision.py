import pytest
import torch

from papergym.agents.fast import precision


@pytest.fixture
def slow_default(monkeypatch):
    """A CPU on which MKL is slow, whatever this one is."""
    monkeypatch.setattr(precision, "default_is_fast", lambda: False)


@pytest.fixture
def asked_anew():
    """No answer about the CPU is kept from before the test, nor after it."""
    precision.default_is_fast.cache_clear()
    yield
    precision.default_is_fast.cache_clear()


@pytest.mark.parametrize(
    ("text", "mkl", "fast"),
    [
        ("vendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)", True, True),
        ("vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC", True, False),
        ("CPU implementer\t: 0x41", False, False),
        ("vendor_id\t: GenuineIntel", False, False),
    ],
)
def test_default_products_are_kept_where_mkl_is_at_home(asked_anew, text, mkl, fast, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(precision, "_CPUS", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: mkl)
    before = torch.get_float32_matmul_precision()
    with precision.fast_matmul(torch.device("cpu")):
        changed = torch.get_float32_matmul_precision() != before
    assert precision.default_is_fast() == fast
    assert changed == (not fast and precision.medium_is_float32())


@pytest.mark.parametrize(
    ("name", "fast"),
    [("Intel64 Family 6 Model 85 Stepping 7, GenuineIntel", True), ("AMD64 Family 25, AuthenticAMD", False)],
)
def test_without_a_list_of_cpus_the_system_names_the_processor(asked_anew, name, fast, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_CPUS", tmp_path / "none")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(precision.platform, "processor", lambda: name)
    assert precision.default_is_fast() == fast


def test_precision_is_checked_and_restored(slow_default, monkeypatch):
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


def test_the_default_within_the_faster_way(slow_default):
    before, cpu = torch.get_float32_matmul_precision(), torch.device("cpu")
    with precision.fast_matmul(cpu):
        inside = torch.get_float32_matmul_precision()
        with precision.default_matmul(cpu):
            assert torch.get_float32_matmul_precision() == "highest"
        with precision.default_matmul(torch.device("meta")):
            assert torch.get_float32_matmul_precision() == inside
        assert torch.get_float32_matmul_precision() == inside
    assert torch.get_float32_matmul_precision() == before
