#!/usr/bin/env python3
"""Names in unnamed namespaces are unique within a room.

A unity build compiles several files of a room as one, so that two files which define the same name
in their unnamed namespaces no longer compile as soon as they come into one batch: which files those
are changes with every file that is added anywhere in the room. Overloads count as twins, too: the
compiler may choose another file's.

Usage: twin_names.py [FOLDER of rooms]
"""

import collections
import pathlib
import re
import sys

COMMENT_OR_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^\s()\\]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])'|^[ \t]*#(?:\\\n|[^\n])*", re.S | re.M)
TYPE = re.compile(r"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+([A-Za-z_]\w*)")
ALIAS = re.compile(r"^\s*using\s+([A-Za-z_]\w*)\s*=")
CONCEPT = re.compile(r"\bconcept\s+([A-Za-z_]\w*)")
FUNCTION = re.compile(r"([A-Za-z_]\w*)\s*\(")
VARIABLE = re.compile(r"([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)*(?:=|$)")
NO_NAMES = {"requires", "decltype", "alignas", "noexcept", "sizeof", "static_assert", "explicit",
            "const", "__attribute__"}


def plain(text):
    """The text without comments, literals and preprocessor lines; positions are kept."""
    return COMMENT_OR_TEXT.sub(
        lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] != '"' else
        '"' + " " * (len(m.group(0)) - 2) + '"', text)


def end_of_braces(text, begin):
    """The place behind the brace that closes the one at `begin`."""
    depth = 0
    for i in range(begin, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return i + 1
    raise ValueError("a brace is never closed")


def without_angles(head):
    """`head` without what stands in < >, the arguments of templates."""
    before = None
    while before != head:
        before, head = head, re.sub(r"<[^<>;{}]*>", " ", head)
    return head


def defined_name(head):
    """The name that a statement of namespace level defines, or None. `head` ends before its ; or {."""
    head = head.strip()
    if not head or head.startswith(("static_assert", "namespace", "friend")):
        return None
    if head.startswith("using") and "=" not in head:
        return None  # of another namespace's name: may be said twice
    for pattern in (ALIAS, CONCEPT):
        if match := pattern.search(head):
            return match.group(1)
    head = without_angles(head)
    # Members of classes and specializations belong to what they are members of.
    head = re.sub(r"\b\w+\s*::\s*", "", head)
    calls = [m for m in FUNCTION.finditer(head) if m.group(1) not in NO_NAMES]
    match = TYPE.search(head)
    if match and (not calls or calls[0].start() > match.end() and re.search(
            r"(class|struct|enum\s+class|enum|union)\s+\w+\s*(final\s*)?(:[^:]|$)", head)):
        return match.group(1)
    equals = head.find("=")
    if calls and (equals < 0 or calls[0].start() < equals):
        return calls[0].group(1)
    if match := VARIABLE.search(head):
        return match.group(1)
    return None


def names_of(text):
    """(name, line) of all that is defined at the level of unnamed namespaces of `text`."""
    text = plain(text)
    for opening in re.finditer(r"\bnamespace\s*\{", text):
        place, last = opening.end(), end_of_braces(text, opening.end() - 1) - 1
        begin, depth = place, 0
        while place < last:
            char = text[place]
            if char in "([":
                depth += 1
            elif char in ")]":
                depth -= 1
            elif char in ";{" and depth == 0:
                head = text[begin:place]
                # "int x{3};" goes on behind its braces.
                place = end_of_braces(text, place) if char == "{" else place + 1
                if name := defined_name(head):
                    first = begin + len(head) - len(head.lstrip())
                    yield name, text.count("\n", 0, first) + 1
                begin = place
                continue
            place += 1


def twins(folder):
    """Complaints, one a name."""
    for room in sorted(p for p in folder.iterdir() if p.is_dir()):
        places = collections.defaultdict(dict)
        for file in sorted(room.rglob("*.cpp")):
            for name, line in names_of(file.read_text()):
                places[name].setdefault(file, line)
        for name, files in sorted(places.items()):
            if len(files) > 1:
                yield f"{name}: defined in " + ", ".join(
                    f"{file.relative_to(folder)}:{line}" for file, line in files.items())


def self_test():
    text = """
    namespace a { namespace {
    // int commented() {}
    constexpr int64_t kOne = 1;
    const std::map<std::string, int> kTable{{"}", 2}};
    constexpr std::array<std::string_view, 2> kList[] = {"a"};
    struct Point { int x; };
    template <class T> std::vector<T> sums(const std::vector<T>& of, int n = f(3)) { return {}; }
    class Reader final : public Base { int hidden() { return 0; } };
    using Rows = std::vector<int>;
    at::Tensor twice(const at::Tensor& x) { const int inner = 2; return x * inner; }
    } int outside() { return 1; } }
    """
    found = [name for name, _ in names_of(text)]
    expected = ["kOne", "kTable", "kList", "Point", "sums", "Reader", "Rows", "twice"]
    assert found == expected, found


def main():
    self_test()
    default = pathlib.Path(__file__).resolve().parents[2] / "trainer"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    complaints = list(twins(folder))
    for complaint in complaints:
        print(complaint)
    if complaints:
        print(f"{len(complaints)} names are defined by two files of a room: rename one of each")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
