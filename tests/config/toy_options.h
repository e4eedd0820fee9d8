#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "unimiss/core/fields.h"

/// Options whose fields have all attributes, and earlier names at all depths.
namespace unimiss::config {

struct ToyRule {
  double level = 1;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("level", self.level, "", was("height"));
  }
  bool operator==(const ToyRule&) const = default;
};

struct ToyData {
  std::vector<std::string> lists;
  std::string cache;
  std::string title;
  double share = 0.5;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("lists", self.lists, "", kPath | kList | kMayChange);
    visit("cache", self.cache, "", kPath | kMayChange);
    visit("title", self.title, "");
    visit("share", self.share, "", was("part"));
  }
  bool operator==(const ToyData&) const = default;
};

struct ToyOptions {
  int64_t epochs = 3;
  ToyData data = {};
  ToyRule rule = {};
  std::optional<ToyRule> second = {};
  std::vector<ToyRule> more = {};

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor&& visit) {
    visit("epochs", self.epochs, "", kLength);
    visit("data", self.data, "");
    visit("rule", self.rule, "", was("law"));
    visit("second", self.second, "", kMayChange);
    visit("more", self.more, "");
  }
  void check(Problems& problems) const {
    problems.in_range(epochs, at_least(1), "epochs");
    problems.in_range(data.share, between(0, 1), "data.share");
  }
  bool operator==(const ToyOptions&) const = default;
};

}  // namespace unimiss::config
