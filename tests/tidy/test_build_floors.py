"""The build refuses an include that goes up: a small project made with the real narthex_module(), configured and compiled."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

PROJECT = f"""
cmake_minimum_required(VERSION 3.25)
project(floors LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 23)
set_property(GLOBAL PROPERTY GLOBAL_DEPENDS_NO_CYCLES ON)
add_library(narthex_warnings INTERFACE)
include({ROOT}/cmake/narthex_module.cmake)
add_subdirectory(src/low)
add_subdirectory(src/side)
add_subdirectory(src/high)
"""
LOW = "narthex_module(low SOURCES low.cc)\n"
SIDE = "narthex_module(side SOURCES side.cc DEPS low)\n"
HIGH = "narthex_module(high SOURCES high.cc DEPS low)\n"


@unittest.skipUnless(shutil.which("cmake") and shutil.which("ninja"), "cmake or ninja is not installed")
class BuildFloors(unittest.TestCase):
    def build(self, files: dict[str, str]) -> tuple[bool, str]:
        """True when a project of the modules low < side, high compiles with these files in place of the plain ones."""
        plain = {
            "CMakeLists.txt": PROJECT,
            "src/low/CMakeLists.txt": LOW, "src/side/CMakeLists.txt": SIDE, "src/high/CMakeLists.txt": HIGH,
            "include/narthex/low/low.h": "#pragma once\nint low();\n",
            "include/narthex/side/side.h": "#pragma once\nint side();\n",
            "include/narthex/high/high.h": "#pragma once\nint high();\n",
            "src/low/low.cc": '#include "narthex/low/low.h"\nint low() { return 1; }\n',
            "src/side/side.cc": '#include "narthex/side/side.h"\nint side() { return 1; }\n',
            "src/high/high.cc": '#include "narthex/low/low.h"\nint high() { return low(); }\n',
        }
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**plain, **files}.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            output = ""
            for command in (["cmake", "-G", "Ninja", "-S", folder, "-B", folder + "/build"],
                            ["cmake", "--build", folder + "/build"]):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                output += done.stdout + done.stderr
                if done.returncode != 0:
                    return False, output
            return True, output

    def test_a_higher_floor_may_include_a_lower_one(self):
        built, output = self.build({})
        self.assertTrue(built, output)

    def test_a_lower_floor_cannot_include_a_higher_one(self):
        built, output = self.build({"src/low/low.cc": '#include "narthex/high/high.h"\nint low() { return high(); }\n'})
        self.assertFalse(built)
        self.assertIn("narthex/high/high.h: No such file", output)

    def test_a_module_that_is_no_dependency_cannot_be_included(self):
        built, output = self.build({"src/high/high.cc": '#include "narthex/side/side.h"\nint high() { return side(); }\n'})
        self.assertFalse(built)
        self.assertIn("narthex/side/side.h: No such file", output)

    def test_a_lower_floor_cannot_name_a_higher_one_as_dependency(self):
        built, output = self.build({"src/low/CMakeLists.txt": "narthex_module(low SOURCES low.cc DEPS high)\n"})
        self.assertFalse(built)
        self.assertIn("low depends on high", " ".join(output.split()))

    def test_the_root_file_refuses_cycles(self):
        self.assertIn("GLOBAL_DEPENDS_NO_CYCLES ON", (ROOT / "CMakeLists.txt").read_text())


if __name__ == "__main__":
    unittest.main()
