"""The language as text and as a tree: the nodes, the parser (text -> tree), the printer (tree -> text)."""
