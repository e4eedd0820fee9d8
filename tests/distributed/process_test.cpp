#include "unimiss/distributed/process.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "unimiss/core/error.h"

namespace unimiss::distributed {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

ProcessId start_shell(const std::string& script) {
  return start_process("/bin/sh", {"sh", "-c", script}, own_environment());
}

TEST(Process, HasWordsVariablesAndAStatus) {
  EXPECT_EQ(status_of(start_shell("exit 3")), 3);
  EXPECT_EQ(
      status_of(start_process(
          "/bin/sh", {"sh", "-c", "test $A = b -a \"$1\" = 'c d'", "sh", "c d"},
          {"A=b"})),
      0);
}

TEST(Process, ThatASignalEndsHasFailed) {
  const ProcessId process = start_shell("exec sleep 60");
  kill(process, SIGKILL);
  EXPECT_EQ(status_of(process), kExitFailed);
}

TEST(Process, ThatDoesNotExistIsAnError) {
  EXPECT_THAT([] { start_process("/no/program", {"program"}, {}); },
              ThrowsMessage<RunError>(HasSubstr("/no/program: cannot be")));
}

TEST(Process, KnowsWhoStartedIt) {
  setenv("UNIMISS_PARENT", "1", 1);
  EXPECT_THAT(own_environment(), Contains("UNIMISS_PARENT=1"));
  EXPECT_EQ(status_of(start_shell("test $UNIMISS_PARENT = $PPID")), 0);
  unsetenv("UNIMISS_PARENT");
}

TEST(Process, EndsWithItsParent) {
  EXPECT_EXIT(
      {
        // As if started by one that has ended meanwhile.
        setenv("UNIMISS_PARENT", "1", 1);
        end_with_parent();
        _exit(0);
      },
      ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(
      {
        setenv("UNIMISS_PARENT", std::to_string(getppid()).c_str(), 1);
        end_with_parent();
        _exit(getenv("UNIMISS_PARENT") == nullptr ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace unimiss::distributed
