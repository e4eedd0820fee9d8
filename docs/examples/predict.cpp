// Label maps of volumes by the network of a finished run of unimiss-finetune:
//
//     predict RUN INPUT FOLDER
//
// INPUT is what data::input_cases() takes: a volume, a folder of them, a list.
#include <unimiss/core/error.h>
#include <unimiss/data/input_cases.h>
#include <unimiss/task/prediction_files.h>
#include <unimiss/task/saved_network.h>

#include <iostream>

int main(int count, char** arguments) try {
  using namespace unimiss;
  require(count == 4, "usage", "predict RUN INPUT FOLDER");
  const auto network = task::load_saved_network(arguments[1], torch::kCPU);
  const task::TaskSpec& spec = network.task->spec();
  require(spec.target.is_segmentation(), arguments[1], "tells no label maps");
  for (const augment::Case& each :
       data::input_cases(arguments[2], {spec.rank(), spec.cases.modalities})) {
    const auto read = data::read_case(each, spec.decode_options());
    const auto told = network.task->predict({read.voxels, read.own});
    task::write_prediction(arguments[3], spec, each, told.map, read.own.grid);
  }
  return 0;
} catch (const unimiss::Error& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
