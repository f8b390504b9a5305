from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812  # torchvision's own short name

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.target import Target
from yolo_cli.data.transforms import stretch
from yolo_cli.data.windows import PADDING, adjust_colours
from yolo_cli.tasks.detect.augment import augment, crop
from yolo_cli.tasks.detect.target import stretched, visible

STILL = Augmentation(jitter=0, exposure=1, saturation=1, flip=0)


def target(*boxes: Sequence[float], labels: Sequence[int] | None = None) -> Target:
    count = len(boxes)
    rows = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    flags = torch.zeros(count, dtype=torch.bool)
    return Target(
        boxes=rows,
        labels=torch.tensor(list(labels or range(count)), dtype=torch.int64),
        difficult=flags,
        crowd=flags.clone(),
    )


def edges(*shares: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(shares, dtype=np.float64).reshape(4)


def close(value: Tensor, expected: Sequence[object]) -> None:
    torch.testing.assert_close(value, torch.tensor(expected, dtype=value.dtype))


# --- stretching ---------------------------------------------------------------------------------


def test_stretching_keeps_no_aspect_ratio() -> None:
    # Left half red, right half blue; the halves stay halves.
    image = Image.new("RGB", (200, 50), (255, 0, 0))
    image.paste((0, 0, 255), (100, 0, 200, 50))
    pixels = stretch(image, 64)
    assert pixels.shape == (3, 64, 64)
    assert pixels.dtype == torch.uint8
    assert pixels[:, 10, 20].tolist() == [255, 0, 0]
    assert pixels[:, 50, 40].tolist() == [0, 0, 255]


@pytest.mark.parametrize("processor", ["AVX512", "DEFAULT"])
@pytest.mark.parametrize(
    "size", [(500, 375), (375, 500), (64, 64), (64, 20), (33, 47), (1, 1), (3, 1)]
)
def test_stretching_is_torchvisions_to_the_bit(
    size: tuple[int, int], processor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(values)
    expected = F.resize(F.pil_to_tensor(image), [64, 64], InterpolationMode.BILINEAR)
    found = stretch(image, 64)
    assert torch.equal(found, expected)
    assert found.stride() == expected.stride()


def test_stretching_moves_boxes() -> None:
    # 200 x 50 to 100 x 100: half in x, twice in y.
    result = stretched(target((20, 10, 60, 30)), 200, 50, 100)
    close(result["boxes"], [[10.0, 20, 30, 60]])


def test_stretching_without_objects() -> None:
    assert stretched(target(), 200, 50, 100)["boxes"].shape == (0, 4)


# --- cropping -----------------------------------------------------------------------------------


def test_a_window_inside_the_image() -> None:
    # 100 x 80; the window is (10, 20) to (90, 60), 80 x 40, stretched to 160: times 2 and 4.
    image = Image.new("RGB", (100, 80))
    objects = target((20, 30, 50, 50), (0, 30, 50, 50))
    pixels, result = crop(image, objects, edges(0.1, 0.25, 0.1, 0.25), 160)
    assert pixels.shape == (3, 160, 160)
    # (20 - 10) 2, (30 - 20) 4, (50 - 10) 2, (50 - 20) 4; the second one begins at -20: clipped.
    close(result["boxes"], [[20.0, 40, 80, 120], [0, 40, 80, 120]])


def test_every_edge_has_its_own_share() -> None:
    # left 10, top 16, right 100 - 30, bottom 80 - 24: window 60 x 40, to 120: times 2 and 3.
    objects = target((30, 26, 50, 46))
    _, result = crop(Image.new("RGB", (100, 80)), objects, edges(0.1, 0.2, 0.3, 0.3), 120)
    close(result["boxes"], [[40.0, 30, 80, 90]])


def test_a_window_beyond_the_image_is_padded() -> None:
    # (-10, -20) to (110, 100): 120 x 120, to 120: the image lies at (10, 20), unscaled.
    image = Image.new("RGB", (100, 80), (10, 200, 30))
    image.putpixel((0, 0), (255, 255, 255))
    shares = edges(-0.1, -0.25, -0.1, -0.25)
    pixels, result = crop(image, target((5, 6, 25, 36)), shares, 120)
    close(result["boxes"], [[15.0, 26, 35, 56]])
    assert tuple(pixels[:, 19, 9].tolist()) == PADDING
    assert tuple(pixels[:, 100, 110].tolist()) == PADDING
    assert pixels[:, 20, 10].tolist() == [255, 255, 255]
    assert pixels[:, 99, 109].tolist() == [10, 200, 30]


def test_a_window_that_is_shifted_keeps_its_size() -> None:
    # left +.2, right -.2: 20 to 120. The right fifth is padding.
    image = Image.new("RGB", (100, 100), (10, 200, 30))
    pixels, result = crop(image, target((50, 50, 90, 90)), edges(0.2, 0, -0.2, 0), 100)
    close(result["boxes"], [[30.0, 50, 70, 90]])
    assert pixels[:, 50, 79].tolist() == [10, 200, 30]
    assert tuple(pixels[:, 50, 80].tolist()) == PADDING


@pytest.mark.parametrize("shares", [(0.9, 0.9, 0.9, 0.9), (0.5, 0.5, 0.5, 0.5)])
def test_a_window_without_pixels_gets_one(shares: tuple[float, ...]) -> None:
    pixels, _ = crop(Image.new("RGB", (10, 10)), target(), edges(*shares), 32)
    assert pixels.shape == (3, 32, 32)


def test_the_smallest_image() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        pixels, result = augment(
            Image.new("RGB", (1, 1)), target((0, 0, 1, 1)), 32, Augmentation(), rng
        )
        assert pixels.shape == (3, 32, 32)
        assert len(result["boxes"]) <= 1


def test_the_given_target_is_left_as_it_was() -> None:
    objects = target((20, 30, 50, 50))
    rng = np.random.default_rng(0)
    augment(Image.new("RGB", (100, 80)), objects, 64, Augmentation(flip=1), rng)
    close(objects["boxes"], [[20.0, 30, 50, 50]])


# --- what is still to be seen -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ((-14, 10, 6, 30), True),  # 6 of 20 columns: 30 %
        ((-14.1, 10, 5.9, 30), False),  # 29.5 %
        ((94, 10, 114, 30), True),
        ((94.1, 10, 114.1, 30), False),
        ((10, -28, 50, 12), True),  # 12 of 40 rows: 30 %
        ((10, -28.1, 50, 11.9), False),
        ((10, 88, 50, 128), True),
        ((-9, -9, 11, 11), True),  # 11 x 11 of 20 x 20: 30.25 %
        ((-10, -10, 10, 10), False),  # 25 %
        ((10, 10, 14, 40), True),  # 4 pixels wide
        ((10, 10, 13.9, 40), False),
        ((10, 10, 40, 14), True),
        ((10, 10, 40, 13.9), False),
        ((-4, 10, 4, 40), True),  # 4 pixels are left
        ((-4, 10, 3.9, 40), False),
        ((0, 0, 100, 100), True),
        ((-50, -40, 130, 140), True),  # 10,000 of 32,400: 30.9 %
        ((-50, -50, 140, 140), False),  # of 36,100: 27.7 %
        ((100, 10, 140, 40), False),  # outside
        ((-200, -200, -100, -100), False),
        ((20, 20, 20, 50), False),  # without area
    ],
)
def test_thirty_percent_and_four_pixels_must_remain(box: tuple[float, ...], kept: bool) -> None:
    assert len(visible(target(box), (100, 100))["boxes"]) == kept


def test_boxes_are_clipped_and_what_is_outside_is_dropped() -> None:
    objects = target((-10, 20, 30, 60), (200, 0, 300, 100), (50, 50, 60, 70), labels=[5, 6, 7])
    result = visible(objects, (100, 100))
    close(result["boxes"], [[0.0, 20, 30, 60], [50, 50, 60, 70]])
    assert result["labels"].tolist() == [5, 7]


# --- mirror images ------------------------------------------------------------------------------


def test_a_mirror_image() -> None:
    # 100 wide: x becomes 100 - x, and left and right change places.
    image = Image.new("RGB", (100, 100))
    image.putpixel((3, 40), (255, 255, 255))
    always = Augmentation(jitter=0, exposure=1, saturation=1, flip=1)
    rng = np.random.default_rng(0)
    pixels, result = augment(image, target((10, 20, 30, 60), (0, 0, 100, 9)), 100, always, rng)
    close(result["boxes"], [[70.0, 20, 90, 60], [0, 0, 100, 9]])
    assert pixels[:, 40, 96].tolist() == [255, 255, 255]
    assert type(result["boxes"]) is Tensor  # no tv_tensor, which other code would have to unwrap


def test_without_variation_it_is_stretching() -> None:
    rng = np.random.default_rng(0)
    image = Image.new("RGB", (90, 60), (200, 100, 50))
    ImageDraw.Draw(image).rectangle((20, 10, 40, 30), fill=(0, 0, 0))
    objects = target((20, 10, 41, 31))
    pixels, result = augment(image, objects, 64, STILL, rng)
    close(result["boxes"], stretched(objects, 90, 60, 64)["boxes"].tolist())
    # HSV of 8 bits is not exact.
    assert (pixels.int() - stretch(image, 64).int()).abs().max() <= 3


def test_half_of_the_images_are_mirrored() -> None:
    rng = np.random.default_rng(0)
    flips = Augmentation(jitter=0, exposure=1, saturation=1)
    image, objects = Image.new("RGB", (32, 32)), target((0, 0, 8, 8))
    left = sum(
        augment(image, objects, 32, flips, rng)[1]["boxes"][0, 0].item() == 0 for _ in range(400)
    )
    assert 160 < left < 240  # 200 ± 4 standard deviations of 10


# --- colours ------------------------------------------------------------------------------------


def colour(red: int, green: int, blue: int, exposure: float, saturation: float) -> list[int]:
    pixels = torch.tensor([red, green, blue], dtype=torch.uint8).view(3, 1, 1).repeat(1, 2, 2)
    result = adjust_colours(pixels, exposure, saturation)
    assert result.dtype == torch.uint8
    assert result.shape == (3, 2, 2)
    values: list[int] = result[:, 0, 0].tolist()
    return values


@pytest.mark.parametrize(
    ("rgb", "exposure", "saturation", "expected"),
    [
        # S = V = 255. V halves: 127.5.
        ((255, 0, 0), 0.5, 1.0, (128, 0, 0)),
        # S halves: the other channels rise to 255 (1 - 1/2).
        ((255, 0, 0), 1.0, 0.5, (255, 127, 127)),
        ((0, 255, 0), 1.0, 0.5, (127, 255, 127)),
        ((0, 0, 255), 0.5, 0.5, (64, 64, 128)),
        # Already saturated, already bright: nothing above 255.
        ((255, 0, 0), 1.5, 1.5, (255, 0, 0)),
        # Grey has no saturation to change.
        ((100, 100, 100), 1.0, 1.5, (100, 100, 100)),
        ((100, 100, 100), 1.0, 0.5, (100, 100, 100)),
        ((100, 100, 100), 1.5, 1.0, (150, 150, 150)),
        ((200, 200, 200), 1.5, 1.0, (255, 255, 255)),
        ((0, 0, 0), 1.5, 1.5, (0, 0, 0)),
        # V = 200, S = 1/2. S x 1.5 = 3/4: the lowest channel is 200 (1 - 3/4).
        ((200, 100, 100), 1.0, 1.5, (200, 50, 50)),
        # S x 2 is full: black but for red.
        ((200, 100, 100), 1.0, 2.0, (200, 0, 0)),
        ((200, 100, 100), 0.5, 1.0, (100, 50, 50)),
        # A grey world: what blending with grey would give for pure red is (166, 39, 39) or so.
        ((255, 0, 0), 1.0, 0.0, (255, 255, 255)),
    ],
)
def test_saturation_and_value_are_multiplied(
    rgb: tuple[int, int, int],
    exposure: float,
    saturation: float,
    expected: tuple[int, int, int],
) -> None:
    found = colour(*rgb, exposure, saturation)
    # S has 8 bits: a channel may be off by one or two.
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2


def test_the_hue_stays() -> None:
    # An orange of hue 30°: green in the middle of red and blue, whatever S and V are.
    for exposure in (0.7, 1.2):
        for saturation in (0.7, 1.2):
            red, green, blue = colour(200, 130, 60, exposure, saturation)
            assert red > green > blue
            assert green == pytest.approx((red + blue) / 2, abs=3)


def test_factors_are_drawn_log_uniformly() -> None:
    # A grey of 100 has the exposure times 100 in every channel: between 100/1.5 and 100 x 1.5,
    # its logarithm uniform: as often below as above 100, a quarter below 100/√1.5 = 81.6.
    rng = np.random.default_rng(0)
    only = Augmentation(jitter=0, flip=0)
    image = Image.new("RGB", (8, 8), (100, 100, 100))
    drawn = np.array([int(augment(image, target(), 8, only, rng)[0][0, 0, 0]) for _ in range(600)])
    assert drawn.min() >= 66
    assert drawn.max() <= 150
    assert drawn.min() < 70
    assert drawn.max() > 145
    # 4 standard deviations: √(600 x .25) = 12.2 and √(600 x 3/16) = 10.6.
    assert abs((drawn < 100).sum() - 300) < 50
    assert abs((drawn < 82).sum() - 150) < 43


def test_the_scale_is_drawn_up_to_the_jitter() -> None:
    # A window of 100 (1 - a - b) pixels with a and b in ±.2: a 50-pixel box becomes between
    # 50/1.4 = 35.7 and 50/.6 = 83.3 wide.
    rng = np.random.default_rng(0)
    image, objects = Image.new("RGB", (100, 100)), target((25, 25, 75, 75))
    only = Augmentation(exposure=1, saturation=1, flip=0)
    widths = []
    for _ in range(300):
        _, result = augment(image, objects, 100, only, rng)
        left, _, right, _ = result["boxes"][0].tolist()
        widths.append(right - left)
    assert 35 < min(widths) < 40
    assert 70 < max(widths) < 84


# --- pixels and boxes together ------------------------------------------------------------------


def red_frame(pixels: Tensor) -> list[float]:
    """The box around the red pixels."""
    values = pixels.int()
    redness = values[0] - values[1]
    rows, columns = torch.nonzero(redness > redness.max() / 2, as_tuple=True)
    return [
        *(int(columns.min()), int(rows.min())),
        *(int(columns.max()) + 1, int(rows.max()) + 1),
    ]


def picture(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    """A red rectangle on dark grey."""
    image = Image.new("RGB", (width, height), (60, 60, 60))
    image.paste((220, 30, 30), box)
    return image


def test_the_box_frames_its_object_after_every_augmentation() -> None:
    rng = np.random.default_rng(0)
    box = (14, 30, 70, 66)  # 14 of 120 pixels from the left: often cut
    image = picture(120, 90, box)
    cut = 0
    for _ in range(200):
        pixels, result = augment(image, target(box), 96, Augmentation(), rng)
        assert result["boxes"].shape == (1, 4)
        found = result["boxes"][0].tolist()
        cut += found[0] == 0 or found[2] == 96
        for expected, edge in zip(red_frame(pixels), found, strict=True):
            assert abs(expected - edge) <= 1
    assert 10 < cut < 190


def test_the_defaults_are_the_papers() -> None:
    augmentation = Augmentation()
    assert augmentation.jitter == 0.2
    assert augmentation.exposure == augmentation.saturation == 1.5
    assert augmentation.flip == 0.5
