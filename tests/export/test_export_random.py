"""Networks that nobody would write, exported: the same state and outputs."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.export.running import agree

LEAVES = st.sampled_from(
    [
        "CONV(4,3,p1)", "CONV(in.c,1)", "BN", "RELU", "TANH", "DROPOUT(0.2)", "SCALE(0.5)", "POOL(3,s1,p1)",
        "SHUFFLE(2)", "b(4)", "b(6)", "b(4,k=1)", "c(4)", "c(8,yes)", "c(in.c,no)", "d(3)", "d(2)",
    ]
)  # fmt: skip


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Two or three networks as one; what is added or gated is brought to the same channels first."""
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, inner, inner).map(lambda t: f"({'-'.join(t)})"),
        pair.map(lambda t: f"({t[0]}-CONV(4,1) + {t[1]}-CONV(4,1))"),
        pair.map(lambda t: f"({t[0]}-CONV(4,1) | {t[1]}-CONV(2,1))"),
        pair.map(lambda t: f"({t[0]}-CONV(4,1) * ({t[1]}-CONV(4,1)-SIGMOID))"),
        inner.map(lambda t: f"(CONV(4,1)-(ID + {t}-CONV(4,1)))"),
        st.tuples(inner, st.integers(2, 4)).map(lambda t: f"({t[0]}-CONV(4,1)) * {t[1]}"),
    )


NETS = st.recursive(LEAVES, compound, max_leaves=10)


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(net=NETS, body=st.recursive(LEAVES.filter(lambda t: t[0].isupper()), compound, max_leaves=5))
def test_any_network(net: str, body: str) -> None:
    agree(
        f"""
        input 4x6x6
        block b(c, k=3) = CONV(c,k,pad=k//2)-BN-(if in.c == c then RELU else ID)
        block c(n, wide=no) = (if wide then b(2*n) else ID)-{body}-CONV(n,1)
        block d(n) = if n == 0 then ID else (ID + c(in.c))-d(n-1)
        net {net}
        """
    )
