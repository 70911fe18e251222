"""Meaning and unit of every key of MineDojo's observation and of every part of its action; values are Minecraft's."""

_BLOCK = {
    "block_name": ("block, an id into vocabulary.BLOCKS", "id"),
    "block_meta": ("variant of the block", "id"),
    "is_collidable": ("whether the block stops bodies", "bool"),
    "is_tool_not_required": ("whether the block yields its item to any hand", "bool"),
    "blocks_movement": ("whether the block stops walking", "bool"),
    "is_liquid": ("whether the block is a liquid", "bool"),
    "is_solid": ("whether the block's material is solid", "bool"),
    "can_burn": ("whether the block burns", "bool"),
    "blocks_light": ("whether the block stops light", "bool"),
    "cos_look_vec_angle": ("cosine between the view and the direction to the block", "1"),
}
_STACK = {
    "name": ("item of each slot, an id into vocabulary.ITEMS", "id"),
    "quantity": ("pieces in each slot", "pieces"),
    "variant": ("variant of each slot's item", "id"),
    "cur_durability": ("use that is left in each slot's tool, -1 without one", "uses"),
    "max_durability": ("use of each slot's tool when new, -1 without one", "uses"),
}

MEANINGS: dict[str, tuple[str, str]] = {
    "rgb": ("picture, channels first", "0 to 255"),
    **{f"inventory.{key}": value for key, value in _STACK.items()},
    **{f"equipment.{key}": value for key, value in _STACK.items()},
    "life_stats.life": ("health", "half hearts"),
    "life_stats.armor": ("armour points of what is worn", "points"),
    "life_stats.food": ("food level", "half drumsticks"),
    "life_stats.saturation": ("food in reserve before the food level falls", "points"),
    "life_stats.oxygen": ("air that is left", "ticks"),
    "life_stats.xp": ("experience", "points"),
    "life_stats.is_sleeping": ("whether the player sleeps", "bool"),
    "location_stats.pos": ("position x, y (up), z", "blocks"),
    "location_stats.pitch": ("pitch of the view, positive downward", "degrees"),
    "location_stats.yaw": ("yaw of the view", "degrees"),
    "location_stats.biome_id": ("biome at the player", "id"),
    "location_stats.can_see_sky": ("whether the sky is open above", "bool"),
    "location_stats.is_raining": ("whether it rains", "bool"),
    "location_stats.light_level": ("light at the player", "levels"),
    "location_stats.sea_level": ("height of the sea", "blocks"),
    "location_stats.sky_light_level": ("share of the light that comes from the sky", "1"),
    "location_stats.sun_brightness": ("brightness of the sun", "1"),
    "location_stats.rainfall": ("rainfall of the biome", "1"),
    "location_stats.temperature": ("temperature of the biome", "1"),
    "damage_source.damage_amount": ("damage taken in this step", "half hearts"),
    "damage_source.damage_distance": ("distance to what did the damage", "blocks"),
    "damage_source.damage_pitch": ("pitch towards what did the damage", "degrees"),
    "damage_source.damage_yaw": ("yaw towards what did the damage", "degrees"),
    "damage_source.hunger_damage": ("exhaustion that this damage costs", "points"),
    "damage_source.is_explosion": ("whether it was an explosion", "bool"),
    "damage_source.is_fire_damage": ("whether it was fire", "bool"),
    "damage_source.is_magic_damage": ("whether it was magic", "bool"),
    "damage_source.is_projectile": ("whether it was a projectile", "bool"),
    "damage_source.is_unblockable": ("whether armour does not help", "bool"),
    "nearby_tools.table": ("whether a crafting table is in reach", "bool"),
    "nearby_tools.furnace": ("whether a furnace is in reach", "bool"),
    "masks.action_type": ("which of the eight functions are valid now", "bool"),
    "masks.action_arg": ("which of the eight functions read an argument", "bool"),
    "masks.craft_smelt": ("what can be crafted or smelted now", "bool"),
    "masks.equip": ("which slots can be equipped", "bool"),
    "masks.place": ("which slots can be placed", "bool"),
    "masks.destroy": ("which slots can be destroyed", "bool"),
    **{
        f"delta_inv.{sign}_{what}_by_{cause}": (f"{text} that became {'more' if sign == 'inc' else 'fewer'} {how}", unit)
        for sign in ("inc", "dec")
        for what, text, unit in (("name", "items", "id"), ("quantity", "pieces of the items", "pieces"))
        for cause, how in (("craft", "by crafting"), ("other", "otherwise"))
    },
    **{f"voxels.{key}": value for key, value in _BLOCK.items()},
    **{f"rays.{key}": value for key, value in _BLOCK.items()},
    "rays.block_distance": ("distance to the block that a ray meets, -1 for none", "blocks"),
    "rays.entity_name": ("creature that a ray meets, an id into vocabulary.ENTITIES", "id"),
    "rays.entity_distance": ("distance to that creature, -1 for none", "blocks"),
    "rays.harvest_level": ("tool tier that the block asks for", "tier"),
    "rays.ray_pitch": ("pitch of the ray relative to the view", "rad"),
    "rays.ray_yaw": ("yaw of the ray relative to the view", "rad"),
    **{f"rays.traced_block_{axis}": (f"{axis} of the block that a ray meets", "blocks") for axis in "xyz"},
}
"""Path of a key in the observation -> meaning, unit ("id": a number that names; "bool": 0 or 1; "1": no unit)."""

ACTION: tuple[tuple[str, str], ...] = (
    ("stand, forward, back", "choice"),
    ("stand, left, right", "choice"),
    ("nothing, jump, sneak, sprint", "choice"),
    ("pitch: bin b turns the view by b times cam_interval less 180, positive downward", "degrees"),
    ("yaw: the same, positive to the right", "degrees"),
    ("function: no_op, use, drop, attack, craft, equip, place, destroy", "choice"),
    ("argument of craft, an entry of vocabulary.CRAFTS", "id"),
    ("argument of equip, place and destroy", "slot"),
)
"""Meaning and unit of the eight parts of an action."""
