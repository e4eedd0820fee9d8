#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "testing/files.h"

namespace unimiss::eval {

using Json = nlohmann::json;

/// A file that scripts/make_metric_golden.py wrote.
inline Json metric_golden(const std::string& name) {
  return Json::parse(
      std::ifstream(unimiss::testing::golden_file("metrics/" + name)));
}

inline double number_of(const Json& value) {
  if (value == "inf") return std::numeric_limits<double>::infinity();
  return value.get<double>();
}

/// Equal to a relative tolerance; null where the value is empty.
inline void expect_golden(const std::optional<double>& value,
                          const Json& expected, double tolerance,
                          const std::string& what) {
  if (expected.is_null()) {
    EXPECT_FALSE(value) << what << " is " << *value;
    return;
  }
  ASSERT_TRUE(value) << what;
  const double number = number_of(expected);
  if (std::isinf(number)) {
    EXPECT_EQ(*value, number) << what;
  } else {
    EXPECT_NEAR(*value, number, tolerance * std::abs(number)) << what;
  }
}

}  // namespace unimiss::eval
