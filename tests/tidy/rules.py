"""The rules that the tree is held to. Each function takes the root of a tree and gives the list of its offences, as
"path:line: what is wrong and what to do". test_tree.py applies them to the project, test_rules.py proves that they bite.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import urllib.parse

CODE_FOLDERS = ("include", "src", "tests", "bench")
CODE_SUFFIXES = (".h", ".cc")
FILE_BYTES_MAX = 1 << 20

INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<open>[<"])(?P<path>[^>"]+)[>"]')


@dataclasses.dataclass
class Module:
    name: str
    floor: int
    sync: bool = False
    public: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    parts: tuple[frozenset[str], ...] = ()


@dataclasses.dataclass
class Floors:
    modules: dict[str, Module]
    everywhere: frozenset[str]
    families: dict[str, str]  # Path of a header, or its beginning up to a slash → family.

    def family(self, header: str) -> str | None:
        for beginning, family in self.families.items():
            if header == beginning or (beginning.endswith("/") and header.startswith(beginning)):
                return family
        return "protobuf" if header.endswith(".pb.h") else None


def read_floors(text: str) -> Floors:
    floors = Floors({}, frozenset(), {})
    in_families = False
    for raw in text.splitlines():
        line = raw.split("#")[0].strip()
        if not line:
            continue
        words = line.split()
        if line == "families:":
            in_families = True
        elif in_families:
            floors.families.update({beginning: words[0] for beginning in words[1:]})
        elif words[0] == "everywhere:":
            floors.everywhere = frozenset(words[1:])
        else:
            module = Module(words[1], int(words[0]))
            for word in words[2:]:
                key, _, value = word.partition(":")
                if key == "sync":
                    module.sync = True
                elif key == "parts":
                    module.parts = tuple(frozenset(group.split(",")) for group in value.split("<"))
                elif key in ("public", "private"):
                    setattr(module, key, frozenset(value.split(",")))
                else:
                    raise ValueError(f"floors.txt: {raw!r}")
            floors.modules[module.name] = module
    return floors


def load_floors(root: pathlib.Path) -> Floors:
    return read_floors((root / "tests/tidy/floors.txt").read_text())


def tracked_files(root: pathlib.Path) -> list[pathlib.Path]:
    """What git has or would take (a new file is held to the rules too); every file where there is no repository."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, check=False)
    if listed.returncode != 0:
        return sorted(p for p in root.rglob("*") if p.is_file())
    paths = (root / name for name in listed.stdout.decode().split("\0") if name)
    return sorted(p for p in paths if p.is_file())


def code_files(root: pathlib.Path, folders=CODE_FOLDERS) -> list[pathlib.Path]:
    return [p for p in tracked_files(root)
            if p.suffix in CODE_SUFFIXES and p.relative_to(root).parts[0] in folders]


def offence(root: pathlib.Path, path: pathlib.Path, line: int, text: str) -> str:
    return f"{path.relative_to(root)}:{line}: {text}"


def blank_comments_and_strings(code: str) -> str:
    """The same text with comments and literals replaced by blanks, so that line numbers and columns stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
        re.DOTALL)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), code)


def includes_of(path: pathlib.Path):
    """(line number, header, is in quotes) for each #include."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found["path"], found["open"] == '"'


# Floors -------------------------------------------------------------------------------------------------------------

def check_floors(root: pathlib.Path) -> list[str]:
    floors = load_floors(root)
    offences = []
    for path in code_files(root, ("include", "src")):
        parts = path.relative_to(root).parts
        is_public = parts[0] == "include"
        if is_public and parts[1] != "narthex":
            offences.append(offence(root, path, 1, "public headers live in include/narthex/<module>/"))
            continue
        module_name = parts[2] if is_public else parts[1]
        inside = parts[3:-1] if is_public else parts[2:-1]
        module = floors.modules.get(module_name)
        if module is None:
            offences.append(offence(root, path, 1, f"module {module_name} is not in tests/tidy/floors.txt"))
            continue
        for number, header, quoted in includes_of(path):
            problem = judge_include(floors, module, inside, is_public, header, quoted)
            if problem:
                offences.append(offence(root, path, number, f"{header}: {problem}"))
    return offences


def judge_include(floors: Floors, module: Module, inside: tuple[str, ...], is_public: bool, header: str,
                  quoted: bool) -> str | None:
    if quoted:
        return judge_own_include(floors, module, inside, is_public, header)
    family = floors.family(header)
    if family is None:
        if "/" in header and header.split("/")[0] not in ("sys", "netinet", "arpa", "linux", "net"):
            return "this library is not in tests/tidy/floors.txt"
        return None
    if family == "asio" and module.sync:
        return f"{module.name} never waits on a network: no Asio here"
    if family in floors.everywhere or family in module.public:
        return None
    if family in module.private:
        return f"{family} belongs in src/{module.name} only, not in a public header" if is_public else None
    return f"{module.name} may not use {family} (see tests/tidy/floors.txt)"


def judge_own_include(floors: Floors, module: Module, inside: tuple[str, ...], is_public: bool,
                      header: str) -> str | None:
    parts = header.split("/")
    if parts[0] == "narthex" and len(parts) >= 3:
        other, other_inside = floors.modules.get(parts[1]), tuple(parts[2:-1])
        if other is None:
            return f"module {parts[1]} is not in tests/tidy/floors.txt"
        if other.name != module.name:
            if other.floor >= module.floor:
                return f"{module.name} (floor {module.floor}) may not include {other.name} (floor {other.floor})"
            if module.sync and other.name in ("async", "http"):
                return f"{module.name} never waits on a network: it may not include {other.name}"
            return None
        return judge_part(module, inside, other_inside)
    if is_public:
        return "a public header includes public headers only: \"narthex/<module>/…\""
    if len(parts) == 1 and header.endswith("_generated.h"):
        return None  # Made by the module's own build list.
    if header.endswith(".pb.h"):
        return None if "protobuf" in module.private else f"{module.name} may not use protobuf"
    if parts[0] != module.name:
        return f"a header private to {parts[0]}; from {module.name} include \"narthex/…\""
    return judge_part(module, inside, tuple(parts[1:-1]))


def judge_part(module: Module, inside: tuple[str, ...], other_inside: tuple[str, ...]) -> str | None:
    def rank(path: tuple[str, ...]) -> int | None:
        return next((i for i, group in enumerate(module.parts) if path and path[0] in group), None)

    mine, others = rank(inside), rank(other_inside)
    if mine is None or others is None or inside[0] == other_inside[0] or others < mine:
        return None
    return f"{module.name}/{inside[0]} may not include {module.name}/{other_inside[0]}"


def check_floors_of_cmake(root: pathlib.Path) -> list[str]:
    """DEPS in the build lists name lower floors only, and every folder of src/ is in the list of the root file."""
    floors = load_floors(root)
    offences = []
    for path in sorted((root / "src").rglob("CMakeLists.txt")):
        text = re.sub(r"#[^\n]*", "", path.read_text())
        for call in re.finditer(r"narthex_module\(\s*(?P<name>[\w/]+)(?P<rest>[^)]*)\)", text):
            module = floors.modules.get(call["name"].split("/")[0])
            deps = re.search(r"\bDEPS\b(.*?)(?:\b(?:LIBS|PUBLIC_LIBS|SOURCES)\b|$)", call["rest"], re.DOTALL)
            line = text.count("\n", 0, call.start()) + 1
            if module is None:
                offences.append(offence(root, path, line, f"{call['name']} is not in tests/tidy/floors.txt"))
                continue
            for dep in deps[1].split() if deps else []:
                other = floors.modules.get(dep.split("/")[0])
                if other is None or (other.name != module.name and other.floor >= module.floor):
                    offences.append(offence(root, path, line, f"{call['name']} may not depend on {dep}"))
    return offences


# The look of files --------------------------------------------------------------------------------------------------

def check_pragma_once(root: pathlib.Path) -> list[str]:
    offences = []
    for path in code_files(root):
        if path.suffix == ".h" and path.read_text().count("#pragma once") != 1:
            offences.append(offence(root, path, 1, "a header has one `#pragma once`"))
    return offences


def own_header(root: pathlib.Path, path: pathlib.Path) -> str | None:
    """How a source file names its own header, if it has one."""
    relative = path.relative_to(root)
    if relative.parts[0] == "src":
        inside = pathlib.PurePosixPath(*relative.parts[1:]).with_suffix(".h")
        if (root / "include/narthex" / inside).is_file():
            return f"narthex/{inside}"
        if (root / "src" / inside).is_file():
            return str(inside)
    return None


def check_own_header_first(root: pathlib.Path) -> list[str]:
    offences = []
    for path in code_files(root, ("src",)):
        if path.suffix != ".cc":
            continue
        own = own_header(root, path)
        first = next(includes_of(path), None)
        if own and (first is None or first[1] != own):
            offences.append(offence(root, path, first[0] if first else 1, f'include "{own}" first'))
    return offences


def check_whitespace(root: pathlib.Path) -> list[str]:
    offences = []
    for path in tracked_files(root):
        if path.suffix not in (*CODE_SUFFIXES, ".py", ".sh", ".cmake", ".txt", ".md", ".ts", ".tsx", ".css"):
            continue
        text = path.read_text(errors="replace")
        if text and not text.endswith("\n"):
            offences.append(offence(root, path, text.count("\n") + 1, "the last line has no line end"))
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip() and path.suffix != ".md":
                offences.append(offence(root, path, number, "blanks at the end of the line"))
            if "\t" in line and path.suffix in (*CODE_SUFFIXES, ".py", ".sh", ".cmake"):
                offences.append(offence(root, path, number, "a tab: indent with blanks, write \\t in literals"))
    return offences


def check_file_sizes(root: pathlib.Path) -> list[str]:
    return [offence(root, path, 1, f"{path.stat().st_size} bytes: files over 1 MiB do not belong in the repository")
            for path in tracked_files(root) if path.stat().st_size > FILE_BYTES_MAX]


# Calls --------------------------------------------------------------------------------------------------------------

# (pattern, what to use instead, where it is allowed all the same)
BANNED_CALLS = (
    (r"\bstd::regex\b|#\s*include\s*<regex>", "model::Regex or re2: linear time", ()),
    (r"\bsystem_clock::now\b|\bstd::time\s*\(|\bgettimeofday\s*\(", "util::Clock", ("src/util/", "tests/", "bench/")),
    (r"\bsteady_clock::now\b", "util::Clock::steady_ns", ("src/util/", "src/async/", "src/http/", "tests/", "bench/")),  # Beast's streams take real deadlines.
    (r"(?<![\w.>:])s?rand\s*\(|\bstd::s?rand\b", "util::Random", ()),
    (r"\bstd::j?thread\b(?!::hardware_concurrency|::id)", "util::WorkerPool or async::Runtime",
     # cli: the thread that waits for signals.
     ("src/util/", "include/narthex/util/", "src/async/", "include/narthex/async/", "src/cli/", "tests/", "bench/")),
    (r"\bstd::(?:async|this_thread::sleep_(?:for|until))\b", "a wait on a condition with a deadline", ("tests/",)),
    (r"(?<![\w.>])(?:std::)?f?printf\s*\(", "the log, or fmt::print in a command line tool", ()),
    (r"\bstd::(?:cout|cerr|clog|endl)\b", "the log, or fmt::print in a command line tool", ()),
    (r"\bstd::(?:mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock|scoped_lock)\b",
     "util::Mutex and util::MutexLock: they carry the thread safety attributes",
     ("include/narthex/util/mutex.h", "tests/", "bench/")),
    (r"\bdetached\b", "async::TaskGroup: it counts, cancels and joins", ("src/async/", "include/narthex/async/")),
    (r"\bstd::(?:stoi|stol|stoul|stoll|stoull|stod|stof|atoi|atof)\b|(?<![\w:])ato[fil]\s*\(",
     "util::parse_double or std::from_chars: they neither throw nor follow the locale", ("tests/", "bench/")),
    (r"(?<![\w.>:])(?:strcpy|strcat|sprintf|gets|strtok|alloca)\s*\(", "std::string and fmt", ()),
    (r"\busing\s+namespace\s+(?!std::(?:chrono_)?literals\b|std::(?:chrono_|string_(?:view_)?)?literals\b)",
     "names with their namespace", ("tests/", "bench/")),
    (r"\bthrow\b(?!\s*\(|\s+std::bad_alloc\b)", "util::Result: our code does not throw",
     # yaml-cpp's event handlers have no other way to stop it; caught where it is called.
     ("src/yaml/parse.cc", "tests/", "bench/")),
)


def check_banned_calls(root: pathlib.Path) -> list[str]:
    offences = []
    for path in code_files(root):
        code = blank_comments_and_strings(path.read_text())
        where = str(path.relative_to(root))
        for pattern, instead, allowed in BANNED_CALLS:
            if where.startswith(tuple(allowed)):
                continue
            for found in re.finditer(pattern, code):
                line = code.count("\n", 0, found.start()) + 1
                offences.append(offence(root, path, line, f"{found.group().strip()}: use {instead}"))
    return offences


def check_co_await(root: pathlib.Path) -> list[str]:
    """g++ 12.2 destroys a capturing lambda or an aggregate written inside a co_await expression twice."""
    offences = []
    for path in code_files(root, ("include", "src")):
        code = blank_comments_and_strings(path.read_text())
        for found in re.finditer(r"\bco_await\b", code):
            depth = 0
            for at in range(found.end(), len(code)):
                c = code[at]
                if c == "(":
                    depth += 1
                elif c == ")":
                    depth -= 1
                if depth < 0 or (c == ";" and depth == 0):
                    break
                if c == "{" and code[at:at + 2] != "{}":  # An empty one holds nothing that could be freed twice.
                    line = code.count("\n", 0, found.start()) + 1
                    offences.append(offence(root, path, line, "a brace inside a co_await expression: name the value on "
                                                              "a line of its own and move it (g++ 12.2)"))
                    break
    return offences


def check_leftovers(root: pathlib.Path) -> list[str]:
    offences = []
    for path in tracked_files(root):
        if path.suffix not in (*CODE_SUFFIXES, ".py", ".sh", ".cmake", ".ts", ".tsx", ".mjs", ".css", ".yml"):
            continue
        if path.parent.name == "tidy":
            continue  # These files name the words they look for.
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(r"\b(?:FIXME|XXX|HACK)\b", line):
                offences.append(offence(root, path, number, "FIXME: mend it, or write TODO(#issue): …"))
            elif re.search(r"\bTODO\b(?!\(#\d+\))", line):
                offences.append(offence(root, path, number, "TODO without an issue: write TODO(#issue): …"))
            if "NOLINT" in line and not re.search(r"NOLINT(?:NEXTLINE|BEGIN|END)?\([\w.,\- ]+\)", line):
                offences.append(offence(root, path, number, "NOLINT names its check"))
    return offences


# Build lists --------------------------------------------------------------------------------------------------------

def check_sources_are_built(root: pathlib.Path) -> list[str]:
    """Every .cc of src/, tests/ and bench/ stands in the CMakeLists.txt of its folder or of one above."""
    offences = []
    lists: dict[pathlib.Path, str] = {}
    for path in code_files(root, ("src", "tests", "bench")):
        if path.suffix != ".cc":
            continue
        folder, found = path.parent, False
        while folder != root and not found:
            listing = folder / "CMakeLists.txt"
            if listing not in lists:
                lists[listing] = re.sub(r"#[^\n]*", "", listing.read_text()) if listing.is_file() else ""
            name = re.escape(str(path.relative_to(folder)))
            # fuzz lists may name their targets x for x.cc in a loop.
            found = re.search(rf"(?<![\w/.-]){name}(?![\w.-])", lists[listing]) is not None
            folder = folder.parent
        if not found:
            offences.append(offence(root, path, 1, "no CMakeLists.txt names this file"))
    return offences


def check_no_globs(root: pathlib.Path) -> list[str]:
    offences = []
    for path in tracked_files(root):
        if path.name == "CMakeLists.txt" or path.suffix == ".cmake":
            text = re.sub(r"#[^\n]*", "", path.read_text())
            for found in re.finditer(r"file\(\s*GLOB(?:_RECURSE)?\s+(\w+)([^)]*)", text):
                if re.search(r"\.(?:cc|cpp|c)\b", found[2]):
                    line = text.count("\n", 0, found.start()) + 1
                    offences.append(offence(root, path, line, "sources are listed, not globbed"))
    return offences


# Words --------------------------------------------------------------------------------------------------------------

# Paths of one machine, and hosts of package registries, have no place in a project that others build.
MACHINE_WORDS = re.compile(
    r"(?<![\w.])/(?:work|home/\w+|root)/"
    r"|(?:registry\.npm" r"js\.org|pypi\.org|deb\.deb" r"ian\.org|crates\.io|proxy\.golang\.org)")


def check_machine_words(root: pathlib.Path) -> list[str]:
    offences = []
    for path in tracked_files(root):
        if path.parent.name == "tidy":
            continue
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            found = MACHINE_WORDS.search(line)
            if found:
                offences.append(offence(root, path, number, f"{found.group()}: a path or a host of one machine"))
    return offences


# Documents ----------------------------------------------------------------------------------------------------------

MAP_ROW = re.compile(r"^\|\s*(\d)\s*\|\s*((?:`\w+`(?:,\s*)?)+)\s*\|", re.MULTILINE)


def read_map(text: str) -> dict[str, int]:
    """Module → floor, from rows like "| 1 | `model`, `telemetry` | …"."""
    return {name: int(floor) for floor, names in MAP_ROW.findall(text) for name in re.findall(r"`(\w+)`", names)}


def check_architecture_map(root: pathlib.Path) -> list[str]:
    path = root / "docs/ARCHITECTURE.md"
    shown = read_map(path.read_text())
    folders = {p.name for p in (root / "src").iterdir() if (p / "CMakeLists.txt").is_file()}
    floors = load_floors(root)
    offences = [offence(root, path, 1, f"src/{name} is not in the map") for name in sorted(folders - shown.keys())]
    offences += [offence(root, path, 1, f"the map shows {name}, which is not in src/") for name in sorted(shown.keys() - folders)]
    for name, floor in sorted(shown.items()):
        module = floors.modules.get(name)
        if module is None or module.floor != floor:
            offences.append(offence(root, path, 1, f"{name}: floor {floor} here, {module and module.floor} in floors.txt"))
    return offences


def heading_anchor(heading: str) -> str:
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return text.replace(" ", "-")


def check_links(root: pathlib.Path) -> list[str]:
    """Relative links of Markdown files name files, and their anchors name headings."""
    offences = []
    for path in tracked_files(root):
        if path.suffix != ".md":
            continue
        text = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group()), path.read_text(), flags=re.DOTALL)
        for found in re.finditer(r"\[[^\]]*\]\(([^)\s]+)\)", text):
            target = urllib.parse.unquote(found[1])
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            line = text.count("\n", 0, found.start()) + 1
            file = (path.parent / name).resolve() if name else path
            if not file.exists():
                offences.append(offence(root, path, line, f"{target}: there is no such file"))
            elif anchor and file.suffix == ".md":
                headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
                if anchor not in {heading_anchor(h) for h in headings}:
                    offences.append(offence(root, path, line, f"{target}: there is no such heading"))
    return offences


def check_pages_named_in_code(root: pathlib.Path) -> list[str]:
    """A comment that names a page of docs/ names one that exists."""
    offences = []
    for path in code_files(root):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for name in re.findall(r"\bdocs/[\w/-]+\.md\b", line):
                if not (root / name).is_file():
                    offences.append(offence(root, path, number, f"{name}: there is no such page"))
    return offences


def check_lock_file(root: pathlib.Path) -> list[str]:
    """The lock file names packages and checksums, not the host they came from."""
    path = root / "web/package-lock.json"
    if not path.is_file():
        return []
    return [offence(root, path, n, "a download address: regenerate with omit-lockfile-registry-resolved")
            for n, line in enumerate(path.read_text().splitlines(), 1) if '"resolved": "http' in line]


RULES = (check_floors, check_floors_of_cmake, check_pragma_once, check_own_header_first, check_whitespace,
         check_file_sizes, check_banned_calls, check_co_await, check_leftovers, check_sources_are_built, check_no_globs,
         check_machine_words, check_architecture_map, check_links,
         check_pages_named_in_code, check_lock_file)
