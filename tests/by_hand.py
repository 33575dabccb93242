"""The networks of `tests/graphs.py` as plain PyTorch modules, with the same names of weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.conv2(torch.relu(self.bn1(self.conv1(x)))))


class Head(nn.Module):
    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(torch.relu(self.bn1(self.conv1(x))))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.fc1 = nn.Linear(5, 3)
        self.fc2 = nn.Linear(7, 2)

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        x = torch.relu(self.conv1(image)).mean((2, 3))
        return self.fc2(torch.cat([x, self.fc1(time)], 1))


class UnusedInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor, noise: Tensor) -> Tensor:
        return torch.relu(self.conv1(image))


class NamedInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return torch.relu(self.conv1(image))


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.head = Head()
        self.conv2 = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(4, 4, 3, stride=2, padding=1)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        p3 = torch.relu(self.conv1(image))
        p4 = torch.relu(self.conv2(p3))
        p5 = torch.relu(self.conv3(p4))
        return self.head(p3), self.head(p4), self.head(p5)


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.unit1 = Unit()
        self.unit2 = Unit()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.unit2(self.unit1(self.conv1(x))))


class Side(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(3)
        self.conv1 = nn.Conv2d(4, 4, 1)


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = Tower()
        self.side1 = Side()
        self.side2 = Side()
        self.fc1 = nn.Linear(256, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        one = self.side1.conv1(self.tower(self.side1.bn1(left)))
        two = self.side2.conv1(self.tower(self.side2.bn1(right)))
        return self.fc1((one + two).flatten(1))


class SingleLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        one = torch.sigmoid(self.proj(x))
        return one + torch.tanh(self.proj(self.proj(one)))


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 1)
        self.unit = Unit()


class SharedInShared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = Head()
        self.outer = Outer()
        self.other = Head(7)
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, one: Tensor, two: Tensor) -> tuple[Tensor, ...]:
        def outer(x: Tensor) -> Tensor:
            unit = self.outer.unit
            return self.head(unit(unit(unit(self.outer.conv1(x)))))

        a, b = outer(one), outer(two)
        return a, b, self.other(torch.cat([one, a, b], 1)), self.head(self.conv1(b))


class Mix(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return torch.cat([self.conv1(x) * a + 2 * b, c, a], 1)


class Captured(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = Mix()
        self.conv1 = nn.Conv2d(9, 3, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        one = self.mix(x, skip, skip, x)
        return one + self.mix(x, self.conv1(one), skip, x)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, padding=1)


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner1 = Inner()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.inner1.conv1(x)
        a, b = y[:, :1], y[:, 1:]
        return a, b, torch.relu(torch.cat([b, a], 1))


class SeveralOutputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = Parts()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        a, _, c = self.parts(x)
        _, b, d = self.parts(c)
        return a, b, self.parts(torch.relu(d))[2]


class OutputIsInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, one: Tensor, two: Tensor) -> tuple[Tensor, ...]:
        return two, torch.relu(self.conv1(one)), one


class OneTensorTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = torch.relu(self.conv1(x))
        return y, y


class Stage(nn.Module):
    def __init__(self, *, early: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(4)
        if early:
            self.early = Head()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)


class Auxiliary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.head = Head()
        self.stage1 = Stage(early=False)
        self.conv2 = nn.Conv2d(4, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Any:
        y = self.stage1.bn1(self.conv1(x))
        early = self.head(y) if self.training else None
        y = torch.relu(self.stage1.conv1(y))
        late = self.head(y) if self.training else None
        y = self.conv2(y)
        outputs = self.head(y), y
        return (outputs, {"early": early, "late": late}) if self.training else outputs


class AuxiliaryInShared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(early=True)

    def forward(self, x: Tensor) -> Any:
        heads = {}
        for index in (1, 2):
            x = self.stage.bn1(x)
            if self.training:
                heads[f"early{index}"] = self.stage.early(x)
            x = torch.relu(self.stage.conv1(x))
        return (x, heads) if self.training else x


class Column(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv3 = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        assert not self.training, "what drop-path draws is not written here"
        return (self.conv1(x) + self.conv3(self.conv2(x))) / 2


class DropPath(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.column = Column()
        self.column3 = Column()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        one = self.column(self.conv1(x))
        return one, self.column3(self.column(one))


class Owner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.own = Unit()


class OwnerInBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.stage1 = Owner()

    def forward(self, x: Tensor) -> Tensor:
        own = self.stage1.own
        return own(torch.tanh(own(own(self.conv1(x)))))


BY_HAND: dict[str, type[nn.Module]] = {
    "two_inputs": TwoInputs, "unused_input": UnusedInput, "named_input": NamedInput, "pyramid": Pyramid,
    "siamese": Siamese, "single_layer": SingleLayer, "shared_in_shared": SharedInShared,
    "captured": Captured, "several_outputs": SeveralOutputs, "output_is_input": OutputIsInput,
    "one_tensor_twice": OneTensorTwice, "auxiliary": Auxiliary, "auxiliary_in_shared": AuxiliaryInShared,
    "drop_path": DropPath, "owner_in_block": OwnerInBlock,
}  # fmt: skip


def tensors(result: Any) -> list[Tensor]:
    """All tensors of what a module returns, in their order."""
    if isinstance(result, Tensor):
        return [result]
    parts: Iterable[Any] = result.values() if isinstance(result, dict) else result
    return [tensor for part in parts for tensor in tensors(part)]


def by_hand(name: str, state: dict[str, Tensor]) -> nn.Module:
    """A plain module with the weights of another one, in float64."""
    module = BY_HAND[name]().double()
    module.load_state_dict(state)
    return module


def same_computation(ours: nn.Module, theirs: nn.Module, inputs: list[Tensor], *, training: bool) -> None:
    """Hold outputs, gradients and buffers of two modules to each other, in float64 to 1e-9.

    Gradients are those of the parameters, by name, and of the inputs.
    """
    results, gradients = [], []
    for module in (ours, theirs):
        module.train(training).zero_grad()
        given = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
        torch.manual_seed(0)
        outputs = tensors(module(*given))
        # Weights that no symmetry of a norm cancels.
        parts = [(y * torch.arange(y.numel()).reshape(y.shape).sin()).sum() for y in outputs]
        torch.stack(parts).sum().backward()
        results.append(outputs)
        gradients.append(
            {name: p.grad for name, p in module.named_parameters()}
            | {str(i): x.grad for i, x in enumerate(given)}
        )
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(dict(ours.named_buffers()), dict(theirs.named_buffers()), rtol=1e-9, atol=1e-9)
