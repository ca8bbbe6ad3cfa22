"""The words for shapes: every tensor that crosses a module boundary is one of these."""

from jaxtyping import Bool, Complex, Float, Int64, UInt8
from torch import Tensor

Pixels = UInt8[Tensor, "batch channels height width"]  # as stored: 0..255
Images = Float[Tensor, "batch channels height width"]  # normalised
Planes = Float[Tensor, "batch planes height width"]  # an image with channels appended
Tokens = Float[Tensor, "batch tokens dim"]
Heads = Float[Tensor, "batch heads tokens head_dim"]
Logits = Float[Tensor, "#batch heads tokens tokens"]  # attention logits, before the softmax
Table = Float[Tensor, "cells dim"]  # one vector per cell of the grid
Angles = Float[Tensor, "#heads cells half_head_dim"]  # radians, one per pair of channels
Rotors = Complex[Tensor, "#heads tokens half_head_dim"]  # exp(i angle)
Scores = Float[Tensor, "batch classes"]
Labels = Int64[Tensor, " batch"]
Targets = Float[Tensor, "batch classes"]  # probabilities
Correct = Bool[Tensor, " images"]
