#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "unimiss/pretrain/contact_sheet.h"
#include "unimiss/train/process_times.h"
#include "unimiss/train/run_history.h"

namespace unimiss::pretrain {

/// How a quantity went: means over the first and last tenth of its steps.
struct Course {
  std::string name;
  double first = 0, last = 0;
};

/// What a finished run did and where it left things.
struct Summary {
  std::string device, precision, model;
  int64_t parameters = 0;
  int64_t images = 0, volumes = 0;    ///< files
  std::vector<std::string> left_out;  ///< files that cannot be used, and why
  int64_t steps = 0, samples_2d = 0, samples_3d = 0;
  /// Of the steps.
  int64_t skipped_overflow = 0, skipped_nonfinite = 0, skipped_spikes = 0;
  std::string processes;  ///< how several got on; empty: one
  double seconds = 0;
  double samples_per_second_2d = 0, samples_per_second_3d = 0;
  double data_wait = 0;  ///< share of the time spent waiting for batches
  int64_t peak_memory_mb = 0;
  std::vector<Course> terms;      ///< of the loss
  std::vector<Course> entropies;  ///< of the teacher's targets, 2d and 3d; nats
  double largest_entropy = 0;     ///< ln K
  std::string output;             ///< holds the files below
  std::string programs;           ///< before the name of a program, to run it
  bool images_only = false;
  /// Overrides for a network of these parts, each with a space before it.
  std::string architecture;
  std::string checkpoint, student_weights, teacher_weights, full_state, metrics,
      log, picture;

  /// A summary for a person, several lines.
  std::string describe() const;
};

/// The teacher's momentum, among the diagnostics of a step.
inline constexpr const char* kMomentum = "momentum";

class History : public train::RunHistory {
 public:
  void add(const train::StepRecord& record) override;
  std::string remark(const train::StepRecord& record) const override;
  std::vector<std::string> scheduled() const override { return {kMomentum}; }
  void add_views(const augment::Sample& batch) { sheet_.add_views(batch); }
  /// Fills in what follows from the steps.
  void describe(Summary& summary) const;
  void write_picture(const std::string& path) const override {
    sheet_.write(path, terms_, entropies_);
  }

 private:
  struct Phase {
    int64_t samples = 0;
    double seconds = 0;
  };
  std::map<std::string, Phase> phases_;
  Curves terms_, entropies_;
  int64_t steps_ = 0, peak_memory_mb_ = 0, overflow_ = 0, nonfinite_ = 0;
  int64_t spikes_ = 0;
  double wait_seconds_ = 0;
  train::ProcessHistory processes_;
  ContactSheet sheet_;
};

}  // namespace unimiss::pretrain
