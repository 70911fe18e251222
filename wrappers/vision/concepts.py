"""What the small scorer can name in the voxel world: concepts, the words for them, and phrasings of a prompt."""

from dataclasses import dataclass

import numpy as np

from papergym.envs.mine import vocabulary as vocab


@dataclass(frozen=True)
class Concept:
    """A thing that can be seen.

    Attributes:
        name: short name.
        blocks: contract block names that show it.
        entities: contract entity names that show it.
        nouns: names of it in captions.
        verbs: what stands before a name in a training caption.
    """

    name: str
    blocks: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ("Obtain", "Find", "Look at", "Walk to")


CONCEPTS = (
    Concept("log", ("log",), (), ("a tree", "wood", "a log", "a tree trunk"), ("Cut", "Chop", "Find", "Walk to", "Obtain")),
    Concept("water", ("water",), (), ("water", "a lake", "some water"), ("Obtain", "Find", "Fill a bucket with", "Walk to")),
    Concept("sand", ("sand", "sandstone"), (), ("sand", "a beach of sand", "some sand"), ("Obtain", "Dig", "Find", "Walk to")),
    Concept("iron ore", ("iron_ore",), (), ("iron ore", "iron", "an iron vein"), ("Mine", "Find", "Obtain", "Look at")),
    Concept("sheep", (), ("sheep",), ("wool", "a sheep", "wool from a sheep"), ("Obtain", "Shear", "Find", "Walk to")),
    Concept("leaves", ("leaves",), (), ("leaves", "foliage", "green leaves")),
    Concept("grass block", ("grass",), (), ("the grass ground", "a meadow", "grassland")),
    Concept("dirt", ("dirt",), (), ("dirt", "brown soil", "earth")),
    Concept("stone", ("stone",), (), ("stone", "a rock wall", "grey rock"), ("Mine", "Find", "Look at")),
    Concept("coal ore", ("coal_ore",), (), ("coal ore", "coal", "a coal vein"), ("Mine", "Find", "Obtain")),
    Concept("gold ore", ("gold_ore",), (), ("gold ore", "gold", "a gold vein"), ("Mine", "Find", "Obtain")),
    Concept("gravel", ("gravel",), (), ("gravel", "loose gravel")),
    Concept("tall grass", ("tallgrass",), (), ("tall grass", "weeds", "grass blades")),
    Concept("flower", ("yellow_flower", "red_flower"), (), ("a flower", "flowers", "a dandelion", "a poppy")),
    Concept("cactus", ("cactus",), (), ("a cactus", "cacti")),
    Concept("reeds", ("reeds",), (), ("reeds", "sugar cane")),
    Concept("snow", ("snow",), (), ("snow", "white snow")),
    Concept("cow", (), ("cow",), ("a cow", "cattle", "beef"), ("Obtain", "Hunt", "Find", "Milk")),
    Concept("pig", (), ("pig",), ("a pig", "pork", "a pink pig"), ("Obtain", "Hunt", "Find")),
    Concept("chicken", (), ("chicken",), ("a chicken", "a hen", "poultry"), ("Obtain", "Hunt", "Find")),
    Concept("sky", ("air",), (), ("the sky", "open sky", "the horizon"), ("Look at", "Find")),
)
"""The first five are the goals of LS-Imagine's tasks."""
NAMES = tuple(concept.name for concept in CONCEPTS)
UNSEEN = ("Please go and get {}", "There is {} ahead", "I want to see {}", "Approach {}", "A picture of {}")
"""Phrasings kept out of training, to measure what the scorer makes of words that it has not met."""
GOALS = {
    "harvest_log_in_plains": "log",
    "harvest_water_with_bucket": "water",
    "harvest_sand": "sand",
    "mine_iron_ore": "iron ore",
    "shear_sheep": "sheep",
}
"""LS-Imagine's task -> the concept that it needs."""
NOTHING = 255
"""Mark of a pixel that shows none of the concepts."""


def _lookup() -> tuple[np.ndarray, np.ndarray]:
    of_block, of_entity = np.full(256, NOTHING, np.uint8), np.full(256, NOTHING, np.uint8)
    for index, concept in enumerate(CONCEPTS):
        of_block[[vocab.BLOCK_ID[name] for name in concept.blocks]] = index
        of_entity[[vocab.ENTITY_ID[name] for name in concept.entities]] = index
    return of_block, of_entity


_OF_BLOCK, _OF_ENTITY = _lookup()


def concept_map(segmentation: dict[str, np.ndarray]) -> np.ndarray:
    """Concept of each pixel, (H, W) uint8 (index of CONCEPTS, or NOTHING), of a voxel world's ``info["segmentation"]``."""
    blocks, entities = segmentation["block"], segmentation["entity"]
    return np.where(entities > 0, _OF_ENTITY[entities], _OF_BLOCK[blocks])


def caption(index: int, rng: np.random.Generator) -> str:
    """A training caption of concept ``index``."""
    concept = CONCEPTS[index]
    return f"{rng.choice(concept.verbs)} {rng.choice(concept.nouns)}"


def unseen_caption(index: int, rng: np.random.Generator) -> str:
    """A caption of concept ``index`` in a phrasing that no training caption has."""
    return str(rng.choice(UNSEEN)).format(rng.choice(CONCEPTS[index].nouns))
