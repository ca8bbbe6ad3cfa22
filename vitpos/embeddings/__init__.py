"""Ways to tell a network where its tokens are, one file per family; `base` is their protocol."""
