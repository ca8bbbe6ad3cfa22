"""Images as tensors on the device: where they come from, and how they change on the way in."""
