"""Tensors that cannot be weights are refused by name, whatever door they come through."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.cli import run
from blockdsl.diagnostics import ArchError
from blockdsl.transfer import carry, read_state

NET = "c:CONV(4,3,p1)-n:BN"


class Marked(Tensor):
    """A tensor subclass."""


def state(**other: object) -> dict[str, object]:
    """The state dict of NET in other words; `bias` replaces a tensor by what is given."""
    found: dict[str, object] = dict(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict())
    return found | {f"0.{name}": value for name, value in other.items()}


def carried(given: dict[str, object]) -> dict[str, Tensor]:
    return carry(given, blockdsl.parse(NET, input=(3, 8, 8)).ir)[0]  # type: ignore[arg-type]


UNFIT: dict[str, tuple[Callable[[], object], str]] = {
    "sparse": (lambda: torch.ones(4).to_sparse(), "0.bias is a sparse tensor (torch.sparse_coo)"),
    "compressed": (lambda: torch.ones(4, 4).to_sparse_csr(), "0.bias is a sparse tensor (torch.sparse_csr)"),
    "meta": (lambda: torch.ones(4, device="meta"), "0.bias is a tensor without data (device meta)"),
    "quantized": (
        lambda: torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8),
        "0.bias is a quantized tensor",
    ),
    "complex": (lambda: torch.ones(4, dtype=torch.complex64), "0.bias is complex (torch.complex64)"),
    "subclass": (lambda: torch.ones(4).as_subclass(Marked), "0.bias is of the tensor subclass Marked"),
    "a list": (lambda: [1.0] * 4, "0.bias is of type list"),
    "nothing": (lambda: None, "0.bias is of type NoneType"),
    "nested": (lambda: {"a": torch.ones(4)}, "0.bias is a nested dictionary"),
    "inf": (lambda: torch.tensor([0, 1, torch.inf, 2]), "0.bias is not finite: 1 of 4 numbers"),
    "nan": (lambda: torch.full((4,), torch.nan, dtype=torch.float16), "0.bias is not finite: 4 of 4 numbers"),
    "integer": (lambda: torch.ones(4, dtype=torch.int32), "0.bias has torch.int32 numbers"),
    "boolean": (lambda: torch.ones(4, dtype=torch.bool), "0.bias has torch.bool numbers"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_is_no_weight_is_refused_by_name(kind: str) -> None:
    make, words = UNFIT[kind]
    with warnings.catch_warnings(), pytest.raises(ArchError) as refused:
        warnings.simplefilter("ignore")
        carried(state(bias=make()))
    assert words in str(refused.value)


@pytest.mark.parametrize("kind", sorted(UNFIT.keys() - {"subclass"}))
def test_so_is_it_in_a_file(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, words = UNFIT[kind]
    (tmp_path / "net.arch").write_text(f"input 3x8x8\nnet {NET}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(state(bias=make()), tmp_path / "x.pth")
        assert run(["weights", str(tmp_path / "net.arch"), "--from", str(tmp_path / "x.pth")]) == 1
    assert words in capsys.readouterr().err.replace("\n", " ")


def test_weights_in_our_names_are_held_to_the_same(tmp_path: Path) -> None:
    network = blockdsl.parse(NET, input=(3, 8, 8))
    own = network.module().state_dict()
    for value, words in ((own["c.bias"] * torch.nan, "not finite"), (own["c.bias"].int(), "torch.int32")):
        torch.save(own | {"c.bias": value}, tmp_path / "own.pth")
        with pytest.raises(ArchError, match=rf"c\.bias.*{words}"):
            network.module(weights=tmp_path / "own.pth")


def test_a_count_of_batches_is_whole() -> None:
    counter = "1.num_batches_tracked"
    assert carried(state() | {counter: torch.tensor(7, dtype=torch.int32)})["n.num_batches_tracked"] == 7
    for wrong in (torch.tensor(0.5), torch.ones(4, dtype=torch.int64)):
        with pytest.raises(ArchError, match=r"num_batches_tracked .* is no count of batches"):
            carried(state() | {counter: wrong})


def test_what_is_not_carried_may_hold_anything_dense() -> None:
    """Masks and tables of indices beside the weights."""
    given = state() | {"mask.table": torch.full((9, 9), -torch.inf), "mask.index": torch.ones(9, 9).int()}
    graph = blockdsl.parse(NET, input=(3, 8, 8)).ir
    assert len(carry(given, graph, partial=True)[1].unused) == 2  # type: ignore[arg-type]


def test_parameters_and_types_of_few_bits_are_weights() -> None:
    given = state(bias=nn.Parameter(torch.ones(4).to(torch.float8_e4m3fn), requires_grad=False))
    assert carried(given)["c.bias"].dtype == torch.float8_e4m3fn


def test_the_order_of_a_file_is_known(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    torch.save({"a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "x.pth")
    save_file({"b": torch.ones(1)}, str(tmp_path / "x.safetensors"))
    assert read_state(tmp_path / "x.pth").ordered
    assert not read_state(tmp_path / "x.safetensors").ordered
