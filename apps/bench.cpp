// unimiss-bench: how fast unimiss is on this machine.
#include "bench.h"

#include "cli.h"

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  CLI::App app("Measures unimiss on this machine.");
  app.require_subcommand(1);
  unimiss::Body body;
  unimiss::add_step_command(app, body);
  unimiss::add_data_command(app, body);
  unimiss::add_predict_command(app, body);
  return unimiss::run_app(app, argc, argv, [&] { body(); });
}
