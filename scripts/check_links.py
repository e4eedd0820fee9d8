#!/usr/bin/env python3
"""Checks that the links of the documents lead to files and headings that exist.

    scripts/check_links.py [checkout]

Prints "file:line: problem" and exits with 1 where one does not. Links to other
sites are not followed.
"""

import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)


def anchors(path):
    """Of the headings of a Markdown file, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(path.read_text(encoding="utf-8"))}


def problem(document, link):
    """What is wrong with a link of a document, or None."""
    if re.match(r"[a-z]+:", link):
        return None
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists():
        return f"there is no {name}"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"{target.name} has no heading #{anchor}"
    return None


def violations(root):
    root = pathlib.Path(root).resolve()
    found = []
    for document in sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"),
                            *root.glob("tests/**/*.md")]):
        lines = document.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            for link in LINK.findall(line):
                wrong = problem(document, link)
                if wrong:
                    found.append(f"{document.relative_to(root)}:{number}: "
                                 f"{link}: {wrong}")
    return found


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else (
        pathlib.Path(__file__).resolve().parent.parent)
    found = violations(root)
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print("links: all lead to files and headings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
