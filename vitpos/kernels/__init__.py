"""Kernels for GPUs, each beside plain PyTorch that says the same.

- `launching`: whether kernels run here: where they can, and as the user wants it;
- `rotary`: queries and keys turned; `fused` is its operator, `turning` its machine side;
- `tile`: attention over few tokens as one operator, beside `tile_reference`; `tile_launch` is its
  machine side, with `tile_forward` and `tile_backward`;
- `trial`: whether they do here what plain PyTorch does, asked before the first step;
- `machine_code`: what a kernel was compiled to, read without a GPU.

Only the machine side imports Triton, and it is imported by the first launch.
"""
