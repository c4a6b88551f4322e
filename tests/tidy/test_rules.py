"""Proves that the rules bite: each gets a small tree with one offence and must name it, and one without."""

import pathlib
import tempfile
import unittest

from tests.tidy import rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOORS = (ROOT / "tests/tidy/floors.txt").read_text()


class RuleTest(unittest.TestCase):
    def offences(self, rule, files: dict[str, str]) -> list[str]:
        """What the rule says of a tree with these files."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {"tests/tidy/floors.txt": FLOORS, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return rule(root)

    def assert_bites(self, rule, files: dict[str, str], where: str, what: str = ""):
        found = self.offences(rule, files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(where, found[0])
        self.assertIn(what, found[0])

    def assert_clean(self, rule, files: dict[str, str]):
        self.assertEqual(self.offences(rule, files), [])


class FloorRules(RuleTest):
    def judge(self, path: str, include: str):
        return self.offences(rules.check_floors, {path: f"#pragma once\n#include {include}\n"})

    def test_lower_floors_are_open_higher_ones_are_not(self):
        self.assertEqual(self.judge("src/tsdb/head/x.cc", '"narthex/storage/appender.h"'), [])
        self.assertIn("src/util/x.cc:2", self.judge("src/util/x.cc", '"narthex/model/labels.h"')[0])
        self.assertIn("floor 3", self.judge("include/narthex/storage/x.h", '"narthex/tsdb/db/db.h"')[0])

    def test_no_module_looks_sideways(self):
        self.assertTrue(self.judge("src/scrape/x.cc", '"narthex/rules/manager.h"'))
        self.assertTrue(self.judge("src/promql/engine/x.cc", '"narthex/tsdb/db/db.h"'))

    def test_private_headers_stay_private(self):
        self.assertEqual(self.judge("src/http/x.cc", '"http/connection.h"'), [])
        self.assertTrue(self.judge("src/api/x.cc", '"http/connection.h"'))
        self.assertTrue(self.judge("include/narthex/http/x.h", '"http/connection.h"'))

    def test_inner_parts_have_an_order(self):
        self.assertEqual(self.judge("src/promql/engine/x.cc", '"narthex/promql/parser/ast.h"'), [])
        self.assertTrue(self.judge("src/promql/parser/x.cc", '"narthex/promql/engine/engine.h"'))
        self.assertTrue(self.judge("src/tsdb/wal/x.cc", '"tsdb/block/reader.h"'))
        self.assertEqual(self.judge("src/tsdb/block/x.cc", '"narthex/tsdb/chunk/xor_chunk.h"'), [])

    def test_third_party_headers_stand_where_they_may(self):
        self.assertEqual(self.judge("src/http/x.cc", "<boost/beast/http/read.hpp>"), [])
        self.assertTrue(self.judge("include/narthex/http/x.h", "<boost/beast/http/read.hpp>"))
        self.assertTrue(self.judge("src/tsdb/db/x.cc", "<boost/asio/post.hpp>"))
        self.assertTrue(self.judge("src/model/x.cc", "<yaml-cpp/yaml.h>"))
        self.assertTrue(self.judge("include/narthex/util/x.h", "<spdlog/spdlog.h>"))
        self.assertTrue(self.judge("src/model/x.cc", "<absl/strings/str_cat.h>"))
        self.assertEqual(self.judge("include/narthex/model/x.h", "<boost/unordered/unordered_flat_map.hpp>"), [])
        self.assertEqual(self.judge("src/yaml/x.cc", "<yaml-cpp/yaml.h>"), [])

    def test_synchronous_modules_never_wait(self):
        self.assertTrue(self.judge("src/promql/engine/x.cc", '"narthex/async/task.h"'))
        self.assertEqual(self.judge("src/scrape/x.cc", '"narthex/async/task.h"'), [])

    def test_every_module_is_listed(self):
        self.assertTrue(self.judge("src/surprise/x.cc", "<string>"))

    def test_build_lists_name_lower_floors(self):
        self.assert_bites(rules.check_floors_of_cmake,
                          {"src/model/CMakeLists.txt": "narthex_module(model SOURCES a.cc DEPS util tsdb/head)\n"},
                          "src/model/CMakeLists.txt:1", "tsdb/head")
        self.assert_clean(rules.check_floors_of_cmake,
                          {"src/tsdb/CMakeLists.txt": "# tsdb\nnarthex_module(tsdb/wal\n  SOURCES a.cc\n  DEPS util tsdb/chunk\n"
                                                      "  LIBS Snappy::snappy)\n"})


class FileRules(RuleTest):
    def test_pragma_once(self):
        self.assert_bites(rules.check_pragma_once, {"include/narthex/util/x.h": "int x;\n"}, "x.h:1")
        self.assert_clean(rules.check_pragma_once, {"src/util/x.h": "#pragma once\n"})

    def test_own_header_first(self):
        header = {"include/narthex/util/x.h": "#pragma once\n"}
        self.assert_bites(rules.check_own_header_first,
                          {**header, "src/util/x.cc": '#include <string>\n#include "narthex/util/x.h"\n'}, "x.cc:1")
        self.assert_clean(rules.check_own_header_first,
                          {**header, "src/util/x.cc": '// Comment.\n#include "narthex/util/x.h"\n#include <string>\n'})

    def test_blanks_at_line_ends_and_missing_last_line_end(self):
        self.assert_bites(rules.check_whitespace, {"src/util/x.cc": "int x; \n"}, "x.cc:1", "blanks")
        self.assert_bites(rules.check_whitespace, {"src/util/x.cc": "int x;"}, "x.cc:1", "line end")
        self.assert_bites(rules.check_whitespace, {"src/util/x.cc": "\tint x;\n"}, "x.cc:1", "tab")

    def test_large_files(self):
        self.assert_bites(rules.check_file_sizes, {"docs/x.bin": "x" * ((1 << 20) + 1)}, "docs/x.bin")
        self.assert_clean(rules.check_file_sizes, {"docs/x.bin": "x" * (1 << 20)})

    def test_sources_stand_in_a_build_list(self):
        listing = {"tests/unit/util/CMakeLists.txt": "narthex_test(util_test SOURCES a_test.cc # b_test.cc\n)\n"}
        self.assert_bites(rules.check_sources_are_built,
                          {**listing, "tests/unit/util/a_test.cc": "\n", "tests/unit/util/b_test.cc": "\n"}, "b_test.cc")
        self.assert_bites(rules.check_sources_are_built, {**listing, "tests/unit/util/xa_test.cc": "\n"}, "xa_test.cc")
        self.assert_clean(rules.check_sources_are_built,
                          {"src/tsdb/CMakeLists.txt": "narthex_module(tsdb/wal SOURCES wal/a.cc)", "src/tsdb/wal/a.cc": "\n"})

    def test_no_globs(self):
        self.assert_bites(rules.check_no_globs, {"src/x/CMakeLists.txt": "\nfile(GLOB all *.cc)\n"}, "CMakeLists.txt:2")

    def test_machine_words(self):
        self.assert_bites(rules.check_machine_words, {"README.md": "one\nsee /wor" "k/shared/x\n"}, "README.md:2")
        self.assert_bites(rules.check_machine_words, {"web/x.json": "https://registry.npm" "js.org/x\n"}, "web/x.json:1")
        self.assert_clean(rules.check_machine_words, {"README.md": "src/work/x and https://prometheus.io\n"})

    def test_lock_file(self):
        self.assert_bites(rules.check_lock_file, {"web/package-lock.json": '"resolved": "https://x/y.tgz"\n'}, ":1")


class CodeRules(RuleTest):
    def calls(self, code: str, path: str = "src/scrape/x.cc"):
        return self.offences(rules.check_banned_calls, {path: code})

    def test_banned_calls_name_their_replacement(self):
        for code, instead in {
            "std::regex r;": "model::Regex",
            "auto t = std::chrono::system_clock::now();": "util::Clock",
            "int x = rand();": "util::Random",
            "std::thread t;": "util::WorkerPool",
            "std::jthread t;": "util::WorkerPool",
            'std::printf("x");': "log",
            'printf("x");': "log",
            'std::cout << "x";': "log",
            "std::mutex m;": "util::Mutex",
            "asio::co_spawn(e, f(), asio::detached);": "TaskGroup",
            'int x = std::stoi("1");': "from_chars",
            "using namespace std;": "namespace",
            'throw std::runtime_error("x");': "Result",
            "std::this_thread::sleep_for(x);": "deadline",
        }.items():
            with self.subTest(code):
                found = self.calls(code)
                self.assertEqual(len(found), 1, found)
                self.assertIn("src/scrape/x.cc:1", found[0])
                self.assertIn(instead, found[0])

    def test_words_in_comments_literals_and_other_names_are_no_calls(self):
        self.assertEqual(self.calls('// printf, std::regex\n/* rand() */ auto s = "std::thread"; auto r = R"(rand())";\n'
                                    "operand(); random.rand(); fmt::sprintf_like(); my_printf(); x->printf();\n"
                                    "using namespace std::chrono_literals;\n"), [])

    def test_exceptions_to_the_rule(self):
        self.assertEqual(self.calls("std::chrono::system_clock::now();", "src/util/clock.cc"), [])
        self.assertEqual(self.calls("std::jthread t;", "src/util/worker_pool.cc"), [])
        self.assertTrue(self.calls("std::jthread t;", "include/narthex/scrape/x.h"))

    def test_braces_in_co_await(self):
        def judge(code):
            return self.offences(rules.check_co_await, {"src/scrape/x.cc": code})

        self.assertEqual(len(judge("auto x = co_await f([a] { return a; });\n")), 1)
        self.assertEqual(len(judge("auto x = co_await f(Opt{1, 2});\n")), 1)
        self.assertEqual(len(judge("\nNX_CO_TRY(co_await f(\n  Opt{1}));\n")), 1)
        self.assertEqual(judge("if (co_await f(a, b)) { g(); }\nNX_CO_ASSIGN(auto x, co_await g()); { int y; }\n"), [])
        self.assertEqual(judge("co_await refuse(413, {});\n"), [])

    def test_leftovers(self):
        def judge(line):
            return self.offences(rules.check_leftovers, {"src/util/x.cc": line + "\n"})

        self.assertTrue(judge("// FIX" "ME later"))
        self.assertTrue(judge("// TO" "DO: later"))
        self.assertTrue(judge("// TO" "DO(me): later"))
        self.assertEqual(judge("// TO" "DO(#12): later"), [])
        self.assertTrue(judge("int x;  // NOL" "INT"))
        self.assertEqual(judge("int x;  // NOL" "INT(bugprone-x): reason"), [])


class DocumentRules(RuleTest):
    def test_map_and_folders_agree(self):
        folders = {"src/util/CMakeLists.txt": "", "src/model/CMakeLists.txt": ""}

        def judge(rows):
            return self.offences(rules.check_architecture_map, {**folders, "docs/ARCHITECTURE.md": rows})

        self.assertEqual(judge("| 0 | `util` | x |\n| 1 | `model` | x |\n"), [])
        self.assertIn("src/model is not in the map", judge("| 0 | `util` | x |\n")[0])
        self.assertIn("not in src/", judge("| 0 | `util` | |\n| 1 | `model`, `async` | |\n")[0])
        self.assertIn("floor 2 here", judge("| 0 | `util` | x |\n| 2 | `model` | x |\n")[0])

    def test_links_resolve(self):
        files = {"docs/b.md": "# A heading, with `code`\n"}

        def judge(text):
            return self.offences(rules.check_links, {**files, "docs/a.md": text})

        self.assertEqual(judge("[b](b.md) [b](b.md#a-heading-with-code) [w](https://x.y/z) [top](../docs/b.md)\n"), [])
        self.assertIn("no such file", judge("\n[c](c.md)\n")[0])
        self.assertIn("no such heading", judge("[b](b.md#other)\n")[0])
        self.assertEqual(judge("```\n[c](c.md)\n```\n"), [])

    def test_pages_named_in_code_exist(self):
        self.assert_bites(rules.check_pages_named_in_code, {"src/util/x.cc": "// Format: docs/formats/x.md.\n"}, "x.cc:1", "no such page")
        self.assert_clean(rules.check_pages_named_in_code,
                          {"src/util/x.cc": "// Format: docs/formats/x.md.\n", "docs/formats/x.md": "# x\n"})


if __name__ == "__main__":
    unittest.main()
