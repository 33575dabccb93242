"""The terms of `augment`: what is done to training images, in the order of the sum."""

from __future__ import annotations

from blockdsl.ops.values import Count, Probability
from blockdsl.recipe.term import RecipeError, Term, term
from blockdsl.recipe.values import NotNegative, Patience, Positive


@term("augment")
class Crop(Term):
    """A window of the network's input size at a random place.

    Images that `resize` leaves larger than the input are not padded; others get `pad` pixels on
    each side, black or mirrored (`reflect=yes`).
    """

    pad: Patience = 4
    reflect: bool = False


@term("augment")
class Flip(Term):
    """Left and right exchanged, or with `vertical=yes` top and bottom."""

    p: Probability = 0.5
    vertical: bool = False


@term("augment")
class Colour(Term):
    """Brightness, contrast and saturation times a random factor of up to 1 ± the amount."""

    brightness: Probability = 0.4
    contrast: Probability = 0.4
    saturation: Probability = 0.4


@term("augment")
class PcaColour(Term):
    """A shift along the principal components of the training set's colours (AlexNet, section 4.1).

    Each component's share is drawn from N(0, std) and scaled by the component's own deviation.
    """

    std: NotNegative = 0.1


@term("augment")
class ScaleJitter(Term):
    """The image's side becomes random in low…high, then a window of the input size is cut (VGG)."""

    low: Count = 256
    high: Count = 512

    def check(self) -> None:
        """Low is not above high."""
        if self.low > self.high:
            raise RecipeError(f"low={self.low} is above high={self.high}", argument="low")


@term("augment")
class RandomResizedCrop(Term):
    """A window of low…high of the area, its aspect up to `aspect` or its inverse (GoogLeNet)."""

    low: Probability = 0.08
    high: Probability = 1.0
    aspect: Positive = 4 / 3

    def check(self) -> None:
        """Low is above 0 and not above high; the aspect is 1 or more."""
        if not 0 < self.low <= self.high:
            raise RecipeError("low is above 0 and not above high", argument="low")
        if self.aspect < 1:
            raise RecipeError("aspect is 1 or more", argument="aspect")


@term("augment")
class Rotate(Term):
    """Turned by a random angle of up to ± `degrees`."""

    degrees: NotNegative = 15.0


@term("augment")
class Affine(Term):
    """Turned and sheared by up to ± degrees, scaled by up to 1 ± `scale`, moved by a part of the side."""

    rotate: NotNegative = 0.0
    shear: NotNegative = 0.0
    scale: Probability = 0.0
    shift: Probability = 0.0


@term("augment")
class Elastic(Term):
    """Random fields smoothed by `sigma` pixels and scaled by `alpha` bend the image (Simard, 2003)."""

    alpha: NotNegative = 36.0
    sigma: Positive = 6.0


@term("augment")
class Cutout(Term):
    """A square of `size` pixels at a random place is blacked out (DeVries & Taylor, 2017)."""

    size: Count = 16
    p: Probability = 1.0


@term("augment")
class Mixup(Term):
    """Pairs of images and labels are mixed, the share drawn from Beta(alpha, alpha) (Zhang, 2017)."""

    alpha: Positive = 0.2


@term("augment")
class Cutmix(Term):
    """A window of another image is pasted in, labels mixed by area (Yun et al., 2019)."""

    alpha: Positive = 1.0
