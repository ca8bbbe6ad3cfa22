"""Seed lanes: several seeds of one arm in one process, as a leading dimension of every tensor.

Small networks keep a device waiting for the next call more than for arithmetic; one call for eight
seeds costs little more than for one. A lane is the run that it would be alone:

- `chances` draws for each lane what its seed would draw, `stacking` makes the weights, moments and
  averages of several loops the rows of common tensors;
- `network` is the network on such tensors, `speaking` how position embeddings say their part in it;
- `steps` trains all lanes at once, and each remains a `train.Loop` whose tensors are its rows: it
  validates, saves and is resumed like any other;
- `group` keeps the folders of several runs in order, `rule` says which runs may be lanes and when
  they should.

A lane does not depend on its neighbours or on how many they are: bit for bit on a CPU with one
thread in float32. It equals a run alone within `rule.TOLERANCE`.
"""
