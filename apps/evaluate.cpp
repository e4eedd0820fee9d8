// unimiss-evaluate: predictions held against references.
#include <algorithm>
#include <iostream>
#include <thread>

#include "cli.h"
#include "unimiss/report/evaluation_report.h"

namespace unimiss {
namespace {

void add_inputs(CLI::App& app, report::EvaluationRequest& request) {
  app.add_option("--predictions", request.predictions,
                 "folder of unimiss-predict, or of label maps named as the "
                 "references; of a classification also a predictions.csv")
      ->required();
  app.add_option("--references", request.references,
                 "folder of label maps, or a list (.txt, .csv) of images with "
                 "their masks or labels")
      ->required();
  app.add_option("--output", request.output,
                 "summary.json to write, with tables .md and .csv beside it")
      ->required();
  add_choice<augment::TargetKind>(
      app, "--target", request.target,
      "left out: as predict.json says, else label_map "
      "(of a .csv class)");
  app.add_option("--classes", request.classes,
                 "a,b,c: of a label map the background first, of structures "
                 "their folders; left out: as predict.json says")
      ->delimiter(',');
  app.add_option("--label-values", request.label_values,
                 "the value of each class in the files; left out: as "
                 "predict.json says, else 0, 1, 2, ...")
      ->delimiter(',');
  app.add_option("--modalities", request.modalities,
                 "images of a case in a list")
      ->capture_default_str();
}

void add_rules(CLI::App& app, report::EvaluationRequest& request) {
  app.add_option("--tolerance", request.tolerance,
                 "of the surface Dice (NSD), in mm")
      ->capture_default_str();
  add_choice<report::MissingRule>(
      app, "--missing", request.missing,
      "the distances where only one of prediction and reference has a class: "
      "the diagonal of the image in mm (the default), or left out");
  app.add_option("--pixel-spacing", request.pixel_spacing,
                 "mm of a pixel of images, one number or height,width; left "
                 "out: 1")
      ->delimiter(',');
  app.add_option("--compare", request.compare,
                 "summary.json of other predictions of the same cases: adds "
                 "differences with intervals and p values");
  app.add_flag("--skip-bad", request.skip_bad,
               "evaluate the cases that are good; bad ones are listed");
  app.add_option("--resamples", request.resamples,
                 "of the bootstrap of 95 % intervals")
      ->capture_default_str();
  app.add_option("--seed", request.seed, "of the bootstrap")
      ->capture_default_str();
  app.add_option("--threads", request.threads,
                 "cases at once; each needs the memory of its volumes")
      ->capture_default_str();
}

}  // namespace
}  // namespace unimiss

int main(int argc, char** argv) {
  using namespace unimiss;
  tune_allocator();
  CLI::App app(
      "Compares predicted label maps or probabilities with references: Dice, "
      "IoU, surface distances, volumes; AUC, average precision, accuracy.");
  app.footer(
      "A class that neither prediction nor reference has does not count in "
      "that case. Where only one of them has it, Dice, IoU and NSD are 0 and "
      "the distances are infinite: see --missing.");
  report::EvaluationRequest request;
  request.threads =
      std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, 4);
  add_inputs(app, request);
  add_rules(app, request);
  return run_app(app, argc, argv, [&] {
    std::cout << report::evaluate_predictions(request).describe() << std::flush;
  });
}
