#include "config_reference.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "testing/files.h"

namespace unimiss {
namespace {

TEST(ConfigReference, TheCommittedFileIsUpToDate) {
  const std::string file =
      std::string(std::getenv("UNIMISS_DOCS")) + "/config-reference.md";
  EXPECT_EQ(testing::read_bytes(file), config_reference())
      << "fields have changed; write the file anew:\n"
         "  build/release/bin/unimiss-pretrain --config-reference > "
      << file;
}

TEST(ConfigReference, NamesWhatTheOfficialPresetChanges) {
  const std::string text = config_reference();
  for (const char* part :
       {"\n## `model`: the network\n", "| `optimizer.lr` | `0.0008` |",
        "- `optimizer.lr`: `0.0006`\n", "- `schedule.unit`: `epoch`\n",
        "- `data.volume_transforms.draw_rule`: `per_slice`\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(text.find("- `loss.preset`"), std::string::npos);
}

}  // namespace
}  // namespace unimiss
