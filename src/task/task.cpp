#include "unimiss/task/task.h"

#include "task/classification.h"
#include "task/segmentation.h"

namespace unimiss::task {

NetworkCase::NetworkCase(const augment::CaseVoxels& seen,
                         const data::CaseReference& own)
    : voxels(seen), scale(own.scale) {
  if (!own.grid.voxels.defined()) return;
  const auto sizes = own.grid.voxels.sizes();
  size = {sizes[0], sizes[1], sizes[2]};
}

void Task::set_inference(const eval::SlidingWindowOptions& inference,
                         Precision precision) {
  spec_.inference = inference;
  spec_.precision = precision;
}

const torch::nn::Module& Task::module() const {
  return const_cast<Task*>(this)->module();
}

torch::Device Task::device() const {
  return module().parameters().front().device();
}

std::map<std::string, torch::Tensor> Task::official_weights() const {
  std::map<std::string, torch::Tensor> weights;
  for (const auto& tensors :
       {module().named_parameters(), module().named_buffers()}) {
    for (const auto& item : tensors) {
      weights[official_name(item.key())] = item.value();
    }
  }
  return weights;
}

std::unique_ptr<Task> make_task(const TaskSpec& spec, const LossOptions& loss) {
  if (spec.target.is_segmentation()) {
    return std::make_unique<Segmentation>(spec, loss);
  }
  return std::make_unique<Classification>(spec, loss);
}

}  // namespace unimiss::task
