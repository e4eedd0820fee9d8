"""scripts/check_layering.py finds each kind of violation, and nothing else."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import check_layering  # noqa: E402

CLEAN = {
    "include/unimiss/core/grid.h": "#include <vector>\n",
    "include/unimiss/core/log.h": "#include <string>\n",
    "include/unimiss/io/volume.h": "#include <torch/types.h>\n"
                                   '#include "unimiss/core/grid.h"\n',
    "include/unimiss/model/mit.h": '#include "unimiss/core/grid.h"\n',
    "include/unimiss/ssl/loss.h": '#include "unimiss/model/mit.h"\n',
    "src/io/bytes.h": "#include <string>\n",
    "src/io/volume.cpp": '#include "unimiss/io/volume.h"\n'
                         '#include <itkImage.h>\n#include <opencv2/core.hpp>\n'
                         '#include "io/bytes.h"\n',
    "src/data/list.cpp": "#include <opencv2/core.hpp>\n",
    "src/model/mit.cpp": '#include "unimiss/model/mit.h"\n',
    "apps/cli.h": "#include <CLI/CLI.hpp>\n",
    "apps/a.cpp": '#include "cli.h"\n#include "unimiss/io/volume.h"\n',
    "include/unimiss/finetune/a.h": "#include <string>\n",
    "tests/draw/figure_test.cpp": '#include "unimiss/io/volume.h"\n',
    "tests/testing/data.h": '#include "unimiss/core/grid.h"\n',
    "tests/io/volume_test.cpp": '#include "testing/data.h"\n'
                                '#include "io/bytes.h"\n'
                                '#include "unimiss/io/volume.h"\n',
    "tests/parity/step_test.cpp": '#include "unimiss/ssl/loss.h"\n'
                                  '#include "unimiss/io/volume.h"\n',
}

# (file, text, part of the message expected)
PLANTED = [
    ("include/unimiss/core/up.h", '#include "unimiss/io/volume.h"\n',
     "core may not include"),
    ("src/model/up.cpp", '\n#include "unimiss/ssl/loss.h"\n',
     "src/model/up.cpp:2: unimiss/ssl/loss.h is in ssl"),
    ("src/io/side.cpp", '#include "unimiss/model/mit.h"\n',
     "io may not include"),
    ("apps/deep.cpp", '#include "unimiss/ssl/loss.h"\n',
     "apps may not include"),
    ("src/task/up.cpp", '#include "unimiss/finetune/a.h"\n',
     "task may not include"),
    ("src/predict/side.cpp", '#include "unimiss/finetune/a.h"\n',
     "predict may not include"),
    ("src/train/up.cpp", '#include "unimiss/ssl/loss.h"\n',
     "train may not include"),
    ("include/unimiss/core/json.h", "#include <nlohmann/json.hpp>\n",
     "public header"),
    ("tests/io/far_test.cpp", '#include "unimiss/model/mit.h"\n',
     "io may not include"),
    ("tests/model/other_test.cpp", '#include "io/bytes.h"\n',
     "is private to io"),
    ("src/io/test_code.cpp", '#include "testing/data.h"\n', "is test code"),
    ("include/unimiss/io/private.h", '#include "io/bytes.h"\n', "is private"),
    ("include/unimiss/io/itk.h", "#include <itkImage.h>\n", "public header"),
    ("include/unimiss/io/cv.h", "#include <opencv2/core.hpp>\n",
     "public header"),
    ("include/unimiss/core/fmt.h", "#  include <fmt/format.h>\n",
     "public header"),
    ("include/unimiss/core/spd.h", "#include <spdlog/spdlog.h>\n",
     "public header"),
    ("include/unimiss/config/yaml.h", "#include <yaml-cpp/yaml.h>\n",
     "public header"),
    ("include/unimiss/distributed/c10d.h",
     "#include <torch/csrc/distributed/c10d/Store.hpp>\n", "public header"),
    ("include/unimiss/model/all.h", "#include <torch/torch.h>\n",
     "torch/types.h"),
    ("src/train/yaml.cpp", "#include <yaml-cpp/yaml.h>\n", "inside config"),
    ("src/train/c10d.cpp", "#include <torch/csrc/distributed/c10d/Store.hpp>\n",
     "inside distributed"),
    ("src/data/itk.cpp", "#include <itkImage.h>\n", "inside io"),
    ("src/eval/cv.cpp", "#include <opencv2/core.hpp>\n",
     "inside augment, data, draw and io"),
    ("apps/spd.cpp", "#include <spdlog/spdlog.h>\n", "inside core"),
    ("src/train/cli.cpp", "#include <CLI/CLI.hpp>\n", "inside apps"),
    ("src/model/file.cpp", "#include <fstream>\n", "files or messages"),
    ("src/ssl/log.cpp", '#include "unimiss/core/log.h"\n', "messages"),
    ("src/utils/a.cpp", "#include <string>\n", "not in the table"),
    ("src/io/lost.cpp", '#include "unimiss/io/lost.h"\n', "not a file"),
    ("include/unimiss/io/self.h", '#include "unimiss/io/self.h"\n',
     "circle of files"),
]


class LayeringTest(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layering.violations(root)

    def test_clean_tree_has_no_violation(self):
        self.assertEqual(self.check(CLEAN), [])

    def test_each_planted_violation_is_found_alone(self):
        for file, text, message in PLANTED:
            with self.subTest(file=file):
                found = self.check({**CLEAN, file: text})
                self.assertEqual(len(found), 1, found)
                self.assertIn(message, found[0])
                if "circle" not in message:
                    self.assertTrue(found[0].startswith(file + ":"), found)

    def test_finds_a_long_circle_of_headers(self):
        found = self.check({
            "include/unimiss/io/a.h": '#include "unimiss/io/b.h"\n',
            "include/unimiss/io/b.h": '#include "unimiss/io/c.h"\n',
            "include/unimiss/io/c.h": '#include "a.h"\n',
        })
        self.assertEqual(len(found), 1, found)
        self.assertIn("a.h -> include/unimiss/io/b.h", found[0])

    def test_table_has_no_circle(self):
        self.assertIsNone(check_layering.cycle(check_layering.FOLDERS))
        self.assertEqual(check_layering.cycle({"a": {"b"}, "b": {"a"}}),
                         ["a", "b", "a"])


if __name__ == "__main__":
    unittest.main()
