#!/usr/bin/env python3
"""Records how augmented views are distributed: tests/golden/augmentation.json.

A second implementation of the augmentation, from its published definitions and
without the C++ code. It augments inputs given by closed formulas many times and
stores statistics of scalar summaries of the views ("statistics"), which the C++
augmentation of the same inputs must share; no view is stored. "operations" are
the summaries after single steps with fixed arguments, for what such statistics
do not resolve. About ten minutes on one core:

  pip install numpy==2.4.6 scipy==1.17.1 pillow==13.0.0
  python3 scripts/make_augmentation_golden.py OUTPUT.json [SAMPLES]

Volumes are HU [D, H, W], views HU / 1024; images are [C, H, W], views in
[0, 1]. Where the definitions are silent:
- A paper window larger than the volume lies centred on it (the odd voxel of
  padding at the end); the official preset pads a shallow volume at the end.
- Every start that fits is equally likely, the official crop's over the padded
  256 x 256 plane. Its windows thus always fit: no fall-back is written here.
- Volumes are blurred with repeated borders (d c b a | a b c d), cut at 4 sigma;
  images with a mirrored one (d c b | a b c d).
"""

import json
import math
import pathlib
import sys
from typing import NamedTuple

import numpy as np
import PIL
import scipy
from PIL import Image
from scipy.ndimage import gaussian_filter1d

SEED = 20221
SAMPLES = 3000
WINDOW_SAMPLES = 100000

HU_FORMULA = (
    "floor(0.5 + 400 sin(0.21 z + 0.9) cos(0.053 y) + 300 sin(0.071 x + 0.3 z)"
    " + 150 sin(0.8 x + 0.5 y) + 9 z + 1.5 y - 2 x - 350)"
)
PIXEL_FORMULA = (
    "floor(0.5 + 95 + 45 sin(0.045 x + 1.1 c + 0.6) cos(0.031 y - 0.7 c)"
    " + 25 sin(0.5 x + 0.3 y + c) + 0.12 x + 0.07 y + 9 c)"
)


def make_volume(shape):
    z, y, x = np.indices(shape).astype(np.float64)
    hu = 400 * np.sin(0.21 * z + 0.9) * np.cos(0.053 * y)
    hu += 300 * np.sin(0.071 * x + 0.3 * z)
    hu += 150 * np.sin(0.8 * x + 0.5 * y)
    return np.floor(0.5 + hu + 9 * z + 1.5 * y - 2 * x - 350).astype(np.int16)


def make_image(shape):
    c, y, x = np.indices(shape).astype(np.float64)
    value = 45 * np.sin(0.045 * x + 1.1 * c + 0.6) * np.cos(0.031 * y - 0.7 * c)
    value += 25 * np.sin(0.5 * x + 0.3 * y + c)
    value = np.floor(0.5 + 95 + value + 0.12 * x + 0.07 * y + 9 * c)
    assert value.min() >= 0 and value.max() <= 255
    return value.astype(np.uint8)


def chance(rng, probability, count=None):
    return rng.random(count) < probability


# --- volumes ------------------------------------------------------------------

DEPTH, SIDE = 16, 96
COMMON_DEPTH = 24
COMMON_SCALE = (1.4, 1.8)
VIEW_SCALE = (0.8, 1.2)
CENTRAL_SHARE, PLANE = 0.8, 256
NOISE = (0, 0.1)
BLUR, BLUR_DRAW, SIGMA = 0.8, (0.8, 0.5), (0.1, 2)
BRIGHTNESS, FACTOR = (0.8, 1.0), (0.75, 1.25)
OFFSET, OFFSET_DRAW, OFFSET_SIGMA = (0.8, 0.5), 0.8, 0.4
CONTRAST = (0.75, 1.25)
GAMMA, EXPONENT = (0.8, 1.0), (0.7, 1.5)
WITHIN = (1, 2, 3)  # the axes one draw of [draw, slice, H, W] covers


class Preset(NamedTuple):
    per_slice: bool
    central: bool
    padding_hu: float
    mirror: float
    gamma_keeps_mean: bool


PRESETS = {
    "paper": Preset(False, False, -1024, 0.5, True),
    "official": Preset(True, True, 0, 0.8, False),
}


def central_region(volume):
    _, height, width = volume.shape
    h, w = int(CENTRAL_SHARE * height), int(CENTRAL_SHARE * width)
    top, left = (height - h) // 2, (width - w) // 2
    return volume[:, top : top + h, left : left + w]


def plane_extent(scale, rng):
    return [int(SIDE * rng.uniform(*scale)) for _ in "hw"]


def draw_start(length, extent, rng):
    if extent > length:
        return -((extent - length) // 2)
    return int(rng.integers(0, length - extent + 1))


def draw_common_window(shape, preset, rng):
    extent = [COMMON_DEPTH, *plane_extent(COMMON_SCALE, rng)]
    if preset.central:
        shape = np.maximum(shape, (COMMON_DEPTH, PLANE, PLANE))
    return [draw_start(n, e, rng) for n, e in zip(shape, extent)], extent


def draw_view_window(common, rng):
    extent = [DEPTH, *plane_extent(VIEW_SCALE, rng)]
    start = [s + draw_start(n, e, rng) for s, n, e in zip(*common, extent)]
    return start, extent


def cut(volume, window, padding):
    result = np.full(window[1], padding, np.float32)
    source, target = [], []
    for start, extent, length in zip(*window, volume.shape):
        low, high = np.clip((start, start + extent), 0, length)
        source.append(slice(low, high))
        target.append(slice(low - start, high - start))
    result[tuple(target)] = volume[tuple(source)]
    return result


def stretch(x, axis, size):
    """Linear resampling between voxel centres, clamped at the ends."""
    length = x.shape[axis]
    position = (np.arange(size) + 0.5) * length / size - 0.5
    position = np.clip(position, 0, length - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, length - 1)
    share = np.expand_dims(position - low, list(range(1, x.ndim - axis)))
    share = share.astype(np.float32)
    return x.take(low, axis) * (1 - share) + x.take(high, axis) * share


def resized_crop(volume, window, mirrored, padding):
    x = cut(volume, window, padding) / np.float32(1024)
    for axis, size in enumerate((DEPTH, SIDE, SIDE)):
        x = stretch(x, axis, size)
    return np.flip(x, mirrored)


def column(values):
    return np.asarray(values, np.float32).reshape(-1, 1, 1, 1)


def two_sided(bounds, rng, count):
    """Below and above 1 are equally likely."""
    below = rng.uniform(bounds[0], 1, count)
    above = rng.uniform(1, bounds[1], count)
    return column(np.where(chance(rng, 0.5, count), below, above))


def add_noise(x, rng):
    sigma = np.float32(rng.uniform(*NOISE))
    return x + sigma * rng.standard_normal(x.shape, np.float32)


def blur(slices, sigma):
    for axis in (1, 2):
        slices = gaussian_filter1d(slices, sigma, axis, mode="reflect")
    return slices


def blur_some(x, view, rng):
    if not chance(rng, BLUR):
        return x
    x = x.copy()
    for part in x:
        if chance(rng, BLUR_DRAW[view]):
            part[...] = blur(part, rng.uniform(*SIGMA))
    return x


def scale(x, view, rng):
    if not chance(rng, BRIGHTNESS[view]):
        return x
    return x * column(rng.uniform(*FACTOR, len(x)))


def shift(x, view, rng):
    if not chance(rng, OFFSET[view]):
        return x
    offset = rng.normal(0, OFFSET_SIGMA, len(x))
    return x + column(np.where(chance(rng, OFFSET_DRAW, len(x)), offset, 0))


def extremes(x):
    return x.min(WITHIN, keepdims=True), x.max(WITHIN, keepdims=True)


def moments(x):
    return x.mean(WITHIN, keepdims=True), x.std(WITHIN, keepdims=True)


def change_contrast(x, factor):
    mean, _ = moments(x)
    return np.clip(mean + factor * (x - mean), *extremes(x))


def change_gamma(x, exponent, keeps_mean):
    low, high = extremes(x)
    mean, std = moments(x)
    y = ((x - low) / (high - low)) ** exponent * (high - low) + low
    new_mean, new_std = moments(y)
    if keeps_mean:
        return (y - new_mean) / new_std * std + mean
    return (y - new_mean + mean) / new_std * std


def change_intensity(x, view, preset, rng):
    x = x.reshape(DEPTH if preset.per_slice else 1, -1, SIDE, SIDE)
    x = add_noise(x, rng)
    x = blur_some(x, view, rng)
    x = scale(x, view, rng)
    x = shift(x, view, rng)
    x = change_contrast(x, two_sided(CONTRAST, rng, len(x)))
    if chance(rng, GAMMA[view]):
        exponent = two_sided(EXPONENT, rng, len(x))
        x = change_gamma(x, exponent, preset.gamma_keeps_mean)
    return x.reshape(DEPTH, SIDE, SIDE)


def augment_volume(volume, preset, rng):
    if preset.central:
        volume = central_region(volume)
    common = draw_common_window(volume.shape, preset, rng)
    views = []
    for view in range(2):
        window = draw_view_window(common, rng)
        mirrored = [axis for axis in range(3) if chance(rng, preset.mirror)]
        x = resized_crop(volume, window, mirrored, preset.padding_hu)
        views.append(change_intensity(x, view, preset, rng))
    return views


# --- images -------------------------------------------------------------------

IMAGE_SIDE = 224
AREA, RATIO = (0.14, 1), (3 / 4, 4 / 3)
FLIP, JITTER = 0.5, 0.8
STRENGTH = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}
GREY, IMAGE_BLUR = (0.8, 0.4), (0.5, 1.0)
KERNEL_RADIUS = 11


def draw_image_window(height, width, rng):
    """Left, top, right, bottom."""
    for _ in range(10):
        area = height * width * rng.uniform(*AREA)
        ratio = math.exp(rng.uniform(*np.log(RATIO)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if w <= width and h <= height:
            left = int(rng.integers(0, width - w + 1))
            top = int(rng.integers(0, height - h + 1))
            return left, top, left + w, top + h
    w = min(width, round(height * RATIO[1]))
    h = min(height, round(width / RATIO[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def resize_image(image, window):
    size = (IMAGE_SIDE, IMAGE_SIDE)
    planes = [Image.fromarray(plane).crop(window) for plane in image]
    planes = [plane.resize(size, Image.Resampling.BICUBIC) for plane in planes]
    return np.clip(np.stack([np.asarray(plane) for plane in planes]), 0, 1)


def grey(image):
    if len(image) == 1:
        return image
    weights = np.array([0.299, 0.587, 0.114], np.float32).reshape(3, 1, 1)
    return (image * weights).sum(0, keepdims=True)


def shift_hue(image, turns):
    """On the HSV hexagon; its inverse is v - c max(0, min(k, 4 - k, 1))."""
    value, chroma = image.max(0), np.ptp(image, 0)
    r, g, b = image
    safe = np.where(chroma > 0, chroma, 1)
    hue = np.where(value == r, (g - b) / safe % 6, (r - g) / safe + 4)
    hue = np.where((value == g) & (value != r), (b - r) / safe + 2, hue)
    result = []
    for n in (5, 3, 1):
        k = (n + hue + 6 * turns) % 6
        share = np.clip(np.minimum(k, 4 - k), 0, 1)
        result.append(value - chroma * share)
    return np.stack(result).astype(np.float32)


def adjust(image, kind, change):
    """By the factor 1 + change, or turns the hue; saturation, hue: C = 3."""
    if kind == "hue":
        return np.clip(shift_hue(image, change), 0, 1)
    centre = {
        "brightness": lambda: np.float32(0),
        "contrast": lambda: grey(image).mean(),
        "saturation": lambda: grey(image),
    }[kind]()
    return np.clip(centre + np.float32(1 + change) * (image - centre), 0, 1)


def jitter(image, rng):
    for kind in rng.permutation(list(STRENGTH)):
        change = rng.uniform(-STRENGTH[kind], STRENGTH[kind])
        if len(image) == 3 or kind in ("brightness", "contrast"):
            image = adjust(image, kind, change)
    return image


def blur_image(image, sigma):
    for axis in (1, 2):
        image = gaussian_filter1d(
            image, sigma, axis, mode="mirror", radius=KERNEL_RADIUS
        )
    return image


def augment_view(image, view, rng):
    x = resize_image(image, draw_image_window(*image.shape[1:], rng))
    if chance(rng, FLIP):
        x = np.flip(x, 2)
    if chance(rng, JITTER):
        x = jitter(x, rng)
    if chance(rng, GREY[view]):
        x = np.broadcast_to(grey(x), x.shape)
    if chance(rng, IMAGE_BLUR[view]):
        x = blur_image(x, rng.uniform(*SIGMA))
    return np.broadcast_to(x, (3, IMAGE_SIDE, IMAGE_SIDE))


def to_unit(pixels):
    return pixels.astype(np.float32) / np.float32(255)


def augment_image(pixels, rng):
    image = to_unit(pixels)
    return [augment_view(image, view, rng) for view in range(2)]


# --- summaries ----------------------------------------------------------------

QUANTILES = (5, 25, 50, 75, 95)
SUMMARIES = {
    "mean, std, min, max": "of all values; std is sqrt(mean((x - mean)^2))",
    "q05 ... q95": "quantiles of all values, linear between order statistics",
    "skewness": "mean((x - mean)^3) / std^3",
    "diff_{d,h,w}": "mean absolute difference of neighbours along an axis",
    "detail_{d,h,w}": "diff / std",
    "trend_{d,h,w}": "mean of x ((2 i + 1) / n - 1), i = 0 ... n-1 on an axis",
    "slice_mean_std": "volumes: std over the slices of the mean of a slice",
    "slice_std_{mean,std}": "volumes: the same, and the mean, of their std",
    "mean_{0,1,2}": "images: mean of a channel",
    "chroma": "images: mean over pixels of largest minus smallest channel",
    "mean_difference": "pairs: mean of view 1 minus mean of view 2",
}


def along_axis(x, axis):
    n = x.shape[axis]
    ramp = (2 * np.arange(n) + 1) / n - 1
    others = tuple(i for i in range(3) if i != axis)
    profile = x.mean(others, dtype=np.float64)
    return np.abs(np.diff(x, axis=axis)).mean(), (profile * ramp).mean()


def summarise(x, axes):
    mean, std = x.mean(dtype=np.float64), x.std(dtype=np.float64)
    result = {"mean": mean, "std": std}
    result["skewness"] = (((x - mean) / std) ** 3).mean()
    result |= {"min": x.min(), "max": x.max()}
    for q, value in zip(QUANTILES, np.percentile(x, QUANTILES)):
        result[f"q{q:02}"] = value
    for axis, name in axes.items():
        difference, trend = along_axis(x, axis)
        result |= {f"diff_{name}": difference, f"trend_{name}": trend}
        result[f"detail_{name}"] = difference / std
    return result


def summarise_volume(x):
    result = summarise(x, {0: "d", 1: "h", 2: "w"})
    means, stds = x.mean((1, 2)), x.std((1, 2))
    result["slice_mean_std"] = means.std()
    result |= {"slice_std_mean": stds.mean(), "slice_std_std": stds.std()}
    return result


def summarise_image(x):
    result = summarise(x, {1: "h", 2: "w"})
    for channel, value in enumerate(x.mean((1, 2))):
        result[f"mean_{channel}"] = value
    result["chroma"] = np.ptp(x, 0).mean()
    return result


def statistics(values):
    """Over the samples. kurtosis: mean(d^4) / std^4, 3 for a Gaussian."""
    values = np.asarray(values, np.float64)
    deviation = values - values.mean()
    std = deviation.std()
    kurtosis = (deviation**4).mean() / std**4 if std > 1e-7 else 0
    result = {"mean": values.mean(), "std": std, "kurtosis": kurtosis}
    for q, value in zip((10, 50, 90), np.percentile(values, (10, 50, 90))):
        result[f"q{q}"] = value
    return result


def record(augment, summary, samples, rng):
    rows = []
    for _ in range(samples):
        rows.append([summary(view) for view in augment(rng)])
    result = {"samples": samples}
    for view in range(2):
        result[f"view{view + 1}"] = {
            name: statistics([row[view][name] for row in rows])
            for name in rows[0][view]
        }
    difference = [first["mean"] - second["mean"] for first, second in rows]
    result["pair"] = {"mean_difference": statistics(difference)}
    return result


# --- single steps -------------------------------------------------------------


def volume_operations(large, small):
    crops = {
        "crop_inside": (large, ([12, 90, 70], [16, 81, 109]), [0, 2], -1024),
        "crop_outside": (small, ([-2, -20, 60], [24, 110, 100]), [1], -1024),
        "crop_central": (
            central_region(small), ([4, 50, 30], [16, 100, 90]), [], 0,
        ),
    }
    x = resized_crop(*crops["crop_inside"])
    result = {name: resized_crop(*crop) for name, crop in crops.items()}
    result["blur_1.3"] = blur(x, 1.3)
    x = x[None]
    for factor in (0.8, 1.2):
        result[f"contrast_{factor}"] = change_contrast(x, factor)[0]
    for exponent in (0.75, 1.4):
        for rule, keeps_mean in (("mean_and_std", True), ("std", False)):
            y = change_gamma(x, exponent, keeps_mean)[0]
            result[f"gamma_{exponent}_{rule}"] = y
    return {name: summarise_volume(y) for name, y in result.items()}


def image_operations(rgb):
    image = to_unit(rgb)
    x = np.flip(resize_image(image, (20, 10, 250, 290)), 2)
    result = {"shrunk": x, "enlarged": resize_image(image, (60, 70, 170, 150))}
    changes = [("brightness", 0.3), ("contrast", -0.3), ("saturation", 0.2)]
    for kind, change in [*changes, ("saturation", -0.2)]:
        result[f"{kind}_{1 + change}"] = adjust(x, kind, change)
    for turns in (-0.1, 0.08):
        result[f"hue_{turns}"] = adjust(x, "hue", turns)
    result["grey"] = np.broadcast_to(grey(x), x.shape)
    for sigma in (0.3, 1.3, 2.0):
        result[f"blur_{sigma}"] = blur_image(x, sigma)
    return {name: summarise_image(y) for name, y in result.items()}


OPERATIONS = {
    "crop_inside": "volume_large, start 12 90 70, extent 16 81 109, mirrored in"
    " D and W, padded with -1024; the next operations are of this",
    "crop_outside": "volume_small, start -2 -20 60, extent 24 110 100, mirrored"
    " in H, padded with -1024",
    "crop_central": "central region of volume_small, start 4 50 30 in it,"
    " extent 16 100 90, padded with 0",
    "shrunk": "image_rgb, columns 20 to 249, rows 10 to 289, flipped; the next"
    " operations are of this",
    "enlarged": "image_rgb, columns 60 to 169, rows 70 to 149",
}


# --- what the definitions say of each draw ------------------------------------


def mixture(*intervals):
    """Mean and variance of U(a, b) of one of some equally likely intervals."""
    mean = np.mean([(a + b) / 2 for a, b in intervals])
    square = np.mean([(a * a + a * b + b * b) / 3 for a, b in intervals])
    return {"mean": mean, "variance": square - mean**2}


def integer_part(a, b):
    """Mean and variance of the integer part of U(a, b)."""
    k = np.arange(int(a), int(b) + 1)
    weight = (np.minimum(k + 1, b) - np.maximum(k, a)) / (b - a)
    mean = (weight * k).sum()
    return {"mean": mean, "variance": (weight * (k - mean) ** 2).sum()}


def volume_parameters():
    def extent(scale):
        return integer_part(SIDE * scale[0], SIDE * scale[1])

    def product(probabilities, factor):
        return [p * factor for p in probabilities]

    return {
        "common_extent": extent(COMMON_SCALE),
        "view_extent": extent(VIEW_SCALE),
        "view_depth_offset": {"mean": 4, "variance": 80 / 12},
        "common_depth_start_large": {"mean": 8, "variance": 288 / 12},
        "mirror_probability": {k: p.mirror for k, p in PRESETS.items()},
        "noise_sigma": mixture(NOISE),
        "blur_probability": product(BLUR_DRAW, BLUR),
        "blur_sigma": mixture(SIGMA),
        "brightness_probability": BRIGHTNESS,
        "brightness": mixture(FACTOR),
        "offset_probability": product(OFFSET, OFFSET_DRAW),
        "offset": {"mean": 0, "variance": OFFSET_SIGMA**2},
        "contrast": mixture((CONTRAST[0], 1), (1, CONTRAST[1])),
        "gamma_probability": GAMMA,
        "gamma": mixture((EXPONENT[0], 1), (1, EXPONENT[1])),
    }


def image_parameters(shape, rng):
    rows = [draw_image_window(*shape[1:], rng) for _ in range(WINDOW_SAMPLES)]
    left, top, right, bottom = np.array(rows).T
    width, height = right - left, bottom - top
    share = width * height / (shape[1] * shape[2])
    windows = {"left": left, "top": top, "width": width, "height": height}
    windows |= {"area_share": share, "log_ratio": np.log(width / height)}
    result = {"sampled_window": {"samples": WINDOW_SAMPLES}}
    for name, values in windows.items():
        result["sampled_window"][name] = statistics(values)
    result |= {"flip_probability": FLIP, "jitter_probability": JITTER}
    for name, strength in STRENGTH.items():
        centre = 0 if name == "hue" else 1
        result[name] = mixture((centre - strength, centre + strength))
    result |= {"grey_probability": GREY, "blur_probability": IMAGE_BLUR}
    return result | {"blur_sigma": mixture(SIGMA)}


# --- output -------------------------------------------------------------------


def describe(array, formula):
    values = array.astype(np.int64).ravel()
    return {
        "shape": array.shape,
        "formula": formula,
        "sum": int(values.sum()),
        "sum_i_mod_997": int((values * (np.arange(values.size) % 997)).sum()),
        "min": int(values.min()),
        "max": int(values.max()),
    }


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry) for entry in value]
    if isinstance(value, (str, int)):
        return value
    return float(f"{value:.6g}")


def to_text(value, indent=""):
    """JSON with one line for every object that holds no other object."""
    if not isinstance(value, dict) or not any(
        isinstance(entry, dict) for entry in value.values()
    ):
        return json.dumps(value)
    inner = indent + " "
    lines = [
        f"{inner}{json.dumps(key)}: {to_text(entry, inner)}"
        for key, entry in value.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def make_inputs():
    return {
        "volume_large": make_volume((40, 300, 280)),
        "volume_small": make_volume((20, 120, 130)),
        "image_grey": make_image((1, 300, 260)),
        "image_rgb": make_image((3, 300, 260)),
    }


def record_all(inputs, samples, rng):
    result = {}
    for name, preset in PRESETS.items():
        for size in ("large", "small"):
            volume = inputs[f"volume_{size}"]
            result[f"{name}_{size}"] = record(
                lambda rng: augment_volume(volume, preset, rng),
                summarise_volume, samples, rng,
            )
    for name in ("image_grey", "image_rgb"):
        image = inputs[name]
        result[name] = record(
            lambda rng: augment_image(image, rng),
            summarise_image, samples, rng,
        )
    return result


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    samples = int(sys.argv[2]) if len(sys.argv) == 3 else SAMPLES
    rng = np.random.default_rng(SEED)
    inputs = make_inputs()
    versions = {m.__name__: m.__version__ for m in (np, scipy, PIL)}
    formulas = {"volume": HU_FORMULA, "image": PIXEL_FORMULA}
    golden = {
        "made_by": "scripts/make_augmentation_golden.py",
        "versions": versions,
        "seed": SEED,
        "inputs": {
            name: describe(array, formulas[name.split("_")[0]])
            for name, array in inputs.items()
        },
        "summaries": SUMMARIES,
        "parameters": {
            "volume": volume_parameters(),
            "image": image_parameters(inputs["image_rgb"].shape, rng),
        },
        "operations": {
            "about": OPERATIONS,
            "volume": volume_operations(
                inputs["volume_large"], inputs["volume_small"]
            ),
            "image": image_operations(inputs["image_rgb"]),
        },
        "statistics": record_all(inputs, samples, rng),
    }
    text = to_text(rounded(golden)) + "\n"
    pathlib.Path(sys.argv[1]).write_text(text)


if __name__ == "__main__":
    main()
