#!/usr/bin/env python3
"""Records what MONAI, scikit-learn and SciPy say of random and odd cases.

  python scripts/make_metric_golden.py     # writes tests/golden/metrics/

  surfaces.json        masks (row-major bits as hex) and the distances of their
                       surfaces: "monai" as MONAI computes them, in single
                       precision, and "exact" by SciPy's erosion and distance
                       transform in double precision
  classification.json  scores with scikit-learn's areas, average precision,
                       recalls and calibration curves
  statistics.json      scipy.stats.wilcoxon, and bootstrap intervals from a
                       second implementation of the random stream of
                       unimiss/core/random.h

null stands for NaN, "inf" for infinity. Recorded on Python 3.11 with

  pip install torch==2.11.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
  pip install --no-deps monai==1.6.1
"""

import json
import math
import pathlib
import warnings

import numpy as np
import torch
from monai.metrics import (
    CalibrationErrorMetric,
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy import ndimage, stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/metrics"
TOLERANCES = (0.0, 1.0, 2.1)  # mm; 2.1 is three voxels of 0.7
WORD = (1 << 64) - 1


def plain(value):
    """A value as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    value = float(value)
    if math.isnan(value):
        return None
    return "inf" if math.isinf(value) else value


def write(name, cases):
    lines = ",\n".join(
        f" {json.dumps(key)}: {json.dumps(plain(case))}"
        for key, case in cases.items()
    )
    (OUT / name).write_text("{\n" + lines + "\n}\n")


# --- Surfaces ----------------------------------------------------------------


def blob(random, shape, share=0.25):
    """A random smooth mask that has about this share of the grid."""
    noise = ndimage.gaussian_filter(random.normal(size=shape), 2)
    return noise > np.quantile(noise, 1 - share)


def one_voxel(shape, at):
    mask = np.zeros(shape, bool)
    mask[at] = True
    return mask


def mask_pairs():
    """name -> (prediction, reference, spacing)."""
    random = np.random.default_rng(7)
    image, volume = (36, 44), (12, 18, 22)
    fine, coarse = (0.7, 1.3), (2.5, 0.8, 0.7)
    pairs = {}
    for i in range(3):
        pairs[f"image_blobs_{i}"] = (
            blob(random, image), blob(random, image), fine)
        pairs[f"volume_blobs_{i}"] = (
            blob(random, volume), blob(random, volume), coarse)
    near = blob(random, volume)
    pairs["shifted"] = near, np.roll(near, 3, axis=2), (1.0, 0.8, 0.7)
    pairs["noise"] = (
        random.random(volume) < 0.5, random.random(volume) < 0.1, coarse)
    border = np.zeros(volume, bool)
    border[:5, :, 10:] = True
    pairs["touching_border"] = border, border[::-1, ::-1, ::-1], coarse
    everything = np.ones(volume, bool)
    pairs["everything"] = everything, blob(random, volume), coarse
    pairs["identical"] = near, near, coarse
    left, right = np.zeros(volume, bool), np.zeros(volume, bool)
    left[2:5, 3:9, 1:6] = True
    right[6:11, 10:15, 14:21] = True
    pairs["disjoint"] = left, right, coarse
    pairs["one_voxel_each"] = (
        one_voxel(volume, (0, 2, 3)), one_voxel(volume, (11, 17, 0)), coarse)
    pairs["one_voxel_and_blob"] = one_voxel(volume, (6, 9, 11)), near, coarse
    pairs["one_slice"] = (
        blob(random, (1, 36, 44)), blob(random, (1, 36, 44)), coarse)
    empty = np.zeros(volume, bool)
    pairs["both_empty"] = empty, empty, coarse
    pairs["prediction_empty"] = empty, near, coarse
    pairs["reference_empty"] = near, empty, coarse
    empty = np.zeros(image, bool)
    pairs["image_both_empty"] = empty, empty, fine
    return pairs


def of_monai(prediction, reference, spacing):
    p, r = (torch.tensor(mask[None, None].copy())
            for mask in (prediction, reference))
    options = {"include_background": True, "spacing": spacing}
    return {
        "hd": compute_hausdorff_distance(p, r, **options).item(),
        "hd95": compute_hausdorff_distance(
            p, r, percentile=95, **options).item(),
        "assd": compute_average_surface_distance(
            p, r, symmetric=True, **options).item(),
        "nsd": [
            compute_surface_dice(p, r, class_thresholds=[t], **options).item()
            for t in TOLERANCES
        ],
    }


def of_definition(prediction, reference, spacing):
    edges = [m & ~ndimage.binary_erosion(m) for m in (prediction, reference)]
    if not (edges[0].any() and edges[1].any()):
        return None
    to_edge = [ndimage.distance_transform_edt(~edge, sampling=spacing)
               for edge in edges]
    ways = [to_edge[1][edges[0]], to_edge[0][edges[1]]]
    both = np.concatenate(ways)
    return {
        "hd": both.max(),
        "hd95": max(np.percentile(way, 95) for way in ways),
        "assd": both.mean(),
        "nsd": [(both <= t + 1e-6).mean() for t in TOLERANCES],
    }


def surfaces():
    cases = {}
    for name, (prediction, reference, spacing) in mask_pairs().items():
        cases[name] = {
            "shape": prediction.shape,
            "spacing": spacing,
            "prediction": np.packbits(prediction).tobytes().hex(),
            "reference": np.packbits(reference).tobytes().hex(),
            "tolerances": TOLERANCES,
            "monai": of_monai(prediction, reference, spacing),
            "exact": of_definition(prediction, reference, spacing),
        }
    return cases


# --- Classification ----------------------------------------------------------


def calibration_error(positive, score, bins):
    """From scikit-learn's bins."""
    true, predicted = calibration_curve(
        positive, score, n_bins=bins, pos_label=1)
    edges = np.linspace(0, 1, bins + 1)
    count = np.bincount(np.searchsorted(edges[1:-1], score), minlength=bins)
    return np.sum(count[count > 0] * np.abs(true - predicted)) / score.size


def binary(positive, score):
    two = 0 < positive.sum() < positive.size
    metric = CalibrationErrorMetric(num_bins=15)
    metric(torch.tensor(score)[None, None], torch.tensor(positive)[None, None])
    return {
        "positive": positive,
        "scores": score,
        "auc": sk.roc_auc_score(positive, score) if two else None,
        "average_precision": sk.average_precision_score(positive, score),
        "calibration_error_15": calibration_error(positive, score, 15),
        "calibration_error_4": calibration_error(positive, score, 4),
        "monai_calibration_error_15": metric.aggregate().item(),
    }


def exclusive(labels, probability):
    classes = np.arange(probability.shape[1])
    has = labels[:, None] == classes
    given = probability.argmax(1)
    matrix = sk.multilabel_confusion_matrix(labels, given, labels=classes)
    negative, positive = matrix[:, 0].sum(1), matrix[:, 1].sum(1)
    with np.errstate(invalid="ignore"):
        specificity = matrix[:, 0, 0] / negative
        sensitivity = matrix[:, 1, 1] / positive
    return {
        "labels": labels,
        "probabilities": probability,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "accuracy": sk.accuracy_score(labels, given),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, given),
        "average_precision": [
            sk.average_precision_score(has[:, k], probability[:, k])
            for k in classes
        ],
        "confusion": sk.confusion_matrix(labels, given, labels=classes),
        "calibration_error": calibration_error(
            (given == labels).astype(int), probability.max(1), 15),
    }


def classification():
    random = np.random.default_rng(8)
    cases = {}
    for name, n, levels in (("random", 60, 0), ("ties", 60, 7),
                            ("many_ties", 40, 2), ("bin_edges", 64, 15),
                            ("five", 5, 0)):
        positive = (random.random(n) < 0.4).astype(int)
        positive[:2] = 0, 1
        score = 1 / (1 + np.exp(-random.normal(positive, 1.5)))
        if levels:
            score = np.round(score * levels) / levels
        cases[f"binary_{name}"] = binary(positive, score)
    some = random.random(9)
    cases["binary_all_equal"] = binary(np.arange(9) % 3 // 2, np.full(9, 0.3))
    cases["binary_only_positive"] = binary(np.ones(9, int), some)
    cases["binary_only_negative"] = binary(np.zeros(9, int), some)
    cases["binary_one_positive"] = binary(np.ones(1, int), np.ones(1))
    cases["binary_extremes"] = binary(
        np.array([0, 1, 0, 1]), np.array([0.0, 1.0, 1.0, 0.0]))
    for name, n, k, present in (("two", 30, 2, 2), ("four", 60, 4, 4),
                                ("missing_class", 30, 4, 3),
                                ("one_class", 12, 3, 1)):
        labels = random.integers(0, present, n)
        logits = random.normal(size=(n, k)) + 1.2 * np.eye(k)[labels]
        odds = np.exp(logits)
        cases[f"exclusive_{name}"] = exclusive(
            labels, odds / odds.sum(1, keepdims=True))
    return cases


# --- Statistics --------------------------------------------------------------


def splitmix64(word):
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & WORD
    return word ^ (word >> 31)


def drawn_cases(seed, resample, count):
    golden, state = 0x9E3779B97F4A7C15, 0
    for part in (seed, resample):
        state = splitmix64((state + golden + part) & WORD)
    words = (splitmix64((state + i * golden) & WORD)
             for i in range(1, count + 1))
    return [word * count >> 64 for word in words]


def interval(values, statistic, seed, level, resamples):
    values = np.asarray(values, float)
    sampled = [statistic(drawn_cases(seed, i, len(values)))
               for i in range(resamples)]
    sampled = [value for value in sampled if value is not None]
    tails = [50 * (1 - level), 50 * (1 + level)]
    low, high = np.percentile(sampled, tails)
    return {"values": values, "seed": seed, "level": level,
            "resamples": resamples, "low": low, "high": high,
            "used": len(sampled)}


def bootstraps():
    random = np.random.default_rng(9)
    cases = {}
    for n, level in ((2, 0.95), (5, 0.95), (20, 0.95), (60, 0.95), (20, 0.8)):
        values = random.beta(8, 2, n)
        cases[f"bootstrap_mean_{n}_{round(100 * level)}"] = interval(
            values, lambda i, v=values: v[i].mean(), n, level, 400)
    scores = np.round(random.random(8), 1)
    positive = np.array([0, 0, 1, 0, 0, 0, 1, 0])

    def auc(i):
        if not 0 < positive[i].sum() < len(i):
            return None
        return sk.roc_auc_score(positive[i], scores[i])

    cases["bootstrap_auc"] = {
        **interval(scores, auc, 3, 0.95, 400), "positive": positive}
    return cases


def wilcoxons():
    random = np.random.default_rng(10)
    cases = {}

    def add(name, differences):
        if differences.tolist() == [0]:
            return  # SciPy refuses one difference that is 0
        result = stats.wilcoxon(differences)
        cases[f"wilcoxon_{name}"] = {
            "differences": differences, "statistic": result.statistic,
            "p_value": result.pvalue}

    for n in (1, 2, 5, 13, 20, 50, 51, 60):
        add(f"distinct_{n}", random.normal(0.3, 1, n))
        add(f"ties_{n}", np.round(random.normal(0.6, 2, n)) + 0.25)
        add(f"zeros_{n}", np.round(random.normal(0.6, 2, n)))
        one_zero = random.normal(0.3, 1, n)
        one_zero[0] = 0
        add(f"one_zero_{n}", one_zero)
        add(f"positive_{n}", np.abs(random.normal(0, 1, n)))
        add(f"same_{n}", np.full(n, -0.5))
        add(f"nothing_{n}", np.zeros(n))
    return cases


def main():
    warnings.simplefilter("ignore")  # of the odd cases
    OUT.mkdir(parents=True, exist_ok=True)
    write("surfaces.json", surfaces())
    write("classification.json", classification())
    write("statistics.json", {**bootstraps(), **wilcoxons()})


if __name__ == "__main__":
    main()
