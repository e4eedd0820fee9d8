#include "unimiss/train/run_folder.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "testing/error_text.h"
#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "unimiss/core/error.h"

namespace unimiss::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(RunFolder, OpeningWritesNothing) {
  const testing::TemporaryDirectory folder;
  const RunFolder run(folder.file("a/b"));
  EXPECT_FALSE(run.begun());
  EXPECT_FALSE(fs::exists(folder.file("a")));
}

TEST(RunFolder, EveryStartIsAnEntryOfTheManifest) {
  const testing::TemporaryDirectory folder;
  const std::string path = folder.file("a/run");
  for (int start = 0; start < 2; ++start) {
    RunFolder run(path);
    EXPECT_EQ(run.begun(), start > 0);
    run.lock();
    run.begin({{"from_step", std::to_string(10 * start)}}, "x: 1\n");
    EXPECT_TRUE(run.begun());
  }
  const auto manifest =
      nlohmann::json::parse(testing::read_bytes(path + "/manifest.json"));
  ASSERT_EQ(manifest["starts"].size(), 2u);
  EXPECT_EQ(manifest["starts"][1]["from_step"], "10");
  EXPECT_EQ(testing::read_bytes(path + "/config.yaml"), "x: 1\n");
  EXPECT_TRUE(fs::is_directory(path + "/checkpoints"));
}

TEST(RunFolder, WhatNoRunWroteIsRefused) {
  for (const char* name : {"config.yaml", "metrics.jsonl", "checkpoints"}) {
    const testing::TemporaryDirectory folder;
    testing::write_bytes(folder.file(name), "mine");
    EXPECT_THAT([&] { RunFolder(folder.path().string()); },
                ThrowsMessage<ConfigError>(HasSubstr(name)));
  }
  const testing::TemporaryDirectory folder;
  testing::write_bytes(folder.file("notes.txt"), "mine");
  EXPECT_FALSE(RunFolder(folder.path().string()).begun());
  for (const char* text :
       {"", "{", "[]", "{}", "{\"starts\": 3}", "{\"starts\": []}"}) {
    testing::write_bytes(folder.file("manifest.json"), text);
    EXPECT_THROW(RunFolder(folder.path().string()), ConfigError) << text;
  }
}

TEST(RunFolder, AKilledBeginningIsNoObstacle) {
  // The manifest is the first file of a run.
  const testing::TemporaryDirectory folder;
  const std::string path = folder.path().string();
  testing::write_bytes(folder.file(".lock"), "");
  testing::write_bytes(folder.file("manifest.json.1-0.unfinished"), "{");
  EXPECT_FALSE(RunFolder(path).begun());
  {
    RunFolder run(path);
    run.lock();
    EXPECT_FALSE(fs::exists(folder.file("manifest.json.1-0.unfinished")));
    run.begin({}, "x: 1\n");
  }
  fs::remove(folder.file("config.yaml"));
  RunFolder run(path);
  EXPECT_TRUE(run.begun());
  run.lock();
  run.begin({}, "x: 1\n");
  EXPECT_TRUE(fs::exists(folder.file("config.yaml")));
}

TEST(RunFolder, OneProcessAtATime) {
  const testing::TemporaryDirectory folder;
  auto first = std::make_unique<RunFolder>(folder.file("run"));
  RunFolder second(folder.file("run"));
  first->lock();
  EXPECT_THAT([&] { second.lock(); },
              ThrowsMessage<ConfigError>(HasSubstr("in use by another")));
  first->begin({}, "x: 1\n");
  first.reset();
  // It began meanwhile: what `second` knows of the folder is out of date.
  EXPECT_THAT([&] { second.lock(); },
              ThrowsMessage<ConfigError>(HasSubstr("meanwhile")));
  RunFolder(folder.file("run")).lock();
}

TEST(RunFolder, RemembersTheRunItBeganFrom) {
  const testing::TemporaryDirectory folder;
  for (int start = 0; start < 2; ++start) {
    RunFolder run(folder.path().string());
    run.lock();
    // Names of folders may be any bytes.
    run.begin({{"directory", "/data/\xff"}}, "", "other/run");
  }
  EXPECT_EQ(RunFolder(folder.path().string()).branch(), "other/run");
}

TEST(RunFolder, WhereNothingCanBeWrittenIsKnownBeforehand) {
  const testing::TemporaryDirectory folder;
  RunFolder(folder.file("a/b/c")).require_writable();
  EXPECT_FALSE(fs::exists(folder.file("a")));
  testing::write_bytes(folder.file("file"), "x");
  for (const char* path : {"file", "file/run"}) {
    EXPECT_THAT(unimiss::testing::error_text<ConfigError>(
                    [&] { RunFolder(folder.file(path)).require_writable(); }),
                ::testing::HasSubstr("file is a file"));
  }
  EXPECT_THROW(RunFolder("/proc/1/run").require_writable(), ConfigError);
}

TEST(RunFolder, TellsOfTheProcess) {
  const Facts facts = facts_of_process("unimiss-pretrain --config a.yaml");
  for (const char* name :
       {"time", "version", "libtorch", "host", "directory", "command"}) {
    const bool told =
        std::any_of(facts.begin(), facts.end(), [&](const auto& fact) {
          return fact.first == name && !fact.second.empty();
        });
    EXPECT_TRUE(told) << name;
  }
}

}  // namespace
}  // namespace unimiss::train
