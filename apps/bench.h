#pragma once

#include <CLI/CLI.hpp>
#include <functional>

/// The commands of unimiss-bench. Each adds itself to the command line and,
/// when it is the one called, sets the body to run.
namespace unimiss {

using Body = std::function<void()>;

void add_step_command(CLI::App& app, Body& body);
void add_data_command(CLI::App& app, Body& body);

}  // namespace unimiss
