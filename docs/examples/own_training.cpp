// A training of your own, in the loop that pretraining and fine-tuning run in:
// a line is laid through points. Killed at any moment and started again, it
// goes on to the same bits. tests/install builds it, kills it and looks.
#include <ATen/Functions.h>
#include <torch/nn/modules/linear.h>
#include <unimiss/train/run_loop.h>
#include <unimiss/train/run_preparation.h>
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

class Regression : public train::Training {
 public:
  explicit Regression(const train::Beginning& beginning)
      : step_(beginning.step()) {
    if (step_ > 0) update_.load_state(beginning.start->tensors, weights());
    loader_.seek(step_);
  }
  int64_t step() const override { return step_; }
  int64_t total_steps() const override { return 100; }
  train::Checkpoint checkpoint() const override {
    model::NamedTensors tensors = weights();
    tensors.merge(update_.state());
    return {step_, {}, {}, tensors};
  }
  data::Loader& stream(int64_t /*ahead*/) override { return loader_; }
  train::TakenStep take_step(const augment::Sample& batch) override {
    const auto attempt = update_.begin();
    torch::Tensor loss =
        at::mse_loss(line->forward(batch.images[0]), batch.target);
    update_.backward(loss, /*part=*/0, /*kind=*/1);
    const torch::Tensor norm = update_.finish(loss);
    train::TakenStep taken;
    taken.record.phase = "line";
    taken.record.loss = loss.item<double>();
    taken.record.grad_norm = norm.item<double>();
    taken.outcome = update_.judge(loss, norm, /*kind=*/1);
    if (taken.outcome == train::StepOutcome::kUpdated) update_.apply(0.1, 0);
    return taken;
  }
  void advance() override { ++step_; }

  torch::nn::Linear line{1, 1};

 private:
  model::NamedTensors weights() const { return model::named_tensors(*line); }

  train::Update update_{*line, train::UpdateOptions(), {}};
  data::Loader loader_{std::make_shared<Points>(), {.batch_size = 16}};
  int64_t step_;
};

int main(int /*argc*/, char** arguments) {
  train::RunOptions options;
  options.output = arguments[1];
  options.checkpoint_every_steps = 7;
  const train::RunRequest request{};
  train::RunLoop loop(options, request);
  at::manual_seed(static_cast<uint64_t>(options.seed));
  Regression training(
      train::begin_run(options, request, loop.folder(), loop.checkpoints()));
  train::RunHistory history;
  loop.begin(training, history);
  loop.train(training);
  std::printf("y = %a x + %a\n", training.line->weight.item<double>(),
              training.line->bias.item<double>());
}
