"""Our strategies beside the code of others, number by number.

Each module holds the oracles of a family: functions that yield what ours says and what the
reference says, values and gradients. A reference is a package that can be installed, and is
imported only when its oracle is asked; `vitpos verify` asks them all. References that exist only
as repositories are in `tests/repositories`.
"""
