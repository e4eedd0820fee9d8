#!/usr/bin/env python3
"""Measures the shape of unimiss, and fails where it has become worse.

    scripts/measure_house.py [checkout]

Prints each measure with its limit; on a breach "file or function: why" and the
exit status 1. What is measured, of include/, src/ and apps/:

functions        lines from the first of the head (return type, template line)
                 to the closing brace, both counted; a lambda belongs to the
                 function around it. Of all bodies, one-liners too, the median
                 and the 90th percentile (the smallest length that 90 % do not
                 exceed).
circles          of files that include each other, and of folders whose files do.
largest folder   the share of include/unimiss/F and src/F in all lines.
FinetuneConfig   files outside finetune that name the type; TargetKind: files
                 that name it. Comments do not count.
summary readers  sources that name both keys of summary.json that every reader
                 of one needs, KEYS below.
untested         sources of src/ without a test of their name, that is
                 tests/F/S_test.cpp of src/F/S.cpp, or a line in
                 tests/style/covered_elsewhere.txt: the source, the test that
                 covers it, and why it has none of its own. A line that is not
                 needed any more is a breach, too.
private headers  public headers that no file of another folder includes and no
                 public header needs: they could stand in src/F.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_layering  # noqa: E402

MEDIAN, P90 = 10, 26
LARGEST_FOLDER = 0.15
CONFIG_FILES, TARGET_FILES = 10, 8
PRIVATE_HEADERS = 5
KEYS = ('"metric_per_case"', '"foreground_mean"')
COVERED = "tests/style/covered_elsewhere.txt"

NOT_CODE = re.compile(
    r'(?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<letter>(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')"
    r"|(?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)", re.S | re.M)


def without(text, kinds):
    """The text with those groups of NOT_CODE emptied, every line kept."""
    def emptied(match):
        if match.lastgroup not in kinds and not (
                match["raw"] and "raw" in kinds):
            return match.group()
        quotes = '""' if match["raw"] or match["string"] else " "
        return quotes + "\n" * match.group().count("\n")
    return NOT_CODE.sub(emptied, text)


def without_templates(head):
    """A head without template arguments, an operator's name made a word."""
    head = re.sub(r"operator\s*(\(\)|[^\s(\w]+)", "operator_", head)
    while True:
        shorter = re.sub(r"<[^<>;{}]*>", "", head)
        if shorter == head:
            return head
        head = shorter


def what_opens(head):
    """What a brace opens after this text: scope, function or value."""
    plain = re.sub(r"\[\[.*?\]\]", "", without_templates(head))
    plain = re.sub(r"^\s*((public|private|protected)\s*:\s*)*", "", plain)
    plain = re.sub(r"^template\s*", "", plain).strip()
    if re.match(r'(inline\s+)?namespace\b|extern ""', plain):
        return "scope"
    if re.match(r"(class|struct|union)\b[^()]*(:|$)", plain):
        return "scope"
    while True:  # nothing but () is left of parentheses
        shorter = re.sub(r"\((?!\))[^()]*\)", "()", plain)
        if shorter == plain:
            break
        plain = shorter
    if "(" not in plain or re.match(r"enum\b", plain):
        return "value"
    if re.search(r"(?<![=!<>])=(?!=)", plain):
        return "value"
    # A member's braces in the list before a constructor's body.
    if re.search(r"\)[^():]*:(?!:).*[\w>]$", plain, re.S):
        return "value"
    return "function"


def end_of_block(text, at):
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, at):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return len(text) - 1


def functions(text):
    """(name, first line, lines) of each function defined in a C++ file."""
    text = without(text, {"raw", "comment", "string", "letter", "directive"})
    at = head = parentheses = 0
    while at < len(text):
        letter = text[at]
        if letter in "()":
            parentheses += 1 if letter == "(" else -1
        elif letter == "}" or letter == ";" and parentheses == 0:
            head = at + 1
        elif letter == "{":
            opened = "value"  # of a default argument
            if parentheses == 0:
                opened = what_opens(text[head:at])
            if opened == "scope":
                head = at + 1
            else:
                end = end_of_block(text, at)
                if opened == "function":
                    start = head + len(text[head:at]) - len(
                        text[head:at].lstrip())
                    named = re.search(r"([~\w:]+)\s*\(",
                                      without_templates(text[head:at]))
                    yield (named.group(1) if named else "?",
                           text.count("\n", 0, start) + 1,
                           text.count("\n", start, end) + 1)
                    head = end + 1
                at = end
        at += 1


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else 0


class House:
    """What is measured of a checkout: lines for people, and breaches."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.tree = check_layering.Tree(root)
        self.texts = {}
        for file in self.tree.files:
            if check_layering.place(file)[0] in ("public", "source", "apps"):
                self.texts[file] = (self.root / file).read_text(
                    encoding="utf-8")
        # file -> the files of the three that it includes
        self.edges = {file: {target for *_, target in self.tree.includes(file)
                             if target in self.texts} for file in self.texts}
        self.report, self.breaches = [], []
        self.functions()
        self.circles()
        self.folders()
        self.mentions()
        self.untested()
        self.private_headers()

    def measure(self, name, value, limit, breaches):
        """Notes a value; the breaches are told where it exceeds its limit."""
        shown = [f"{number:.1%}" if isinstance(number, float) else str(number)
                 for number in (value, limit)]
        self.report.append(f"{name:<58}{shown[0]:>7}   limit {shown[1]}")
        if value > limit:
            self.breaches += breaches or [f"{name}: {shown[0]}, more than "
                                          f"{shown[1]}"]

    def functions(self):
        found = [(lines, f"{file}:{line}: {name}")
                 for file, text in self.texts.items()
                 for name, line, lines in functions(text)]
        lengths = [lines for lines, _ in found]
        for name, percent, limit in (("median", 50, MEDIAN),
                                     ("90th percentile", 90, P90)):
            value = percentile(lengths, percent)
            over = [f"{where} has {lines} lines; the {name} of all functions "
                    f"is {value}, more than {limit}"
                    for lines, where in sorted(found, reverse=True)[:5]
                    if lines > limit]
            self.measure(f"functions: {name} of {len(found)}, lines", value,
                         limit, over)

    def circles(self):
        folders = {}
        for file, targets in self.edges.items():
            own = check_layering.place(file)[1]
            folders.setdefault(own, set()).update(
                {check_layering.place(target)[1] for target in targets} - {own})
        for what, graph in (("files", self.edges), ("folders", folders)):
            found = check_layering.cycle(graph)
            self.measure(f"a circle of {what}", 1 if found else 0, 0,
                         found and [f"{found[0]}: includes itself: "
                                    + " -> ".join(found)])

    def folders(self):
        lines = {}
        for file, text in self.texts.items():
            folder = check_layering.place(file)[1]
            lines[folder] = lines.get(folder, 0) + text.count("\n")
        total = sum(lines.values())
        for folder in sorted(lines, key=lines.get, reverse=True)[:3]:
            self.measure(f"lines of {folder}: {lines[folder]} of {total}",
                         lines[folder] / total, LARGEST_FOLDER,
                         [f"{folder}: holds {lines[folder]} of {total} lines, "
                          f"more than {LARGEST_FOLDER:.0%}"])

    def mentions(self):
        def naming(words, kinds):
            return [file for file, text in self.texts.items()
                    if all(re.search(rf"(?<!\w){word}(?!\w)", code(text))
                           for word in words)
                    and check_layering.place(file)[0] in kinds]

        def code(text):
            return without(text, {"comment"})

        every = ("public", "source", "apps")
        found = [file for file in naming(["FinetuneConfig"], every)
                 if check_layering.place(file)[1] != "finetune"]
        self.measure("files outside finetune that name FinetuneConfig",
                     len(found), CONFIG_FILES,
                     [f"{file}: names FinetuneConfig" for file in found])
        found = naming(["TargetKind"], every)
        self.measure("files that name TargetKind", len(found), TARGET_FILES,
                     [f"{file}: names TargetKind" for file in found])
        found = naming(KEYS, ("source", "apps"))
        self.measure("readers of summary.json", len(found), 1,
                     [f"{file}: names {' and '.join(KEYS)}" for file in found])

    def covered_elsewhere(self):
        """source -> line of the list; breaches for lines that are wrong."""
        covered, wrong = {}, []
        path = self.root / COVERED
        lines = path.read_text(encoding="utf-8") if path.exists() else ""
        for number, line in enumerate(lines.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            source, test, why = (line.split(None, 2) + ["", ""])[:3]
            if source in covered:
                wrong.append(f"{COVERED}:{number}: {source} stands in line "
                             f"{covered[source]} already")
            elif not (self.root / source).is_file():
                wrong.append(f"{COVERED}:{number}: there is no {source}")
            elif not test or not (self.root / test).is_file():
                wrong.append(f"{COVERED}:{number}: there is no {test or 'test'}"
                             f" that covers {source}")
            elif not why:
                wrong.append(f"{COVERED}:{number}: why {source} has no test of "
                             "its own is not said")
            covered.setdefault(source, number)
        return covered, wrong

    def untested(self):
        covered, wrong = self.covered_elsewhere()
        missing = []
        for file in self.texts:
            if not re.match(r"src/.*\.cpp$", file):
                continue
            test = (file.replace("src/", "tests/", 1).removesuffix(".cpp")
                    + "_test.cpp")
            if test in self.tree.known and file in covered:
                wrong.append(f"{COVERED}:{covered[file]}: {file} has a test of "
                             "its name; take the line out")
            elif test not in self.tree.known and file not in covered:
                missing.append(f"{file}: neither {test} nor a line in "
                               f"{COVERED} tests it")
        self.measure("sources without a test of their name or a line",
                     len(missing), 0, missing)
        self.measure(f"wrong lines of {len(covered)} on what covers others",
                     len(wrong), 0, wrong)

    def private_headers(self):
        alone, needless = 0, []
        for header in self.texts:
            if not header.startswith("include/"):
                continue
            users = [file for file, targets in self.edges.items()
                     if header in targets and file != header]
            own = check_layering.place(header)[1]
            if any(check_layering.place(user)[1] != own for user in users):
                continue
            alone += 1
            if not any(user.startswith("include/") for user in users):
                needless.append(f"{header}: only files of {own} include it")
        self.measure(f"public headers for their folder alone (of {alone}, "
                     "others are parts)", len(needless), PRIVATE_HEADERS,
                     needless)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else (
        pathlib.Path(__file__).resolve().parent.parent)
    house = House(root)
    print("\n".join(house.report), flush=True)
    print("\n".join(house.breaches), end="\n" if house.breaches else "",
          file=sys.stderr)
    return 1 if house.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
