#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unimiss/core/device.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/precision.h"

/// Predictions of new cases.
namespace unimiss::predict {

/// Test-time mirroring: not at all, or along all axes that training mirrored.
enum class TestTimeMirror { kNone, kMirror };

struct PredictionRequest {
  /// Folders of runs or files of weights; several are an ensemble, whose
  /// probabilities are averaged on each case's own grid.
  std::vector<std::string> models;
  std::string input;   ///< see data::input_cases()
  std::string output;  ///< folder
  /// Without one inference.mirror and inference.step of each run hold.
  std::optional<TestTimeMirror> mirror;
  std::optional<double> step;
  std::optional<Precision> precision;  ///< left out: run.precision
  int64_t batch = 0;  ///< windows of one forward pass; 0: as in the run
  /// Any key of the group by "inference.key=value"; mirror, step and batch are
  /// short for some.
  std::vector<std::string> overrides;
  DeviceChoice device = DeviceChoice::kAuto;
  int64_t threads = 0;  ///< of each process; 0: LibTorch's choice
  bool probabilities = false, overlays = false;
  /// Folder of reference maps, to draw and to compute Dice coefficients with.
  std::string references;
  int64_t job = 0, jobs = 1;  ///< takes the cases job, job + jobs, ...
};

struct PredictionSummary {
  std::string output;
  std::string job;  ///< of several, which one
  int64_t cases = 0, predicted = 0, there_before = 0;
  /// Of cases that could not be predicted, and of references.
  std::vector<std::string> problems;
  std::optional<double> mean_dice;  ///< over cases with a reference
  double seconds = 0;
  int64_t peak_memory_mb = 0;

  std::string describe() const;
};

/// Predicts what is not there yet:
///
///     predict.json              networks and settings; others are refused
///     ID.nii.gz                 or STRUCTURE/ID.nii.gz, see prediction_files()
///     predictions.csv           of a classification: case, probabilities
///     probabilities/ID/CLASS.nii.gz   of each class, in images 16-bit PNG
///     overlays/ID.png           image, reference, prediction
///     overlays/worst_median_best.png  of the cases with a reference
///     cases/ID.json             what was done for a case; written last
///
/// Each file appears whole or not at all. A case that cannot be read or written
/// is told of, and the others go on. Memory is bounded, see
/// task::Task::predict(); the probabilities wait on the disk.
///
/// Throws ConfigError, before anything is predicted, for networks or an input
/// that cannot be used, and where the folder holds predictions of others.
PredictionSummary run_prediction(const PredictionRequest& request);

/// What all jobs together leave: predictions.csv and worst_median_best.png, of
/// all cases that are there; the mean Dice coefficient of those with a
/// reference.
std::optional<double> gather_predictions(const PredictionRequest& request);

}  // namespace unimiss::predict

template <>
struct unimiss::EnumNames<unimiss::predict::TestTimeMirror> {
  static constexpr std::array kNames{
      std::pair{unimiss::predict::TestTimeMirror::kNone, "none"},
      std::pair{unimiss::predict::TestTimeMirror::kMirror, "mirror"}};
};
