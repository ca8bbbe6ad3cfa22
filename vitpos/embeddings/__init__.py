"""Ways to tell a network where its tokens are; `base` is their protocol.

What families share:

- `additive` brings a table of vectors into the network, `rotary` turns queries and keys by angles,
  `matrices` by orthogonal matrices, `bias` adds numbers to logits, `together` combines them all;
- `coordinates`, `stretching` and `resampling` are how they see a grid, and meet another one.

Strategies, by family:

- tables that are learned: `learned` `factorised` `regions`; made of coordinates: `sinusoidal`
  `fourier` `elliptic` (fixed) and `projected` (learned); `pixels` says them to the image;
- rotations by angles: `axial` `directions` `sequences` `adaptive` `mismatched`, of values too:
  `rotary_values`; by matrices: `lie` `commuting` `strings` `sphere`; by `polar` coordinates;
- biases from tables: `offsets` (resized by `geometric`) `buckets`; of distance: `distance`
  `kernels` `continuous` `directed`; of position that meets position: `untied`;
- what queries ask of offsets: `contextual` `irpe` `parabolic`; attention by place: `gated`;
- convolutions (`neighbours`) between blocks: `conditional`; of values: `values` `resformer`;
- `temperature` knows no place at all.
"""
