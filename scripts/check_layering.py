#!/usr/bin/env python3
"""Checks that includes only point down the layers of unimiss.

    scripts/check_layering.py [checkout]

FOLDERS below is the complete list of legal edges between folders. Besides, it
checks that public headers show only std and torch types, that each outside
library stays in the folder that wraps it, and that no headers include each
other in a circle. Prints "file:line: problem" and exits with 1 on a violation.
"""

import pathlib
import re
import sys

# folder -> the folders it may include, besides itself.
FOLDERS = {
    "core": set(),
    "config": {"core"},
    "io": {"core"},
    "draw": {"core"},
    "distributed": {"core"},
    "model": {"core"},
    "eval": {"core"},
    "ssl": {"core", "model"},
    "augment": {"core", "io"},
    "data": {"core", "io", "augment"},
    # The engine: it knows no task and no method.
    "train": {"core", "config", "io", "augment", "data", "distributed", "model"},
    # Networks that predict, without what trains them.
    "task": {"core", "config", "io", "augment", "data", "model", "eval"},
    "report": {"core", "io", "augment", "data", "eval", "task", "draw"},
    "pretrain": {"core", "config", "io", "augment", "data", "train", "model",
                 "ssl", "draw", "distributed"},
    "finetune": {"core", "config", "io", "augment", "data", "train", "task",
                 "report", "model", "eval", "draw", "distributed"},
    # What a trained network needs, without what trained it.
    "predict": {"core", "config", "io", "augment", "data", "task", "report",
                "eval", "draw"},
    "apps": {"core", "config", "io", "augment", "data", "distributed", "train",
             "task", "report", "pretrain", "finetune", "predict"},
}

# Test folders that may include more, or other, than their namesake.
ALL = set(FOLDERS)
TEST_FOLDERS = {
    "testing": {"core", "distributed", "io", "model", "ssl", "task"},
    "draw": {"core", "draw", "io"},
    "parity": ALL,
    "apps": ALL,
    "fuzz": {"core", "config", "io", "data", "pretrain"},
    "install": ALL,
}

# Test folders that may include private headers of others: fuzzing feeds the
# readers behind the public header, whose ITK clang cannot compile.
TEST_PRIVATE = {"fuzz": {"io"}}

# Outside headers -> the folders whose sources may include them.
OUTSIDE = [
    (r"(itk|vnl|dcmtk/)", {"io"}),
    (r"opencv2/", {"io", "draw", "augment", "data"}),
    (r"(libdeflate|zlib|jpeglib)\.h", {"io"}),
    (r"yaml-cpp/", {"config"}),
    (r"spdlog/", {"core"}),
    (r"torch/csrc/distributed/", {"distributed"}),
    (r"CLI/", {"apps"}),
]

# Tensors in, tensors out: no files, no messages.
PURE = {"model", "ssl", "eval"}
IMPURE_HEADERS = re.compile(
    r"(unimiss/core/log\.h|fstream|filesystem|iostream|cstdio)$")

PUBLIC_HEADERS = re.compile(r"([a-z_]+|torch/.*|ATen/.*|c10/.*)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Tree:
    """The C++ files of a checkout and the folder each belongs to."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.search = ["include", "src", "tests", "apps", "."]
        self.files = []
        for top in ("include", "src", "apps", "tests", "benchmarks"):
            for path in sorted((self.root / top).rglob("*")):
                if path.suffix in (".h", ".cpp"):
                    self.files.append(path.relative_to(self.root).as_posix())
        self.known = set(self.files)

    def includes(self, file):
        """(line number, bracket, text, resolved file or None) of a file."""
        text = (self.root / file).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                bracket, name = match.groups()
                yield number, bracket, name, self.resolve(file, name)

    def resolve(self, file, name):
        beside = (pathlib.PurePosixPath(file).parent / name).as_posix()
        for candidate in [beside] + [f"{top}/{name}" for top in self.search]:
            candidate = candidate.removeprefix("./")
            if candidate in self.known:
                return candidate
        return None


def place(file):
    """(kind, folder): kind is public, source, apps, tests or benchmarks."""
    parts = file.split("/")
    if parts[0] == "include":
        return "public", parts[2] if len(parts) > 3 else ""
    if parts[0] == "src":
        return "source", parts[1] if len(parts) > 2 else ""
    if parts[0] == "tests":
        return "tests", parts[1] if len(parts) > 2 else ""
    return parts[0], parts[0]


def may_include(kind, folder):
    """The library folders that a file may include, its own among them."""
    if kind == "benchmarks":
        return ALL
    if kind == "tests" and folder in TEST_FOLDERS:
        return TEST_FOLDERS[folder]
    return FOLDERS.get(folder, set()) | {folder}


def inside_problem(file, target):
    """What is wrong with one of our files including another, or None."""
    kind, folder = place(file)
    target_kind, target_folder = place(target)
    if target_kind in ("tests", "benchmarks"):
        if kind != "tests":
            return "is test code"
        if target_folder not in ("testing", folder):
            return f"belongs to the tests of {target_folder}"
        return None
    if target_kind == "source":
        if kind == "public":
            return "is private; a public header cannot include it"
        allowed = TEST_PRIVATE.get(folder, set()) if kind == "tests" else set()
        if target_folder not in {folder} | allowed:
            return f"is private to {target_folder}"
        return None
    if target_folder not in may_include(kind, folder):
        return f"is in {target_folder}, which {folder} may not include"
    if kind in ("public", "source") and folder in PURE:
        if IMPURE_HEADERS.match(target.removeprefix("include/")):
            return f"is for messages, which {folder} does not give"
    return None


def outside_problem(file, name):
    """What is wrong with including a header that is not ours, or None."""
    kind, folder = place(file)
    if kind == "public":
        if name == "torch/torch.h":
            return "costs every user 14 s; include torch/types.h"
        if (not PUBLIC_HEADERS.match(name)
                or name.startswith("torch/csrc/distributed/")):
            return "shows more than std and torch types in a public header"
    if kind in ("public", "source") and folder in PURE:
        if IMPURE_HEADERS.match(name):
            return f"is for files or messages, which {folder} does not touch"
    for pattern, owners in OUTSIDE:
        if re.match(pattern, name):
            allowed = owners
            if kind == "tests" and folder in ("testing", "parity"):
                allowed = owners | {folder}
            if folder not in allowed:
                *others, last = sorted(owners)
                inside = " and ".join(filter(None, [", ".join(others), last]))
                return f"stays inside {inside}"
    return None


def cycle(graph):
    """A list of nodes that lead back to the first one, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for following in sorted(graph.get(node, ())):
            found = visit(following)
            if found:
                return found
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        found = visit(node)
        if found:
            return found
    return None


def violations(root):
    tree = Tree(root)
    problems, files = [], {}
    for file in tree.files:
        kind, folder = place(file)
        if kind in ("public", "source") and folder and folder not in FOLDERS:
            problems.append(f"{file}:1: the folder {folder} is not in the "
                            "table of scripts/check_layering.py")
            continue
        for line, bracket, name, target in tree.includes(file):
            if target:
                problem = inside_problem(file, target)
                files.setdefault(file, set()).add(target)
            elif bracket == '"':
                problem = "is not a file of this checkout"
            else:
                problem = outside_problem(file, name)
            if problem:
                problems.append(f"{file}:{line}: {name} {problem}")
    # Legal edges of a table without a circle make none between folders.
    for what, graph in (("folders", FOLDERS), ("files", files)):
        found = cycle(graph)
        if found:
            problems.append(f"{found[0]}:1: a circle of {what}: "
                            + " -> ".join(found))
    return problems


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else (
        pathlib.Path(__file__).resolve().parent.parent)
    problems = violations(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print("layering: includes only point down")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
