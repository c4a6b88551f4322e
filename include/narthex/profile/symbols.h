// Names of functions by address, read from the symbol table of the running program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace narthex::profile {

// Threads: immutable.
class Symbols {
 public:
  // Of this process. Without names where the program was stripped: those of shared libraries are
  // known still.
  static Symbols of_this_process();

  // Demangled; empty when unknown. `address` is one of this process's code.
  [[nodiscard]] std::string name_at(std::uintptr_t address) const;
  // How many functions the program itself names.
  [[nodiscard]] std::size_t size() const noexcept { return functions_.size(); }

 private:
  struct Function {
    std::uintptr_t begin;  // Where it was loaded.
    std::uintptr_t end;
    std::size_t name;  // Offset in names_.
  };
  std::vector<Function> functions_;  // By begin.
  std::string names_;                // Mangled, each ended by a zero byte.
};

}  // namespace narthex::profile
