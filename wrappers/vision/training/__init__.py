"""How the small scorer and the U-Net of the voxel world are made: pictures from seeds, labels from the world's state."""
