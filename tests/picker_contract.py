"""What every picker must do, whatever it looks for: subclass `PickerContract` and give `find`."""

import numpy as np

from cryopick.model import Grid, Image, Picks, active

PIXEL = 5.0
SHAPES = {2: (150, 170), 3: (60, 70, 64)}


def blobs(shape, centres_px, *, radius_px=11.0, depth=6.0, noise=1.0, seed=0):
    """Dark soft discs (balls) at `centres_px` (x, y(, z)) in noise."""
    rng = np.random.default_rng(seed)
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    pixels = rng.normal(scale=noise, size=shape) if noise else np.zeros(shape)
    for centre in centres_px:
        squared = sum((a - c) ** 2 for a, c in zip(axes, centre[::-1], strict=True))
        pixels = pixels - depth / (1 + np.exp((np.sqrt(squared) - radius_px) / 0.8))
    return pixels.astype(np.float32)


def image_of(pixels, *, pixel=PIXEL, origin=(), name="image"):
    grid = Grid(shape=pixels.shape, pixel_size_angstrom=pixel, origin_angstrom=origin)
    return Image(data=pixels, grid=grid, name=name)


def by_x(picks: Picks) -> np.ndarray:
    position = active(picks).position_angstrom
    return position[np.lexsort(position.T[::-1])]


class PickerContract:
    """Particles are dark discs of 110 Å diameter (radius 11 px at 5 Å)."""

    def find(self, image: Image, mask: Image | None = None) -> Picks:
        raise AssertionError("a subclass gives the picker")

    centres = {2: [(40, 50), (110, 45), (80, 105)], 3: [(20, 22, 18), (45, 30, 40), (25, 50, 42)]}
    tolerance_angstrom = {2: 8.0, 3: 10.0}
    dimensions = (2, 3)

    def test_finds_planted_particles(self):
        for ndim in self.dimensions:
            picks = self.find(image_of(blobs(SHAPES[ndim], self.centres[ndim])))
            found = by_x(picks) / PIXEL
            planted = np.array(sorted(self.centres[ndim]), dtype=float)
            assert found.shape == planted.shape
            error = np.linalg.norm(found - planted, axis=1) * PIXEL
            assert error.max() < self.tolerance_angstrom[ndim]

    def test_positions_and_names_are_those_of_the_image(self):
        for ndim in self.dimensions:
            picks = self.find(image_of(blobs(SHAPES[ndim], self.centres[ndim]), name="007"))
            assert picks.ndim == ndim
            assert set(picks.image) == {"007"}
            assert np.isfinite(picks.score).all()

    def test_an_image_of_noise_stays_almost_empty(self):
        for ndim in self.dimensions:
            picks = self.find(image_of(blobs(SHAPES[ndim], [], seed=5)))
            assert len(active(picks)) <= 1

    def test_a_flat_image_and_one_of_gaps_are_empty(self):
        for ndim in self.dimensions:
            for value in (0.0, 7.5, np.nan):
                picks = self.find(image_of(np.full(SHAPES[ndim], value, dtype=np.float32)))
                assert len(active(picks)) == 0
                assert picks.ndim == ndim

    def test_gaps_do_not_spread(self):
        pixels = blobs(SHAPES[2], self.centres[2])
        pixels[:20, :20] = np.nan
        pixels[140, 160] = np.inf
        picks = self.find(image_of(pixels))
        assert len(active(picks)) == 3

    def test_a_shift_moves_picks_by_exactly_that(self):
        shape, shift = (192, 192), (9, -7)
        pixels = blobs(shape, [(80, 90), (110, 120)])
        moved = np.roll(pixels, (shift[1], shift[0]), axis=(0, 1))
        # A frame of zeros keeps what leaves on one side from entering on the other.
        before, after = by_x(self.find(image_of(pixels))), by_x(self.find(image_of(moved)))
        np.testing.assert_allclose(
            after - before, np.tile(np.array(shift) * PIXEL, (2, 1)), atol=1.0
        )

    def test_the_grid_origin_moves_picks_by_exactly_that(self):
        pixels = blobs(SHAPES[2], self.centres[2])
        here = by_x(self.find(image_of(pixels)))
        there = by_x(self.find(image_of(pixels, origin=(100.0, -30.0))))
        np.testing.assert_allclose(there - here, [[100.0, -30.0]] * 3, atol=1e-9)

    def test_two_binnings_give_the_same_angstroms(self):
        fine = blobs((300, 320), [(80, 90), (200, 210)], radius_px=22.0, depth=3.0)
        coarse = fine.reshape(150, 2, 160, 2).mean((1, 3))
        grid = Grid(shape=(300, 320), pixel_size_angstrom=2.5).binned_by_mean(2)
        one = by_x(self.find(image_of(fine, pixel=2.5)))
        two = by_x(self.find(Image(data=coarse, grid=grid, name="image")))
        assert one.shape == two.shape == (2, 2)
        np.testing.assert_allclose(one, two, atol=2.5)

    def test_the_same_image_twice_gives_the_same_picks(self):
        image = image_of(blobs(SHAPES[3], self.centres[3]))
        one, two = self.find(image), self.find(image)
        np.testing.assert_array_equal(one.position_angstrom, two.position_angstrom)
        np.testing.assert_array_equal(one.score, two.score)

    def test_scores_fall_from_the_first_to_the_last(self):
        picks = self.find(image_of(blobs(SHAPES[2], self.centres[2])))
        assert (np.diff(picks.score) <= 0).all()

    def test_a_mask_deletes_with_its_reason(self):
        pixels = blobs(SHAPES[2], self.centres[2])
        mask = np.ones((75, 85), dtype=np.float32)
        mask[:, 45:] = 0
        coarse = Grid(shape=SHAPES[2], pixel_size_angstrom=PIXEL).binned_by_mean(2)
        picks = self.find(image_of(pixels), Image(data=mask, grid=coarse, name="mask"))
        assert len(active(picks)) == 2
        gone = picks[picks.reason == "outside mask"]
        assert (gone.position_angstrom[:, 0] > 89 * PIXEL).all()
        assert np.abs(gone.position_angstrom - np.array([110, 45]) * PIXEL).max(1).min() < 10
