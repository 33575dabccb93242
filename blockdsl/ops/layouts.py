"""Shapes of tensors: the sizes of the axes, and what the axes mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from blockdsl.formatting import shape_text

Sizes = tuple[int, ...]
"""Numbers along axes that have no layout, as those of a weight."""


class Shape(Sizes):
    """The sizes of a tensor without the batch axis; the class says what the axes mean.

    A shape is a tuple of its sizes. It equals a plain tuple of the same sizes, and another shape only if
    the layouts are the same too: do not mix plain tuples and shapes as keys of one dict.

    Attributes:
        layout: the word for it: `image`.
        axes: a letter for each axis, in PyTorch's order.
        names: what the language calls the axes: `c` those of the channels or features.
        channel_axis: which axis has the channels or features; the batch axis is not counted.
        word: what stands before the sizes where they alone would be read as another layout; else empty.

    >>> Image(3, 224, 224).channels, Tokens(197, 768).channels
    (3, 768)
    >>> Signal(32, 100) == (32, 100), Signal(32, 100) == Tokens(32, 100)
    (True, False)
    """

    __slots__ = ()
    layout: ClassVar[str] = ""
    axes: ClassVar[tuple[str, ...]] = ()
    names: ClassVar[str] = ""
    channel_axis: ClassVar[int] = 0
    word: ClassVar[str] = ""

    def __new__(cls, *sizes: int | Iterable[int]) -> Self:
        """A shape of these sizes, or of those of one iterable (raises `TypeError`: too many or too few)."""
        if len(sizes) == 1 and not isinstance(sizes[0], int):
            sizes = tuple(sizes[0])
        if len(sizes) != len(cls.axes) or not sizes:
            axes = ", ".join(cls.axes) or "of a layout: Vector, Tokens, Signal, Image, Volume or Ids"
            raise TypeError(f"{cls.__name__} has the sizes {axes}, not {len(sizes)} of them")
        return tuple.__new__(cls, sizes)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Shape) and type(other) is not type(self):
            return False
        return tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self))})"

    @property
    def channels(self) -> int:
        """Channels of an image, a signal or a volume; features of a token or a vector; 1 of ids."""
        return self[self.channel_axis]

    @property
    def channel_dim(self) -> int:
        """The dimension of the channels in PyTorch, which counts the batch axis as 0."""
        return self.channel_axis + 1

    @property
    def trailing(self) -> int:
        """How many axes follow that of the channels: 2 in an image, none in tokens."""
        return len(self) - self.channel_dim

    @property
    def positions(self) -> Sizes:
        """The sizes of all axes but that of the channels: (H, W) of an image, () of a vector."""
        axis = self.channel_axis
        return self[:axis] + self[axis + 1 :] if axis else self[1:]

    def with_channels(self, channels: int) -> Self:
        """The same shape with another number of channels or features.

        >>> Tokens(197, 768).with_channels(10)
        Tokens(197, 10)
        """
        axis = self.channel_axis
        return tuple.__new__(type(self), (*self[:axis], channels, *self[axis + 1 :]))

    def with_positions(self, *positions: int) -> Self:
        """The same channels or features at other positions.

        >>> Image(64, 56, 56).with_positions(28, 28)
        Image(64, 28, 28)
        """
        axis = self.channel_axis
        return type(self)(*positions[:axis], self[axis], *positions[axis:])


class Vector(Shape):
    """`F` features."""

    __slots__ = ()
    layout, axes, names = "vector", ("F",), "c"


class Tokens(Shape):
    """A sequence of `L` tokens of `D` features each."""

    __slots__ = ()
    layout, axes, names, channel_axis = "tokens", ("L", "D"), "lc", 1


class Signal(Shape):
    """`C` channels at each of `L` positions in time."""

    __slots__ = ()
    layout, axes, names, word = "signal", ("C", "L"), "cl", "signal"


class Image(Shape):
    """`C` channels at each of `H` rows x `W` columns."""

    __slots__ = ()
    layout, axes, names = "image", ("C", "H", "W"), "chw"


class Volume(Shape):
    """`C` channels at each of `D` slices (or frames) x `H` rows x `W` columns."""

    __slots__ = ()
    layout, axes, names = "volume", ("C", "D", "H", "W"), "cdhw"


class Ids(Shape):
    """A sequence of `L` whole numbers, each the index of an entry of a table."""

    __slots__ = ()
    layout, axes, names, word = "ids", ("L",), "l", "ids"

    @property
    def channels(self) -> int:
        """Each id is one number."""
        return 1

    @property
    def positions(self) -> Sizes:
        """The length of the sequence."""
        return self[:]


LAYOUTS: dict[str, type[Shape]] = {cls.layout: cls for cls in (Vector, Tokens, Signal, Image, Volume, Ids)}
"""The layouts by their words."""

VALUES: tuple[type[Shape], ...] = (Vector, Tokens, Signal, Image, Volume)
"""The layouts of numbers to compute with: all but ids."""

GRIDS: tuple[type[Shape], ...] = (Signal, Image, Volume)
"""The layouts with channels at positions, which `FC` flattens."""

BY_COUNT: dict[int, type[Shape]] = {len(cls.axes): cls for cls in LAYOUTS.values() if not cls.word}
"""What sizes are that are written without a word."""


def read_sizes(sizes: Iterable[int], layout: str = "") -> Shape:
    """Written sizes as a shape; without a layout their number decides. A shape is what it is.

    >>> read_sizes((3, 224, 224)), read_sizes((1, 16000), "signal")
    (Image(3, 224, 224), Signal(1, 16000))

    Raises:
        TypeError: the layout has another number of sizes, or no layout has so many.
    """
    if isinstance(sizes, Shape) and not layout:
        return sizes
    sizes = tuple(sizes)
    if not layout and len(sizes) not in BY_COUNT:
        raise TypeError(f"no shape has {len(sizes)} sizes")
    return (LAYOUTS[layout] if layout else BY_COUNT[len(sizes)])(*sizes)


def wrong_count(layout: str, sizes: Sizes) -> tuple[str, str] | None:
    """What is wrong with how many sizes a layout is given, and which it has; None where nothing is.

    >>> wrong_count("signal", (4000,))
    ('signal has 2 sizes, not 1', 'signal is C x L')
    """
    axes = LAYOUTS[layout].axes
    if len(axes) == len(sizes):
        return None
    counted = f"{len(axes)} size" if len(axes) == 1 else f"{len(axes)} sizes"
    return f"{layout} has {counted}, not {len(sizes)}", f"{layout} is {' x '.join(axes)}"


InputSizes = Sizes | Mapping[str, Sizes]
"""Shapes for the inputs of a network, in place of a file's: one, or several by the names of the inputs."""


def read_input(texts: Iterable[str]) -> InputSizes | None:
    """Shapes of inputs as `--input` takes them; None where there is none.

    >>> read_input(["3x224x224"]), read_input(["image=3x64x64", "text=ids 77"])
    ((3, 224, 224), {'image': (3, 64, 64), 'text': Ids(77)})

    Raises:
        ValueError: a text is no shape, a name comes twice, or there are several shapes without a name.
    """
    found: dict[str, Sizes] = {}
    for text in texts:
        before, equals, after = (part.strip() for part in text.rpartition("="))
        *layout, written = after.split()
        try:
            sizes = tuple(map(int, written.lower().split("x")))
            wrong = wrong_count(layout[0], sizes) if layout else None
        except (ValueError, KeyError):
            raise ValueError(f"{text!r} is no shape; write 3x224x224, or a layout before it") from None
        if wrong:
            raise ValueError(f"{text!r} is no shape; {wrong[1]}")
        shape = read_sizes(sizes, layout[0]) if layout else sizes
        if len(layout) > 1 or min(sizes) < 1 or (equals and not before.isidentifier()):
            raise ValueError(f"{text!r} is no shape; write 3x224x224 or image=3x64x64")
        if before in found:
            if not before:
                raise ValueError("several inputs have names; write image=3x64x64")
            raise ValueError(f"the input {before} is given two shapes")
        found[before] = shape
    if "" not in found:
        return found or None
    if len(found) > 1:
        raise ValueError("one shape has a name, another has none; write image=3x64x64 for each")
    return found[""]


def input_texts(sizes: InputSizes) -> list[str]:
    """Shapes of inputs as `--input` takes them; what `read_input` reads.

    >>> input_texts({"image": (3, 64, 64), "text": Ids(77)})
    ['image=3x64x64', 'text=ids 77']
    """
    if not isinstance(sizes, Mapping):
        return [shape_text(sizes)]
    return [f"{name}={shape_text(one)}" for name, one in sizes.items()]
