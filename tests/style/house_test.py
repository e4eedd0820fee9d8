"""scripts/measure_house.py finds each kind of breach, and nothing else."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import measure_house  # noqa: E402


def lines(count):
    """A function of that many lines."""
    return "void f() {\n" + "  g();\n" * (count - 2) + "}\n"


# Ten folders of as many lines, each source with its test, each header used by
# another folder.
FOLDERS = ["core", "config", "io", "data", "train", "task", "report", "predict",
           "model", "eval"]
REST = "int a;\n" * 200
CLEAN = {f"src/{folder}/a.cpp": lines(8) + REST for folder in FOLDERS}
CLEAN |= {f"tests/{folder}/a_test.cpp": "" for folder in FOLDERS[1:]}
CLEAN |= {
    "include/unimiss/core/grid.h": "struct Grid {};\n",
    "include/unimiss/io/volume.h": '#include "unimiss/core/grid.h"\n',
    "src/io/b.cpp": '#include "unimiss/io/volume.h"\n',
    "tests/io/b_test.cpp": "",
    "tests/io/c_test.cpp": "",
    "src/data/b.cpp": '#include "unimiss/io/volume.h"\n'
                      "// TargetKind, FinetuneConfig\n",
    "tests/data/b_test.cpp": "",
    "tests/style/covered_elsewhere.txt":
        "# source  test  why\n\nsrc/core/a.cpp  tests/io/a_test.cpp  only io\n",
}
READER = 'auto a = json["metric_per_case"], b = json["foreground_mean"];\n'
LIST = CLEAN["tests/style/covered_elsewhere.txt"]

# (files added or changed, what the breaches begin with, part of the first)
PLANTED = [
    ({f"src/{folder}/a.cpp": lines(11) + REST for folder in FOLDERS},
     ["src/"] * 5, "has 11 lines; the median of all functions is 11"),
    ({f"src/{folder}/a.cpp": lines(27) + REST for folder in ("io", "data")},
     ["src/io/a.cpp:1: f", "src/data/a.cpp:1: f"],
     "has 27 lines; the 90th percentile"),
    ({"include/unimiss/core/up.h": '#include "unimiss/io/volume.h"\n'},
     ["core: "], "core -> io -> core"),
    ({"include/unimiss/core/a.h": '#include "unimiss/core/b.h"\n',
      "include/unimiss/core/b.h": '#include "unimiss/core/a.h"\n'},
     ["include/unimiss/core/a.h"], "b.h -> include/unimiss/core/a.h"),
    ({"src/io/a.cpp": lines(8) + REST + REST}, ["io: "], "more than 15%"),
    ({f"src/task/b{i}.cpp": "FinetuneConfig a;\n" for i in range(11)}
     | {f"src/finetune/b{i}.cpp": "FinetuneConfig a;\n" for i in range(9)},
     [f"src/task/b{i}.cpp" for i in (0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9)],
     "names FinetuneConfig"),
    ({f"apps/b{i}.cpp": "TargetKind a;\n" for i in range(9)},
     [f"apps/b{i}.cpp" for i in range(9)], "names TargetKind"),
    ({f"src/{folder}/a.cpp": lines(8) + REST + READER
      for folder in ("report", "predict")},
     ["src/predict/a.cpp", "src/report/a.cpp"], "metric_per_case"),
    ({"src/core/b.cpp": ""}, ["src/core/b.cpp"], "tests/core/b_test.cpp"),
    ({"tests/core/a_test.cpp": ""}, ["tests/style/covered_elsewhere.txt:3"],
     "has a test of its name"),
    ({"tests/style/covered_elsewhere.txt":
      LIST + "src/core/no.cpp  tests/io/a_test.cpp  none\n"},
     ["tests/style/covered_elsewhere.txt:4"], "there is no src/core/no.cpp"),
    ({"tests/style/covered_elsewhere.txt":
      LIST.replace("io/a_test", "io/no_test")},
     ["tests/style/covered_elsewhere.txt:3"], "there is no tests/io/no_test"),
    ({"tests/style/covered_elsewhere.txt": LIST.replace("only io", "")},
     ["tests/style/covered_elsewhere.txt:3"], "is not said"),
    ({"tests/style/covered_elsewhere.txt": LIST + LIST},
     ["tests/style/covered_elsewhere.txt:6"], "stands in line 3"),
    ({f"include/unimiss/io/b{i}.h": "" for i in range(6)},
     [f"include/unimiss/io/b{i}.h" for i in range(6)],
     "only files of io include it"),
]

# Text, and the functions in it: name, first line, lines.
SOURCES = [
    ("int f() { return 1; }\n", [("f", 1, 1)]),
    ("namespace a {\nstruct B : C<int> {\n  int f() const {\n    return 1;\n"
     "  }\n  int x{3};\n};\n}\n", [("f", 3, 3)]),
    ("template <class T>\nstd::vector<T> A<T>::f(\n    T x = {}) noexcept {\n"
     "  const auto g = [&] { return x; };\n}\n", [("A::f", 1, 5)]),
    ("A::A(int b)\n    : b_(b), c_{b, 2}, d_{} {\n  f();\n}\nint g() {}\n",
     [("A::A", 1, 4), ("g", 5, 1)]),
    ("constexpr std::array kNames{\n    std::pair{1, 2}};\n"
     "const auto f = [](int x) {\n  return x;\n};\n", []),
    ('const char* kText = R"(void f() {\n)";\n// void g() {\n#define H() {\n'
     "char i() { return '{'; }\n", [("i", 5, 1)]),
    ("bool operator==(const A& a, const A& b) {\n  return a.b <= b.b;\n}\n",
     [("operator_", 1, 3)]),
    ("enum class A {\n  kB,\n};\nclass C final {\n public:\n  ~C() {}\n"
     " private:\n  auto f() -> int {\n  }\n};\n", [("~C", 5, 2), ("f", 7, 3)]),
]


class HouseTest(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return measure_house.House(root)

    def test_clean_house_has_no_breach(self):
        house = self.check(CLEAN)
        self.assertEqual(house.breaches, [])
        self.assertEqual(len(house.report), 13, house.report)

    def test_each_planted_breach_is_found_alone(self):
        for files, beginnings, message in PLANTED:
            with self.subTest(message=message):
                found = self.check(CLEAN | files).breaches
                # What is beside the point: sources planted without a test.
                found = [text for text in found
                         if "nor a line in" not in text or "core/b" in text]
                self.assertEqual(len(found), len(beginnings), found)
                for text, beginning in zip(found, beginnings):
                    self.assertTrue(text.startswith(beginning), found)
                self.assertIn(message, found[0])

    def test_functions_are_found_with_their_lines(self):
        for text, expected in SOURCES:
            with self.subTest(text=text):
                self.assertEqual(list(measure_house.functions(text)), expected)

    def test_percentiles_are_values_that_occur(self):
        self.assertEqual(measure_house.percentile([3, 1, 2, 4], 50), 2)
        self.assertEqual(measure_house.percentile(range(1, 11), 90), 9)


if __name__ == "__main__":
    unittest.main()
