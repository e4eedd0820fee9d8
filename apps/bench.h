#pragma once

#include <ATen/Functions.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <vector>

#include "unimiss/core/device.h"
#include "unimiss/core/stopwatch.h"

/// The commands of unimiss-bench. Each adds itself to the command line and,
/// when it is the one called, sets the body to run.
namespace unimiss {

using Body = std::function<void()>;

void add_step_command(CLI::App& app, Body& body);
void add_data_command(CLI::App& app, Body& body);
void add_predict_command(CLI::App& app, Body& body);

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The time that work takes, until the device is done with it.
template <class Work>
double device_seconds(torch::Device device, const Work& work) {
  const auto wait = [&] {
    // Reading one element back waits for all work queued before it.
    if (device.is_cuda()) at::zeros({1}, device).item<float>();
  };
  wait();
  const Stopwatch stopwatch;
  work();
  wait();
  return stopwatch.seconds();
}

}  // namespace unimiss
