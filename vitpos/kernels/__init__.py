"""Kernels for GPUs, each beside plain PyTorch that says the same.

- `launching`: whether kernels may run here, and the user's switch;
- `rotary`: queries and keys turned in one pass, gradients in another; `turning` is its machine side;
- `machine_code`: what a kernel was compiled to, read without a GPU.

Only modules that hold a kernel import Triton, and they are imported when a kernel is launched.
"""
