"""What must hold of every graph."""

from __future__ import annotations

from blockdsl.ir import Graph, Layer, Path, Value, path_text
from blockdsl.ops import Shape
from blockdsl.ops.tie import fit, tie_of, tied


def verify(graph: Graph) -> None:
    """Hold a graph to its rules; run after lowering and after every pass.

    Raises:
        AssertionError: a rule is broken, which is a defect of ours and never of a user's file.
    """
    names: set[str] = set()
    known_shapes: dict[tuple[int, ...], tuple[Shape, ...]] = {}
    for layer in graph.layers():
        known = all(value.node < layer.id for value in layer.inputs)
        assert known, f"{_where(layer)} comes before its input"
        assert layer.name not in names, f"the name {layer.name} is taken twice"
        names.add(layer.name)
        arity = layer.operation.inputs
        fits = arity is None or len(layer.inputs) == arity
        assert fits, f"{_where(layer)} has {len(layer.inputs)} inputs"
        taken = graph.input_shapes(layer)
        # Copies of a layer share its operation and its shapes; all of them live as long as the graph.
        key = (id(layer.operation), *map(id, taken))
        if (shapes := known_shapes.get(key)) is None:
            shapes = known_shapes[key] = layer.operation.shapes(*taken)
        fits = shapes is layer.shapes or shapes == layer.shapes
        assert fits, f"{_where(layer)} yields {shapes}, the graph says {layer.shapes}"
    inputs = tuple(Value(layer.id) for layer in graph.layers() if layer.is_input)
    assert inputs == tuple(port.value for port in graph.inputs), f"the inputs are {inputs}"
    assert all(value.node == place for place, value in enumerate(inputs)), "the inputs do not come first"
    for value in graph.results():
        assert value.port < len(graph.layer(value.node).shapes), f"there is no {value}"
    assert graph.inputs and graph.outputs, "there are no inputs, or no outputs"
    for ports in (graph.inputs, graph.outputs, graph.auxiliaries):
        named = [port.name for port in ports]
        assert len(set(named)) == len(named), f"the names {named} are not different"
    if graph.shared:
        _verify_shared(graph)
    _verify_ties(graph)


def _verify_shared(graph: Graph) -> None:
    """All applications of a shared network have the same layers, weights and wiring."""
    applied: dict[Path, list[Layer]] = {path: [] for path in graph.shared}
    for layer in graph.layers():
        for length in range(1, len(layer.path) + 1):
            if layer.path[:length] in applied:
                applied[layer.path[:length]].append(layer)
    first: dict[Path, Path] = {}
    for path, layers in applied.items():
        assert layers, f"the application {path_text(path)} of a shared network has no layers"
        other = first.setdefault(graph.shared[path], path)
        one, two = (_wiring(graph, place, applied[place]) for place in (other, path))
        assert one == two, f"{path_text(path)} and {path_text(other)} share weights and differ"


def _verify_ties(graph: Graph) -> None:
    """Every tied layer comes after the layer whose weight it uses, and the weight fits."""
    modules: dict[Path, Layer] = {}
    met: set[Path] = set()
    if not graph.ties:
        assert not any(tie_of(layer.operation) for layer in graph.layers()), "a tied layer has no owner"
        return
    for layer in graph.layers():
        module = graph.module_path(layer)
        modules.setdefault(module, layer)
        if tie := tie_of(layer.operation):
            met.add(module)
            other = modules.get(graph.ties.get(module, ()))
            assert other is not None, f"{_where(layer)} is tied to no layer before it"
            own = tied(layer.operation, None).weights(*graph.input_shapes(layer))["weight"]
            theirs = other.operation.weights(*graph.input_shapes(other))["weight"]
            assert fit(own, theirs) is tie.transposed, f"{_where(layer)} needs {own}, the weight is {theirs}"
    assert met == set(graph.ties), f"{set(graph.ties) - met} are not tied"


def _wiring(graph: Graph, path: Path, layers: list[Layer]) -> list[tuple[object, ...]]:
    """What two applications of a shared network must have in common, layer by layer."""
    place = {layer.id: index for index, layer in enumerate(layers)}
    found: list[tuple[object, ...]] = []
    for layer in layers:
        operation, shapes = layer.operation, graph.input_shapes(layer)
        inner = [(place[v.node], v.port) if v.node in place else None for v in layer.inputs]
        tensors = operation.weights(*shapes), operation.buffers(*shapes)
        found.append((layer.path[len(path) :], graph.module_path(layer), operation, tensors, inner))
    return found


def _where(layer: Layer) -> str:
    return f"{layer.name} ({layer.operation})"
