#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

#include "unimiss/augment/sample.h"
#include "unimiss/data/loader.h"
#include "unimiss/train/checkpoint.h"
#include "unimiss/train/run_folder.h"
#include "unimiss/train/run_output.h"
#include "unimiss/train/step_record.h"

namespace unimiss::train {

/// What a RunLoop trains, one step after another: derive from it to train
/// something of your own (docs/examples/own_training.cpp).
///
/// A step is a function of checkpoint(), of its batch and of its number alone.
/// Then a run that was killed goes on as if it had not been: LibTorch's
/// generator is seeded anew before each step, and a data::Loader gives the same
/// batches again after seek(). Whoever makes the training gives it what
/// RunLoop::beginning() has found.
///
/// Of several processes all are called alike, between the same agreements.
class Training {
 public:
  /// Goes on after so many steps.
  explicit Training(int64_t step) : step_(step) {}
  virtual ~Training() = default;

  int64_t step() const { return step_; }  ///< steps that are done
  virtual int64_t total_steps() const = 0;
  /// All that it goes on from; the loop adds what every checkpoint says (the
  /// run's configuration, threads and device). Its tensors may be those that
  /// are trained: they are copied, and written on the process that leads alone,
  /// but compared between all.
  virtual Checkpoint checkpoint() const = 0;
  /// Where the batch of a step to come, the `ahead`-th from now, comes from.
  virtual data::Loader& stream(int64_t ahead) = 0;
  /// Takes the next step, with a batch that is on device(); it counts once
  /// advance() is called. Throws what ends the run. Of several processes,
  /// changes nothing before all have told all they have to tell, as an Update
  /// does; nor where its outcome is another than kUpdated.
  virtual TakenStep take_step(const augment::Sample& batch) = 0;
  /// The step counts, whatever its outcome was. Who counts more extends it.
  virtual void advance() { ++step_; }

  virtual torch::Device device() const { return torch::kCPU; }
  /// Gets the data flowing, from where the training stands, once the folder is
  /// this run's: starts threads, seeks.
  virtual void start() {}
  /// Whether nothing is left to do.
  virtual bool finished() const { return step() >= total_steps(); }
  /// Steps skipped because they were not finite, counted by the loop. By
  /// default of this start alone: who keeps the count in its checkpoint()
  /// overrides it.
  virtual int64_t& nonfinite() { return nonfinite_; }

  /// Work that belongs between two steps, such as validation.
  virtual bool pending() const { return false; }
  /// Does it and tells of it or, asked to stop, leaves it undone. output: null
  /// on processes that do not lead.
  virtual void do_pending(const std::function<bool()>& /*asked_to_stop*/,
                          RunOutput* /*output*/) {}

  /// For the manifest: data sets, above all. Of several processes all must have
  /// the same.
  virtual Facts facts() const { return {}; }
  /// Bytes of a checkpoint at its largest, of which the disk must have room.
  virtual int64_t state_bytes() const {
    return checkpoint_bytes(checkpoint().tensors);
  }
  /// Bytes of all that is written besides, at the end.
  virtual int64_t result_bytes() const { return 0; }

 private:
  int64_t step_;
  int64_t nonfinite_ = 0;
};

}  // namespace unimiss::train
