"""Files: `use`, parameters and settings, the input, meta lines, the train section."""

from pathlib import Path

import pytest

from blockdsl.lowering import Program, lower
from blockdsl.resources import read_source
from blockdsl.syntax.parser import parse
from tests.lowering.lowered import message, operations, output, program

UNIT = "block unit(c) = CONV(c,1)-RELU\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "blocks").mkdir()
    return tmp_path


def lowered(folder: Path, **files: str) -> Program:
    """Write files (`a__b` is a/b.arch) and lower main.arch."""
    for name, text in files.items():
        (folder / f"{name.replace('__', '/')}.arch").write_text(text)
    return lower(parse(read_source(folder / "main.arch", "main.arch")), input=(3, 8, 8))


def refused(folder: Path, **files: str) -> str:
    from blockdsl.diagnostics import ArchError

    with pytest.raises(ArchError) as problem:
        lowered(folder, **files)
    return str(problem.value)


def found(program: Program) -> list[str]:
    return [str(layer.operation) for layer in program.graph.layers() if layer.id]


# --- use


def test_use_brings_in_the_blocks_of_a_file_beside(folder: Path):
    main = 'use "blocks/unit.arch"\nnet unit(4)-double(8)'
    unit = UNIT + "let twice(c) = 2*c\nblock double(c) = unit(twice(c))"
    assert found(lowered(folder, main=main, blocks__unit=unit)) == ["CONV(4,1)", "RELU", "CONV(16,1)", "RELU"]


def test_a_used_file_finds_its_own_uses_beside_itself(folder: Path):
    main = 'use "blocks/stage.arch"\nnet stage(4)'
    stage = 'use "unit.arch"\nblock stage(c) = unit(c)*2'
    assert (
        found(lowered(folder, main=main, blocks__stage=stage, blocks__unit=UNIT)) == ["CONV(4,1)", "RELU"] * 2
    )


def test_the_zoo_is_looked_in_after_the_folder(folder: Path):
    net = lowered(folder, main='use "resnet50.arch"\nnet conv(8,3)')
    assert found(net)[0].startswith("CONV(8,3")


def test_blocks_keep_the_names_of_their_file(folder: Path):
    main = 'use "blocks/unit.arch"\nlet width = 99\nnet unit'
    assert found(lowered(folder, main=main, blocks__unit="let width = 5\nblock unit = CONV(width,1)")) == [
        "CONV(5,1)"
    ]


def test_the_network_of_a_used_file_stays_behind(folder: Path):
    main = 'use "blocks/unit.arch"\nnet unit(4)'
    used = UNIT + "input 1x1x1\nnet unit(64)\ncheck params == 1"
    program = lowered(folder, main=main, blocks__unit=used)
    assert found(program) == ["CONV(4,1)", "RELU"]
    assert not program.checks


def test_two_files_may_use_the_same_third(folder: Path):
    main = 'use "blocks/a.arch"\nuse "blocks/b.arch"\nnet a-b-unit(1)'
    a = 'use "unit.arch"\nblock a = unit(2)'
    b = 'use "unit.arch"\nblock b = unit(3)'
    program = lowered(folder, main=main, blocks__a=a, blocks__b=b, blocks__unit=UNIT)
    assert found(program) == ["CONV(2,1)", "RELU", "CONV(3,1)", "RELU", "CONV(1,1)", "RELU"]


def test_choices_of_two_files_have_paths_of_their_own(folder: Path):
    from blockdsl.resources import read_source

    for name in "ab":
        (folder / f"{name}.arch").write_text(f"let w = {{1,2}}\nblock {name} = CONV(w,1)")
    (folder / "main.arch").write_text('use "a.arch"\nuse "b.arch"\nnet a-b')
    asked = []
    file = parse(read_source(folder / "main.arch", "main.arch"))
    lower(file, input=(3, 8, 8), choose=lambda point: asked.append(point.path) or 0)
    assert len(set(asked)) == 2


def test_a_file_that_uses_itself(folder: Path):
    text = refused(folder, main='use "a.arch"\nnet unit(3)', a='use "main.arch"\n' + UNIT)
    assert text.splitlines()[:2] == ["error[file]: a.arch uses itself", "  --> main.arch:1:5"]


def test_a_second_definition_by_a_used_file(folder: Path):
    text = refused(folder, main='use "a.arch"\nuse "b.arch"\nnet unit(3)', a=UNIT, b=UNIT)
    assert text == (
        "error[name]: b.arch defines unit a second time\n"
        "  --> main.arch:2:5\n"
        '     2 | use "b.arch"\n'
        "       |     ^^^^^^^^\n"
        '     1 | use "a.arch"\n'
        "       |     ^^^^^^^^"
    )


def test_a_block_that_a_used_file_has_too(folder: Path):
    text = refused(folder, main=f'use "a.arch"\n{UNIT}net unit(3)', a=UNIT)
    assert text.splitlines()[:2] == ["error[name]: unit is defined twice", "  --> main.arch:2:1"]


def test_an_error_in_a_used_file_points_there(folder: Path):
    text = refused(folder, main='use "a.arch"\nnet unit(3)', a="block unit(c) = COVN(c,1)")
    assert text == (
        "error[name]: unknown operation COVN\n"
        "  --> a.arch:1:17\n"
        "     1 | block unit(c) = COVN(c,1)\n"
        "       |                 ^^^^\n"
        "   in unit(c=3) called at main.arch:2:5\n"
        "  help: did you mean CONV?"
    )


def test_a_used_file_has_defaults_for_its_parameters(folder: Path):
    text = refused(folder, main='use "a.arch"\nnet unit(3)', a="param width\n" + UNIT)
    assert text.splitlines()[0] == "error[argument]: the param width has no value"
    assert text.splitlines()[-1] == "  help: a used file's parameters have defaults: param width = …"


# --- parameters and settings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("10", "FC(10)"),
        (10, "FC(10)"),
        ("2*classes0", "FC(14)"),
        ("round(9.6)", "FC(10)"),
        ("[10, 20][1]", None),
        (10.0, "FC(10)"),
    ],
)
def test_a_setting_is_an_expression_or_a_python_value(given: object, expected: str | None):
    text = "param classes0 = 7\nparam classes = 1000\nnet GAP-FC(classes)"
    if expected is None:
        assert message(text, settings={"classes": given}).startswith("error[syntax]")
    else:
        assert operations(text, settings={"classes": given})[-1] == expected


def test_parameters_are_known_to_the_program():
    found = program("param a = 2\nparam b = 3*a\nnet FC(b)", settings={"a": 5})
    assert found.params == {"a": 5, "b": 15}


def test_words_and_lists_and_networks_can_be_set():
    assert operations('param how = "nearest"\nnet UPSAMPLE(2,mode=how)', settings={"how": "bilinear"}) == [
        "UPSAMPLE(2,mode=bilinear)"
    ]
    text = "param d = [1]\nnet (RELU for i in d)"
    assert (
        operations(text, settings={"d": [1, 2, 3]})
        == operations(text, settings={"d": "[1,2,3]"})
        == ["RELU"] * 3
    )
    assert operations("param act = RELU\nnet act", settings={"act": "SILU"}) == ["SILU"]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), b"x", {}, object])
def test_python_values_of_other_types_are_refused(value: object):
    assert message("param n = 1\nnet FC(n)", settings={"n": value}).startswith(
        "error[argument]: n is a number, a text or a list of these, not "
    )


@pytest.mark.parametrize("value", ["", "3) net (4", "3 4", "let x = 3", "net RELU", "#", ")"])
def test_a_setting_cannot_add_statements(value: str):
    assert message("param n = 1\nnet FC(n)", settings={"n": value}).startswith("error[")


# --- the input


def test_the_input_can_be_overridden():
    assert output("input 3x8x8\nnet RELU", input=(1, 4, 4)) == (1, 4, 4)


@pytest.mark.parametrize(
    ("written", "shape"),
    [("3x8x8", (3, 8, 8)), ("784", (784,)), ("196x768", (196, 768)), ("(3, size, size//2)", (3, 8, 4))],
)
def test_ways_to_write_an_input(written: str, shape: tuple[int, ...]):
    assert output(f"param size = 8\ninput {written}\nnet RELU") == shape


@pytest.mark.parametrize(
    "shape", [(), (0, 3, 3), (3, 3, 3, 3, 3), (1.5, 3, 3), (True, 3, 3), ("3", 3, 3), (3, 10**7, 3)]
)
def test_an_input_that_is_none(shape: tuple[object, ...]):
    assert message("net RELU", input=shape).startswith("error[input]")


# --- meta


def test_meta_lines():
    meta = program("""title "Net" year 2015 authors "A, B" paper "P" dataset "D"
    note "one" note "two"
    error 18.2 "top-5 %, one network, validation"
    error 37.5 "top-1 %"
    net RELU""").meta
    assert (meta.title, meta.year, meta.authors, meta.paper, meta.dataset) == ("Net", 2015, "A, B", "P", "D")
    assert meta.notes == ("one", "two")
    assert meta.errors == ((18.2, "top-5 %, one network, validation"), (37.5, "top-1 %"))


# --- train


def test_a_recipe():
    recipe = program("""net RELU
    train
        optimizer = sgd(lr=0.1, momentum=0.9, weight_decay=1e-4)
        schedule  = plateau(factor=0.1)
        batch     = 256
        augment   = crop + flip""").recipe
    assert (recipe.optimizer.name, recipe.optimizer.lr, recipe.optimizer.weight_decay) == ("sgd", 0.1, 1e-4)
    assert (recipe.schedule.name, recipe.schedule.factor, recipe.batch) == ("plateau", 0.1, 256)
    assert [term.name for term in recipe.augment] == ["crop", "flip"]


def test_a_recipe_sees_parameters_and_conditions():
    text = """param big = yes
    param lr = 0.1
    net RELU
    train optimizer = if big then sgd(lr=lr/2) else adam() batch = if big then 8 else 16"""
    assert program(text).recipe.optimizer.lr == 0.05
    assert program(text, settings={"big": "no"}).recipe.optimizer.name == "adam"
    assert program(text, settings={"big": "no"}).recipe.batch == 16


def test_the_order_of_settings_is_free():
    assert program("net RELU\ntrain accumulate = 128 batch = 256").recipe.accumulate == 128
    assert program("net RELU\ntrain batch = 256\ntrain accumulate = 128").recipe.batch == 256


def test_a_used_folder(folder: Path):
    (folder / "parts.arch").mkdir()
    assert "parts.arch is a folder" in refused(folder, main='use "parts.arch"\nnet RELU')
    assert "is not found" in refused(folder, main=f'use "{"x" * 300}.arch"\nnet RELU')
