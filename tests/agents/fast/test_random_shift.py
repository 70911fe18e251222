import numpy as np
import pytest
import torch

from papergym.agents.fast.random_shift import random_shift


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_equals_crop_of_padded_image(dtype):
    rng = np.random.default_rng(0)
    images, offsets = rng.integers(0, 256, (20, 9, 12, 10)), rng.integers(0, 9, (20, 2))
    offsets[0], offsets[1], offsets[2] = (4, 4), (0, 0), (8, 8)
    shifted = random_shift(torch.tensor(images, dtype=dtype), torch.tensor(offsets), 4)
    for image, (row, column), found in zip(images, offsets, shifted.numpy()):
        padded = np.stack([np.pad(channel, 4, mode="edge") for channel in image])
        np.testing.assert_array_equal(found, padded[:, row : row + 12, column : column + 10])
    assert shifted.dtype == dtype
    np.testing.assert_array_equal(shifted[0], images[0])
