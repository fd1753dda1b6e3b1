"""Physics of the toy world, tokenizer and small mechanisms: python3 -m unittest discover tools/train/tests"""
import os
import random
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import captions                                 # noqa: E402
import world                                    # noqa: E402
from tokenizer import END, PAD, SPACE, UNKNOWN, Tokenizer, tokenizer_json   # noqa: E402


def body(**fields):
    bodies = np.zeros(1, world.BODY)
    bodies["radius"], bodies["kind"] = .1, world.KINDS["ball"]
    for name, value in fields.items():
        bodies[name] = value
    return bodies


class Physics(unittest.TestCase):
    def test_a_dropped_ball_accelerates_with_g(self):
        track = world.simulate(body(y=.9), ground=.2, frames=8)
        curvature = 2 * np.polyfit(np.arange(8) / world.FPS, track[:, 0, 1], 2)[0]
        self.assertAlmostEqual(curvature, -world.GRAVITY, delta=.01)

    def test_a_bounce_keeps_the_square_of_the_restitution(self):
        track = world.simulate(body(y=.9, restitution=.8), ground=.2, fps=200, frames=400)
        height = track[:, 0, 1] - .3
        first_contact = int(np.argmin(height[:250]))
        self.assertAlmostEqual(height[first_contact:].max() / height[0], .64, delta=.02)

    def test_rolling_stops_after_the_computed_way(self):
        track = world.simulate(body(x=.3, y=.3, vx=.5, drag=.25), ground=.2)
        self.assertAlmostEqual(track[-1, 0, 0], .8, delta=.01)

    def test_a_pendulum_swings_with_its_period(self):
        start = body(drive=world.PENDULUM, pivot_x=.8, pivot_y=1, length=.5, angle=.05)
        track = world.simulate(start, ground=.2, fps=100, frames=800)
        x = track[:, 0, 0] - .8
        crossings = np.nonzero((x[:-1] > 0) & (x[1:] <= 0))[0]
        self.assertAlmostEqual(np.diff(crossings).mean() / 100, 2 * np.pi * (.5 / world.GRAVITY) ** .5, delta=.02)

    def test_a_collision_keeps_the_momentum(self):
        pair = np.concatenate([body(x=.4, y=.3, vx=.6), body(x=1.2, y=.3, vx=-.4)])
        track = world.simulate(pair, ground=.2, frames=49)
        speed = np.diff(track[..., 0], axis=0) * world.FPS
        self.assertGreater(speed[0, 0], 0)
        self.assertLess(speed[-1, 0], speed[-1, 1])
        self.assertAlmostEqual(speed[0].sum(), speed[-1].sum(), delta=.02)

    def test_everything_stays_in_the_picture(self):
        for seed in range(200):
            scene = world.sample_scene(seed)
            x, y, radius = np.moveaxis(scene.on_screen(), -1, 0)
            self.assertTrue(((x > radius) & (x < world.ASPECT - radius)).all(), scene)
            self.assertTrue(((y > radius) & (y < 1)).all(), scene)


class Pictures(unittest.TestCase):
    def test_a_window_is_a_part_of_the_whole_picture(self):
        scene = world.sample_scene(3)
        whole, mask = scene.render(5, 3)
        part, part_mask = scene.render(5, 3, (96, 32, 64, 48))
        self.assertTrue((whole[:, 32:80, 96:160] == part).all() and (mask[:, 32:80, 96:160] == part_mask).all())

    def test_the_mask_lies_on_the_object(self):
        scene = world.sample_scene(4, motion="roll", camera="still")
        mask = scene.render(0, 1)[1][0] > 128
        rows, columns = np.nonzero(mask)
        x, y, _ = scene.on_screen()[0, 0] * world.HEIGHT
        self.assertLess(abs(columns.mean() - x) + abs(rows.mean() - y), 6)


class Text(unittest.TestCase):
    def setUp(self):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)
        import json
        json.dump(tokenizer_json(captions.pieces()), self.file)
        self.file.close()
        self.tokenizer = Tokenizer(self.file.name)

    def tearDown(self):
        os.unlink(self.file.name)

    def test_captions_are_known_words_and_fit(self):
        rng = random.Random(1)
        for seed in range(500):
            ids = self.tokenizer.ids(captions.caption(world.sample_scene(seed), rng))
            self.assertNotIn(UNKNOWN, ids)
            self.assertLess(len(ids), 40)

    def test_segmentation(self):
        names = {i: piece for piece, (i, _) in self.tokenizer.pieces.items()}
        def split(text): return [names.get(i, "?") for i in self.tokenizer.ids(text)]
        self.assertEqual(split("A red  BALL, rolls"), [SPACE + "a", SPACE + "red", SPACE + "ball", ",", SPACE + "rolls"])
        self.assertEqual(split("cubes"), [SPACE + "cube", "s"])
        self.assertEqual(split("qqq"), [SPACE, "?"])
        self.assertEqual(self.tokenizer.padded("ball", 4), [*self.tokenizer.ids("ball"), END, PAD, PAD])
        self.assertEqual(self.tokenizer.padded("", 3), [END, PAD, PAD])


if __name__ == "__main__":
    unittest.main()
