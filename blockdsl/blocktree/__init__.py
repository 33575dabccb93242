"""The tree of blocks over a graph: runs of layers merged, repetitions folded."""
