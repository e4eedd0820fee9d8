#pragma once

#include <array>
#include <utility>

#include "unimiss/core/fields.h"

namespace unimiss {

/// Moments at which a test ends the process, as a power cut would, to see that
/// nothing is lost: those between which a run's files are as they may be left.
enum class CrashPoint {
  kFileOpened,      ///< of any file that is written durably: it is empty
  kFileWritten,     ///< whole, not yet synced to the disk
  kFileSynced,      ///< not yet under its name
  kFileRenamed,     ///< its folder not yet synced
  kTensorsInPlace,  ///< of a checkpoint, which has no seal yet
  kSealInPlace,     ///< the checkpoint counts, older ones are still there
  kSealRemoved,     ///< of an older checkpoint, whose tensors are still there
  kStepTaken,       ///< the weights have changed, nothing tells of it
  kRecordWritten,   ///< of a step, in metrics.jsonl, before its checkpoint
};

#ifdef UNIMISS_CRASH_POINTS
/// Ends the process by SIGKILL where UNIMISS_CRASH_AT names this point, as
/// "point" or "point:count", the count-th time that it is reached.
void crash_at(CrashPoint point);
#else
/// Nothing, outside of builds with tests.
inline void crash_at(CrashPoint) {}
#endif

}  // namespace unimiss

template <>
struct unimiss::EnumNames<unimiss::CrashPoint> {
  static constexpr std::array kNames{
      std::pair{unimiss::CrashPoint::kFileOpened, "file_opened"},
      std::pair{unimiss::CrashPoint::kFileWritten, "file_written"},
      std::pair{unimiss::CrashPoint::kFileSynced, "file_synced"},
      std::pair{unimiss::CrashPoint::kFileRenamed, "file_renamed"},
      std::pair{unimiss::CrashPoint::kTensorsInPlace, "tensors_in_place"},
      std::pair{unimiss::CrashPoint::kSealInPlace, "seal_in_place"},
      std::pair{unimiss::CrashPoint::kSealRemoved, "seal_removed"},
      std::pair{unimiss::CrashPoint::kStepTaken, "step_taken"},
      std::pair{unimiss::CrashPoint::kRecordWritten, "record_written"}};
};
