"""Real numbers as text: every digit where something reads them again, four where a person does."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import blockdsl
from blockdsl.cli import run
from blockdsl.formatting import bytes_text, count_text, exact, rounded, rounded_text, shape_text

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


# --- large numbers, bytes and shapes

COUNTS = {
    0: ("0", "0 B"),
    7: ("7", "7 B"),
    999: ("999", "999 B"),
    1000: ("1.00k", "1.00 kB"),
    9_994: ("9.99k", "9.99 kB"),
    9_995: ("10.0k", "10.0 kB"),
    9_996: ("10.0k", "10.0 kB"),
    99_960: ("100k", "100 kB"),
    999_499: ("999k", "999 kB"),
    999_500: ("1.00M", "1.00 MB"),
    61_706: ("61.7k", "61.7 kB"),
    25_557_032: ("25.6M", "25.6 MB"),
    3_858_000_000: ("3.86G", "3.86 GB"),
    2_500_000_000_000: ("2.50T", "2.50 TB"),
}


@pytest.mark.parametrize("count", COUNTS)
def test_large_numbers_have_three_digits(count: int) -> None:
    assert (count_text(count), bytes_text(count)) == COUNTS[count]


@given(st.integers(0, 10**15 - 10**12))
@example(999_499_999)
@example(999_500_000)
def test_a_large_number_is_near_and_has_three_digits(count: int) -> None:
    for text in (count_text(count), count_text(count, zeros=False), bytes_text(count).replace(" B", "")):
        digits = text.rstrip("kMGTB ")
        power = ["", "k", "M", "G", "T"].index(text[len(digits) :].strip(" B"))
        assert float(digits) * 1000**power == pytest.approx(count, rel=5.1e-3, abs=0.5)
        assert len(digits.replace(".", "")) <= 3
    assert count_text(-count).lstrip("-") == count_text(count)


def test_zeros_at_the_end_can_be_left_out() -> None:
    counts = (100, 1_000, 1_500, 20_000, 200_000, 1_500_000, 1_250_000_000)
    assert [count_text(n, zeros=False) for n in counts] == [
        "100",
        "1k",
        "1.5k",
        "20k",
        "200k",
        "1.5M",
        "1.25G",
    ]


def test_shapes() -> None:
    assert [shape_text(s) for s in ((3, 224, 224), [10], ())] == ["3x224x224", "10", ""]
    assert shape_text((3, 3), "×") == "3×3"


def test_no_other_place_writes_shapes() -> None:
    """Modules of layers stand alone, since exported Python holds their text."""
    package = Path(blockdsl.__file__).parent
    files = [f for f in package.rglob("*.py") if f.parent.name != "layers" and f.name != "formatting.py"]
    assert not [f.name for f in files if 'x".join(map(str' in f.read_text(encoding="utf-8")]
