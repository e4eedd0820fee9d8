"""scripts/check_links.py finds links that lead nowhere, and nothing else."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import check_links  # noqa: E402

CLEAN = {
    "README.md": "[a](docs/a.md), [b](docs/a.md#two-words-kn_o)\n\n"
                 "![c](docs/c.png) [d](https://x.org/no) (docs/no.md)\n",
    "docs/a.md": "# One\n\n## Two words: `kN_o`\n\n[up](#one), [e](../src/e.h)\n",
    "docs/c.png": "", "src/e.h": "",
}
PLANTED = [
    ("docs/b.md", "\n[a](no.md)\n", "docs/b.md:2: no.md: there is no no.md"),
    ("docs/b.md", "[a](a.md#two)\n",
     "docs/b.md:1: a.md#two: a.md has no heading #two"),
    ("CHANGELOG.md", "[a](#one)", "CHANGELOG.md:1: #one: CHANGELOG.md has no "
     "heading #one"),
    ("tests/golden/README.md", "[a](../../src/no.h)",
     "tests/golden/README.md:1: ../../src/no.h: there is no ../../src/no.h"),
]


class LinksTest(unittest.TestCase):
    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_links.violations(root)

    def test_links_that_lead_somewhere_pass(self):
        self.assertEqual(self.check(CLEAN), [])

    def test_each_planted_link_is_found_alone(self):
        for file, text, message in PLANTED:
            with self.subTest(file=file):
                self.assertEqual(self.check({**CLEAN, file: text}), [message])


if __name__ == "__main__":
    unittest.main()
