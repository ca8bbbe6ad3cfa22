"""The words for shapes with lanes: those of `vitpos.shapes` with one more dimension in front."""

from jaxtyping import Float, Int64
from torch import Tensor

Images = Float[Tensor, "lanes batch channels height width"]
Targets = Float[Tensor, "lanes batch classes"]
Labels = Int64[Tensor, "lanes batch"]
Tokens = Float[Tensor, "lanes batch tokens dim"]
Heads = Float[Tensor, "lanes batch heads tokens width"]
Packed = Float[Tensor, "lanes batch tokens 3 heads head_dim"]  # queries, keys, values
Terms = Float[Tensor, "#lanes #batch heads tokens tokens"]  # of logits
Scores = Float[Tensor, "lanes batch classes"]
Spread = Float[Tensor, "lanes batch ..."]
Draws = Float[Tensor, "lanes 2 draws"]
