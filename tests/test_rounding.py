"""Real numbers as text: every digit where something reads them again, four where a person does."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import blockdsl
from blockdsl.cli import run
from blockdsl.rounding import exact, rounded, rounded_text

REALS = st.floats(-1e18, 1e18)  # the language has no larger numbers

SHOWN = {
    1 / 108: "0.009259",
    0.00925926: "0.009259",
    1 / 3: "0.3333",
    2 / 3: "0.6667",
    1e-5: "1e-05",
    1.23456e-5: "1.235e-05",
    0.1: "0.1",
    0.1 + 0.2: "0.3",
    0.99999: "0.99999",  # no whole number
    -1 / 3: "-0.3333",
    3.0: "3",
    1234.5678: "1234.6",
    123456.0: "123456",
    0.0: "0",
}


@pytest.mark.parametrize("value", SHOWN)
def test_numbers_as_a_person_reads_them(value: float) -> None:
    assert rounded(value) == SHOWN[value]
    assert rounded_text(f"DROPPATH({exact(value)})-A(p={exact(value)})") == (
        f"DROPPATH({SHOWN[value]})-A(p={SHOWN[value]})"
    )


@given(REALS)
@example(1e17)
@example(5e-324)
def test_an_exact_text_is_read_as_the_same_number(value: float) -> None:
    assert float(exact(value)) == value
    layer = blockdsl.parse(f"SCALE({exact(value)})", input=(1,)).ir.layer(1)
    assert layer.operation.factor == value  # type: ignore[attr-defined]


@given(REALS)
def test_a_rounded_number_is_near_and_whole_only_where_it_is(value: float) -> None:
    text = rounded(value)
    assert float(text) == pytest.approx(value, rel=5e-4, abs=0)
    assert text.lstrip("-").isdecimal() <= value.is_integer()
    assert rounded(float(text)) == text and rounded_text(text) == text


@pytest.mark.parametrize(
    "text",
    ["CONV(64,1x7,pad=[0,3])", "v1.23456.7", "layer0.12345x", "a1.23456", "stage[2].unit[1]", "12,345"],
)
def test_names_and_whole_numbers_are_left_alone(text: str) -> None:
    assert rounded_text(text) == text


WRITTEN = {"1/108": 1 / 108, "1/3": 1 / 3, "1e-5": 1e-5, "0.1": 0.1, "0.1+0.2": 0.1 + 0.2, "1-1e-7": 1 - 1e-7}
BLOCK = "input 4\nblock b(p) = FC(4)-DROPPATH(p)\nnet b({})-FC(4)\n"


@pytest.mark.parametrize("written", WRITTEN)
def test_what_is_shown_rounds_and_what_is_read_again_does_not(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = WRITTEN[written]
    short, long = rounded(value), exact(value)
    network = blockdsl.parse(BLOCK.format(f"({written})"))
    (layer,) = (layer for layer in network.summary().layers if "DROPPATH" in layer.text)
    assert layer.text == f"DROPPATH({long})"
    assert f"DROPPATH({short})" in str(network.summary())

    picture = network.picture("dot").data.decode()
    page = network.picture("html").data.decode()
    assert f"drop path {short}" in picture and f"drop path {short}" in page
    assert short == long or (long not in picture and long not in page)

    for name, text in {"a": BLOCK.format(f"({written})"), "b": BLOCK.format("0.25")}.items():
        (tmp_path / f"{name}.arch").write_text(text)
    assert run(["diff", str(tmp_path / "a.arch"), str(tmp_path / "b.arch")]) == 0
    assert f"DROPPATH({short}) -> DROPPATH(0.25)" in capsys.readouterr().out

    with pytest.raises(blockdsl.ArchError) as refused:
        blockdsl.parse(BLOCK.replace("-DROPPATH", "-CONV(4,3)-DROPPATH").format(f"({written})"))
    assert f"in b(p={short}) called at" in str(refused.value)

    assert run(["summary", str(tmp_path / "a.arch"), "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert f"DROPPATH({long})" in [entry["text"] for entry in layers]


def test_a_difference_that_rounding_would_hide_is_shown_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, p in {"a": "0.1", "b": "0.10000001"}.items():
        (tmp_path / f"{name}.arch").write_text(BLOCK.format(p))
    assert run(["diff", str(tmp_path / "a.arch"), str(tmp_path / "b.arch")]) == 0
    assert "DROPPATH(0.1) -> DROPPATH(0.10000001)" in capsys.readouterr().out
