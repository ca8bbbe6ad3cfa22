"""TensorBoard: what a run shows of itself, and many runs side by side."""
