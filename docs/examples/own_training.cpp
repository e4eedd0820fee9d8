// A training of your own, in the loop that pretraining and fine-tuning run in:
// a line is laid through points. Killed at any moment and started again, it
// goes on to the same bits. tests/install builds it, kills it and looks.
#include <ATen/Functions.h>
#include <torch/nn/modules/linear.h>
#include <unimiss/core/error.h>
#include <unimiss/train/run_loop.h>
#include <unimiss/train/update.h>

#include <cstdio>

using namespace unimiss;

struct Points : data::Dataset {
  int64_t size() const override { return 1000; }
  augment::Sample sample(int64_t /*index*/, Random& random) const override {
    const torch::Tensor x = at::full({1}, random.uniform(-1, 1));
    return {{x}, 3 * x - 1 + 0.1 * random.normal()};
  }
  std::string source(int64_t /*index*/) const override { return "drawn"; }
};

struct Regression : train::Training {
  explicit Regression(const train::Beginning& from) : Training(from.step()) {
    if (from.start) update.load_state(from.start->tensors, weights());
    loader.seek(step());
  }
  model::NamedTensors weights() const { return model::named_tensors(*line); }
  int64_t total_steps() const override { return 100; }
  train::Checkpoint checkpoint() const override {
    model::NamedTensors tensors = weights();
    tensors.merge(update.state());
    return {step(), {}, {}, tensors};
  }
  data::Loader& stream(int64_t /*ahead*/) override { return loader; }
  train::TakenStep take_step(const augment::Sample& batch) override {
    const auto loss = [&] {
      return at::mse_loss(line->forward(batch.images[0]), batch.target);
    };
    return update.take("line", loss, /*lr=*/0.1);
  }
  torch::nn::Linear line{1, 1};
  train::Update update{*line, train::UpdateOptions(), {}};
  data::Loader loader{std::make_shared<Points>(), {.batch_size = 16}};
};

int main(int count, char** arguments) try {
  train::RunOptions options;
  options.output = count > 1 ? arguments[1] : "line";
  options.checkpoint_every_steps = 7;
  train::RunLoop loop(options, {});
  Regression training(loop.beginning());
  loop.run(training);
  std::printf("y = %a x + %a\n", training.line->weight.item<double>(),
              training.line->bias.item<double>());
  return 0;
} catch (const Error& error) {  // that it was asked to stop and has saved, too
  std::fprintf(stderr, "%s\n", error.what());
  return dynamic_cast<const Preempted*>(&error) ? kExitPreempted : kExitFailed;
}
