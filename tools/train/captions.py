"""English captions for scenes, varied in words, order and completeness, and the vocabulary they are written in.

    caption(scene, random.Random(1))  ->  "at dusk, a tiny crimson ball rolls left across the snow"
    python3 captions.py tokenizer.json    writes the tokenizer
"""
import json
import re
import sys

from tokenizer import SPACE, tokenizer_json

SIZES = {
    "small": ["small", "tiny", "little", "mini", "very small"],
    "medium": ["", "", "medium", "medium-sized", "mid-sized"],
    "large": ["large", "big", "huge", "giant", "very big"],
}
COLORS = {                                      # the plain word is drawn half of the time, see color_word
    "red": ["crimson", "scarlet", "ruby", "bright red", "dark red", "cherry red"],
    "orange": ["tangerine", "bright orange", "amber"],
    "yellow": ["golden", "lemon yellow", "bright yellow", "gold", "sunny yellow"],
    "green": ["emerald", "bright green", "lime green", "dark green"],
    "blue": ["azure", "deep blue", "dark blue", "bright blue", "sapphire", "navy blue"],
    "purple": ["violet", "deep purple", "lilac", "plum"],
    "pink": ["hot pink", "rose", "bright pink", "light pink", "magenta"],
    "white": ["pale", "bright white", "snow-white", "ivory"],
}
KINDS = {
    "ball": ["ball", "ball", "ball", "ball", "sphere", "orb", "rubber ball", "round ball", "beach ball", "toy ball"],
    "cube": ["cube", "cube", "cube", "box", "block", "crate", "square block", "toy block"],
    "balloon": ["balloon", "balloon", "balloon", "party balloon", "toy balloon", "helium balloon"],
}

# What it does: (third person, -ing form).  {d} is the direction it moves to, {o} the opposite one.
TO = ["to the {d}", "to the {d}", "{d}", "towards the {d}", "from {o} to {d}", "from the {o} to the {d}", "{d}wards"]
VERBS = {
    "drop": [("falls", "falling"), ("falls and bounces", "falling and bouncing"), ("drops", "dropping"),
             ("drops and bounces", "dropping and bouncing"), ("falls down", "falling down"),
             ("is dropped", "being dropped"), ("falls from the sky", "falling from the sky"),
             ("drops from above", "dropping from above"), ("bounces up and down", "bouncing up and down"),
             ("plummets", "plummeting"), ("tumbles down", "tumbling down"), ("comes down", "coming down"),
             ("falls from a height and bounces", "falling from a height and bouncing"),
             ("is dropped and bounces", "dropped and bouncing"),
             ("hits the ground and bounces", "hitting the ground and bouncing")],
    "roll ball": [("rolls", "rolling"), ("rolls", "rolling"), ("rolls", "rolling"), ("moves", "moving"),
                  ("rolls slowly", "rolling slowly"),
                  ("travels", "travelling"), ("glides", "gliding"), ("is rolling", "rolling along")],
    "roll cube": [("slides", "sliding"), ("slides", "sliding"), ("slides", "sliding"), ("moves", "moving"),
                  ("glides", "gliding"), ("is pushed", "being pushed"), ("skids", "skidding"),
                  ("is sliding", "sliding along")],
    "throw": [("is thrown", "being thrown"), ("flies", "flying"), ("jumps", "jumping"), ("leaps", "leaping"),
              ("is tossed", "being tossed"), ("flies through the air", "flying through the air"),
              ("flies in an arc", "flying in an arc"), ("hops", "hopping"), ("is launched", "being launched"),
              ("soars through the air", "soaring through the air"), ("jumps up and lands", "jumping up and landing")],
    "bounce": [("bounces", "bouncing"), ("bounces", "bouncing"), ("bounces across", "bouncing across"),
               ("bounces along", "bouncing along"), ("keeps bouncing", "bouncing again and again"),
               ("bounces its way", "bouncing its way")],
    "swing": [("swings", "swinging"), ("swings on a rope", "swinging on a rope"),
              ("swings back and forth", "swinging back and forth"),
              ("hangs from a rope and swings", "hanging from a rope and swinging"),
              ("swings like a pendulum", "swinging like a pendulum"), ("sways on a rope", "swaying on a rope"),
              ("dangles from a rope", "dangling from a rope"), ("swings from side to side", "swinging from side to side"),
              ("swings at the end of a rope", "swinging at the end of a rope"),
              ("swings on a string", "swinging on a string")],
    "rise": [("rises", "rising"), ("floats up", "floating up"), ("rises into the sky", "rising into the sky"),
             ("drifts upward", "drifting upward"), ("floats away", "floating away"), ("goes up", "going up"),
             ("floats into the air", "floating into the air"), ("flies up", "flying up"), ("lifts off", "lifting off"),
             ("floats upwards", "floating upwards"), ("floats", "floating"), ("slowly rises", "slowly rising")],
    "rest": [("rests", "resting"), ("lies still", "lying still"), ("sits still", "sitting still"), ("sits", "sitting"),
             ("stands still", "standing still"), ("does not move", "not moving"), ("is resting", "at rest"),
             ("stays still", "staying still"), ("lies", "lying")],
}
VERBS_OF_TWO = {                                # plural, -ing form
    "drop": [("fall", "falling"), ("fall and bounce", "falling and bouncing"), ("drop", "dropping"),
             ("drop and bounce", "dropping and bouncing"), ("fall down", "falling down"),
             ("are dropped", "being dropped")],
    "rise": [("rise", "rising"), ("float up", "floating up"), ("rise into the sky", "rising into the sky"),
             ("drift upward", "drifting upward"), ("fly up", "flying up")],
    "rest": [("rest", "resting"), ("lie still", "lying still"), ("sit still", "sitting still"),
             ("do not move", "not moving"),
             ("are side by side", "side by side")],
    "collide": [("collide", "colliding"), ("crash into each other", "crashing into each other"),
                ("bump into each other", "bumping into each other"), ("hit each other", "hitting each other"),
                ("run into one another", "running into one another"), ("smash together", "smashing together"),
                ("meet and bounce apart", "meeting and bouncing apart")],
}

# Somebody does it: active forms around the noun.
ACTORS = ["someone", "somebody", "a person", "a child", "a hand", "a kid", "a boy", "a girl"]
DEEDS = {"drop": ["drops", "lets fall", "lets go of"], "throw": ["throws", "tosses", "launches"], "roll ball": ["rolls"],
         "roll cube": ["slides", "pushes"], "rise": ["releases", "lets go of"]}

# Where: noun phrases, and whole phrases that bring their own preposition.
FLOORS = {
    "grass": (["the grass", "green grass", "the lawn", "a green lawn", "a grassy field", "a field of grass"],
              ["in a meadow", "in the park", "in a field", "in the green meadow"]),
    "sand": (["the sand", "a sandy beach", "the beach", "golden sand", "sandy ground", "desert sand", "the dunes"],
             ["in the desert", "at the beach", "by the sea"]),
    "snow": (["the snow", "white snow", "snowy ground", "fresh snow", "a snowy field", "snow-covered ground", "the ice"],
             ["in the snow", "in winter", "in a snowy landscape"]),
    "stone": (["the stone floor", "stone tiles", "grey stone", "a stone plaza", "the pavement", "grey concrete",
               "a stone floor", "the rock"], ["in a stone plaza", "in the street"]),
    "wood": (["the wooden floor", "a wooden floor", "wooden planks", "a wooden deck", "the wooden deck", "a wood floor",
              "the floorboards", "a wooden table"], []),
}
PREPOSITIONS = {
    "drop": ["on", "on", "onto", "onto"], "throw": ["on", "over", "across", "onto"],
    "roll": ["on", "across", "over", "along"],
    "bounce": ["on", "across", "over", "along"], "swing": ["over", "above", "on"],
    "rise": ["over", "above", "from", "on"],
    "rest": ["on", "on", "upon"], "collide": ["on", "on", "upon"],
}
SKIES = {
    "day": ["in daylight", "on a sunny day", "under a blue sky", "during the day", "in the daytime", "in bright sunshine",
            "in the sunshine", "at noon", "at midday", "on a bright day", "under the sun", "on a clear day", "by day",
            "under a clear blue sky", "in the morning"],
    "sunset": ["at sunset", "at dusk", "in the evening", "under an orange sky", "in the evening light", "at sundown",
               "during sunset", "in the golden hour", "at twilight", "as the sun sets", "under a sunset sky"],
    "night": ["at night", "under the moon", "in the moonlight", "under the stars", "in the dark", "on a dark night",
              "under a starry sky", "at midnight", "by moonlight", "during the night", "under a night sky"],
}
CAMERAS = {
    "still": ["static camera", "still camera", "fixed camera", "the camera does not move", "the camera stays still"],
    "pan_left": ["the camera pans left", "the camera pans to the left", "camera panning left", "slow pan to the left",
                 "the camera moves to the left"],
    "pan_right": ["the camera pans right", "the camera pans to the right", "camera panning right",
                  "slow pan to the right", "the camera moves to the right"],
    "zoom_in": ["the camera zooms in", "slow zoom in", "zooming in", "the camera slowly zooms in",
                "the camera moves closer"],
    "zoom_out": ["the camera zooms out", "slow zoom out", "zooming out", "the camera slowly zooms out",
                 "the camera pulls back"],
}
OPENINGS = ["a video of", "a short video of", "a clip of", "footage of", "there is", "we see", "an animation of",
            "a movie of", "a shot of", "imagine", "show me", "video of"]
FILLERS = ["slowly", "quickly", "gently", "simple scene", "beautiful light", "cartoon style", "3d render", "high quality"]
# Words that no template uses but people may type; with random captions they learn to do no harm.
EXTRA_WORDS = """it its this that with while then who which one has have cute lovely nice happy bright colorful colourful
shiny glossy soft smooth fast slow motion scene view picture image background foreground ground floor sky sun moon star
hill hills mountain mountains cloud clouds tree trees house child kid dog cat man woman person hand wall water sea lake
room street city toy game sport football tennis basketball soccer round square object shape thing two three both pair
please make create generate some many very really just against toward backward forward up down top bottom side middle
center centre behind near next beside before after again off away through around down-hill hill-side air wind summer
winter spring autumn warm cold black brown grey gray cyan turquoise teal silver beige dark light
let see how look watch goes just threw thrown throw drop roll bounce slide jump swing float rise fall kick kicks push pull
starts stops standing flying hanging tall short heavy clean empty wide open quiet calm same other""".split()
SUFFIXES = ["s", "es", "ed", "ing", "ly", "er", "y"]
PUNCTUATION = [",", ".", "!", "?", "-", "'", ":", ";"]


def color_word(color, rng):
    return color if rng.random() < .55 else rng.choice(COLORS[color])


def noun(scene, i, rng):
    """"a big red ball", with attributes dropped at random."""
    size = rng.choice(SIZES[scene.sizes[i]]) if rng.random() < .65 else ""
    color = color_word(scene.colors[i], rng) if rng.random() < .97 else ""
    words = " ".join(word for word in (size, color, rng.choice(KINDS[scene.kinds[i]])) if word)
    article = "an" if words[0] in "aeiou" else "a"
    style = rng.random()
    return words if style < .06 else f"the {words}" if style < .14 else f"{article} {words}"


def _action(scene, rng):
    """(finite form, -ing form) of what happens."""
    if len(scene.kinds) == 2:
        return rng.choice(VERBS_OF_TWO[scene.motion])
    motion = f"roll {scene.kinds[0]}" if scene.motion == "roll" else scene.motion
    finite, ing = rng.choice(VERBS[motion])
    if scene.motion in ("roll", "throw", "bounce") and rng.random() < .95:
        opposite = "left" if scene.direction == "right" else "right"
        to = rng.choice(TO).format(d=scene.direction, o=opposite)
        finite, ing = f"{finite} {to}", f"{ing} {to}"
    return finite, ing


def _place(scene, rng):
    nouns, phrases = FLOORS[scene.floor]
    if phrases and rng.random() < .15:
        return rng.choice(phrases)
    return f"{rng.choice(PREPOSITIONS[scene.motion])} {rng.choice(nouns)}"


def caption(scene, rng):
    """One of many ways to describe the scene."""
    subject = " and ".join(noun(scene, i, rng) for i in range(len(scene.kinds)))
    finite, ing = _action(scene, rng)
    place = _place(scene, rng) if rng.random() < .85 else ""
    sky = rng.choice(SKIES[scene.sky]) if rng.random() < .85 else ""
    camera = rng.choice(CAMERAS[scene.camera]) if scene.camera != "still" or rng.random() < .10 else ""

    form = rng.random()
    motion = f"roll {scene.kinds[0]}" if scene.motion == "roll" else scene.motion
    if form < .05 and motion in DEEDS:          # someone rolls a ball to the left on the grass at night
        to = f"to the {scene.direction}" if scene.motion in ("roll", "throw") else ""
        parts = [rng.choice(ACTORS), rng.choice(DEEDS[motion]), subject, to, place, sky]
    elif form < .42:                              # a ball rolls left on the grass at night
        parts = [subject, finite, place, sky]
        if rng.random() < .25:
            parts = [subject, finite, sky, place]
    elif form < .60:                            # at night, a ball rolls left on the grass
        first, second = (sky, place) if rng.random() < .75 else (place, sky)
        parts = [first + "," if first else "", subject, finite, second]
    elif form < .82:                            # a ball rolling left on the grass, at night
        parts = [subject, ing, place + ("," if place and sky and rng.random() < .3 else ""), sky]
    elif form < .92:                            # a video of a ball rolling left on the grass at night
        parts = [rng.choice(OPENINGS), subject, ing, place, sky]
    else:                                       # red ball, rolling left, grass, night
        doing = finite if rng.random() < .5 else ing
        parts = [subject + ",", doing, "," if place else "", place, "," if sky else "", sky]
    text = " ".join(part for part in parts if part).replace(" ,", ",").rstrip(", ")
    if rng.random() < .06:
        text += ", " + rng.choice(FILLERS)
    if camera:
        if rng.random() < .75:
            text += (", " if rng.random() < .8 else " ") + camera
        else:
            text = camera + (", " if rng.random() < .6 else " on " if camera.endswith(("in", "out")) else " as ") + text
    return text + ("." if rng.random() < .2 else "")


def damage(text, rng):
    """Noise for training: a word misspelt or swapped for nonsense, so that unknown words do little harm."""
    words = text.split()
    i = rng.randrange(len(words))
    if rng.random() < .5:
        words[i] = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9)))
    else:
        words.insert(i, rng.choice(EXTRA_WORDS))
    return " ".join(words)


def plain_word(word):
    """The plain colour, kind or size that `word` is another name for, or None."""
    for bank in (COLORS, KINDS, SIZES):
        for plain, names in bank.items():
            if word in names:
                return plain
    return None


def _strings(value):
    if isinstance(value, str):
        yield value
    else:
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def pieces():
    """The vocabulary: every word of the templates and the extra words, suffixes, punctuation, letters not."""
    banks = [SIZES, COLORS, list(COLORS), KINDS, TO, VERBS, VERBS_OF_TWO, ACTORS, DEEDS, FLOORS, PREPOSITIONS,
             SKIES, CAMERAS, OPENINGS,
             FILLERS, EXTRA_WORDS, "a an the and on as left right leftwards rightwards upwards downwards"]
    text = " ".join(_strings(banks)).replace("{d}wards", "").replace("{d}", "").replace("{o}", "").lower()
    words = sorted(set(re.findall(r"[a-z0-9]+", text)))
    parts = sorted({part for pair in re.findall(r"([a-z]+)-([a-z]+)", text) for part in pair[1:]})
    glued = [part for part in parts if part not in SUFFIXES]            # "medium-sized": ▁medium - sized
    return [SPACE] + [SPACE + word for word in words] + glued + SUFFIXES + PUNCTUATION


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(tokenizer_json(pieces()), file, ensure_ascii=False, indent=0)
