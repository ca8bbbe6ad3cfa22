"""The words for shapes: every tensor that crosses a module boundary is one of these."""

from jaxtyping import Bool, Complex, Float, Int64, UInt8
from torch import Tensor

Pixels = UInt8[Tensor, "batch channels height width"]  # as stored: 0..255
Images = Float[Tensor, "batch channels height width"]  # normalised
Planes = Float[Tensor, "batch planes height width"]  # an image with channels appended
Features = Float[Tensor, "batch features rows cols"]  # what convolutions make of planes
Pieces = Float[Tensor, "batch cells numbers"]  # of an image, each with all its pixels
Tokens = Float[Tensor, "batch tokens dim"]
Cells = Float[Tensor, "batch cells dim"]  # tokens that have a place
Heads = Float[Tensor, "batch heads tokens head_dim"]
Asked = Float[Tensor, "batch heads tokens width"]  # queries and keys, maybe wider than a head
Logits = Float[Tensor, "#batch heads tokens tokens"]  # attention logits, before the softmax
Hidden = Bool[Tensor, "tokens tokens"]  # keys that a query does not see
Bias = Float[Tensor, "heads cells cells"]  # of logits between cells
Offsets = Float[Tensor, "#heads offsets width"]  # a vector for each offset along an axis
Packed = Float[Tensor, "batch tokens 3 heads head_dim"]  # queries, keys and values in one product
Weights = Float[Tensor, "batch heads tokens tokens"]  # of attention: rows sum to one
Table = Float[Tensor, "cells dim"]  # one vector per cell of the grid
Waves = Float[Tensor, "2 #heads planes"]  # radians per row and per column, by pair of channels
Spectrum = Float[Tensor, " waves"]  # radians per unit of one axis
Spectra = Float[Tensor, "#heads waves"]  # the same, maybe of each head
Depths = Float[Tensor, "1 #heads planes"]  # 0 for the shortest wave of a head, 1 for the longest
Directions = Float[Tensor, "planes 2"]  # unit vectors: row, column
Angles = Float[Tensor, "#heads cells planes"]  # radians, one per pair of channels
Turns = Float[Tensor, "#heads tokens planes"]  # the same of every token, prefix tokens first
Rotors = Complex[Tensor, "#heads tokens planes"]  # exp(i angle)
Draws = Float[Tensor, "2 draws"]  # uniform in 0..1: shift, jitter, rescale, then one per cell
Places = Float[Tensor, "2 cells"]  # row and column of every cell, in some unit
Place = Float[Tensor, "2"]  # row and column of one token
Maps = Float[Tensor, "heads head_dim head_dim"]  # a matrix for every head
Pooled = Float[Tensor, "batch dim"]  # one vector for each image
Scores = Float[Tensor, "batch *tokens classes"]  # of images, or of each of their tokens
Labels = Int64[Tensor, " batch"]
Targets = Float[Tensor, "batch classes"]  # probabilities
Correct = Bool[Tensor, " images"]
