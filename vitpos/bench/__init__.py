"""How fast things are here, and how much of what the machine could do that is.

One file for each part: `step`, `peers`, `embeddings`, `kernels`, `lanes`, `startup`, `folders`
(``compare``), and four that take long and are asked for by name: `sweeps`, `compiling`, `boards`,
`reliability`.
Each yields tables. `rounds` has the contenders of a table take turns, `clocks` times them, `heats`
makes a table of it or refuses to, `ceilings` says what the device could do, `goals` what was to be
reached. `running` does the parts within the time there is, and `record` keeps what they found.
"""
