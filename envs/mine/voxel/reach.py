"""Which items can be obtained in the embedded world: the closure of drops, buckets and recipes."""

from functools import cache

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.voxel import blocks


@cache
def obtainable() -> frozenset[str]:
    """Names of all items that a player with nothing can come to own."""
    have = {"wool", "water_bucket", "milk_bucket", "leaves", "tallgrass"}
    have |= {item for mob in blocks.TABLE["mobs"].values() for item, *_ in mob["drops"]}
    natural = set(range(len(blocks.KEYS))) - {i for i, name in enumerate(blocks.NAME) if name in _BUILT}
    have |= {item for block in natural if blocks.HARDNESS[block] >= 0 for item, *_ in blocks.drops(block)}
    while True:
        more = {
            name
            for name, recipes in zip(vocab.CRAFTS, vocab.RECIPES)
            if name not in have and any(set(recipe.ingredients) <= have for recipe in recipes)
        }
        if not more:
            return frozenset(have)
        have |= more


_BUILT = {"planks", "glass", "crafting_table", "furnace", "torch", "chest", "stonebrick", "brick_block", "coal_block"} | {
    "iron_block",
    "gold_block",
    "diamond_block",
    "wool",
    "cobblestone",
}
"""Blocks that the terrain does not hold."""
