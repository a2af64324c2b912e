#!/usr/bin/python3
"""No file over 500 lines, no function over 60 unless the comment above it gives a reason after the word "long:".

C functions are found by a simple brace parser over text whose comments, strings and preprocessor lines have been
blanked: an opening brace at depth 0 behind a closing parenthesis is a function. A function runs from its first
line (return type, name) to its closing brace.
"""

import ast
import pathlib
import re
import sys

from findings import Report, arguments, sources

FILE_LINES = 500
FUNCTION_LINES = 60
CODE = (".c", ".h", ".S", ".asm", ".inc", ".def", ".py", ".mk", ".ld", ".sh", "Makefile")
REASON = re.compile(r"\blong: \S")
TOKEN = re.compile(r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
                       | ^[ \t]*\#(?:\\\n|[^\n])*""", re.S | re.M | re.X)


def blank(match):
    """The same text with everything but line ends turned into blanks."""
    return re.sub(r"[^\n]", " ", match[0])


def c_functions(text):
    """Yields (name, first line, last line) of every function in C @text."""
    bare = TOKEN.sub(blank, text)
    depth, start, head = 0, 0, None
    for place, char in enumerate(bare):
        if char == "{":
            if depth == 0:
                head = bare[start:place]
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                name = function_name(head)
                if name:
                    first = start + len(head) - len(head.lstrip())
                    yield name, bare.count("\n", 0, first) + 1, bare.count("\n", 0, place) + 1
                start = place + 1
        elif char == ";" and depth == 0:
            start = place + 1


def function_name(head):
    """The name in front of a brace at depth 0, "" if it opens a type or an initialiser."""
    outside = head
    while re.search(r"\([^()]*\)", outside):
        outside = re.sub(r"\([^()]*\)", "@", outside)
    if "@" not in outside or "=" in outside:
        return ""
    match = re.search(r"(\w+)\s*@", outside)
    return match[1] if match else ""


def python_functions(text):
    """Yields (name, first line, last line) of every function in Python @text."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def comment_above(lines, first):
    """The comment that ends on the line above line @first (1-based), or ""."""
    place = first - 2
    if place < 0 or not re.search(r"\*/\s*$|^\s*(//|#)", lines[place]):
        return ""
    begin = place
    if lines[place].rstrip().endswith("*/"):
        while begin > 0 and "/*" not in lines[begin]:
            begin -= 1
    else:
        while begin > 0 and re.match(r"\s*(//|#)", lines[begin - 1]):
            begin -= 1
    return "\n".join(lines[begin:place + 1])


def check_file(report, rel, text):
    """One file's own length and that of its functions."""
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        report.find(rel, FILE_LINES + 1, f"file of {len(lines)} lines (at most {FILE_LINES})")
    finder = {".c": c_functions, ".h": c_functions, ".py": python_functions}.get(rel.suffix)
    count = 0
    for name, first, last in finder(text) if finder else ():
        count += 1
        length = last - first + 1
        if length > FUNCTION_LINES and not REASON.search(comment_above(lines, first)):
            report.find(rel, first, f"{name}() has {length} lines (at most {FUNCTION_LINES}, or say 'long: why' above)")
    return count


def check(report, root):
    """Looks at every code file below @root; returns (files, functions)."""
    files = sources(root, *CODE)
    functions = 0
    for rel in files:
        try:
            functions += check_file(report, rel, (root / rel).read_text(errors="replace"))
        except SyntaxError as error:
            report.find(rel, error.lineno or 0, f"cannot be parsed: {error.msg}")
    return len(files), functions


def main():
    args = arguments(__doc__)
    report = Report("length")
    files, functions = check(report, pathlib.Path(args.root))
    return report.finish(f"{files} files, {functions} functions")


if __name__ == "__main__":
    sys.exit(main())
