#include "unimiss/train/metric_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>

#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

TEST(MetricLog, WritesOneObjectALineInOrderAndAppends) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("metrics.jsonl");
  MetricLog(path).write({{"step", int64_t{1}}, {"loss", 2.5}});
  MetricLog(path).write({{"phase", std::string("3d")},
                         {"loss", std::numeric_limits<double>::quiet_NaN()}});
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(),
            "{\"step\":1,\"loss\":2.5}\n{\"phase\":\"3d\",\"loss\":null}\n");
}

TEST(MetricLog, AFolderThatIsNotThereIsAnError) {
  const testing::TemporaryDirectory folder;
  EXPECT_THROW(MetricLog(folder.file("missing/metrics.jsonl")), DataError);
}

}  // namespace
}  // namespace unimiss::train
