#include "narthex/profile/symbols.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

namespace narthex::profile {
namespace {

constexpr std::size_t kSectionBytesMax = std::size_t{256} << 20U;

class File {
 public:
  explicit File(const char* path) : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // False when the file ends before.
  bool read(std::uint64_t offset, void* into, std::size_t bytes) const {
    auto* at = static_cast<char*>(into);
    while (bytes > 0) {
      const ::ssize_t got = ::pread(fd_, at, bytes, static_cast<::off_t>(offset));
      if (got <= 0) return false;
      at += got;
      offset += static_cast<std::uint64_t>(got);
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }
  // Empty when the file ends before.
  template <class T>
  std::vector<T> read_all(std::uint64_t offset, std::uint64_t bytes) const {
    if (bytes > kSectionBytesMax) return {};
    std::vector<T> out(bytes / sizeof(T));
    if (!read(offset, out.data(), out.size() * sizeof(T))) out.clear();
    return out;
  }

 private:
  int fd_;
};

struct RawSymbols {
  std::vector<ElfW(Sym)> symbols;
  std::vector<char> names;
};

RawSymbols read_symbols(const char* path) {
  RawSymbols out;
  const File file(path);
  ElfW(Ehdr) header{};
  if (!file.read(0, &header, sizeof(header)) || header.e_shentsize != sizeof(ElfW(Shdr)))
    return out;
  const auto sections =
      file.read_all<ElfW(Shdr)>(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(ElfW(Shdr)));
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const ElfW(Shdr)& strings = sections[section.sh_link];
    out.symbols = file.read_all<ElfW(Sym)>(section.sh_offset, section.sh_size);
    out.names = file.read_all<char>(strings.sh_offset, strings.sh_size);
    break;
  }
  return out;
}

// Where the program itself was loaded: what its addresses in the file are short of.
std::uintptr_t load_offset() {
  std::uintptr_t offset = 0;
  ::dl_iterate_phdr(
      [](::dl_phdr_info* info, std::size_t, void* data) {
        *static_cast<std::uintptr_t*>(data) = info->dlpi_addr;
        return 1;  // The program comes first.
      },
      &offset);
  return offset;
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 && text != nullptr ? text.get() : name;
}

}  // namespace

Symbols Symbols::of_this_process() {
  Symbols out;
  const RawSymbols raw = read_symbols("/proc/self/exe");
  if (raw.names.empty() || raw.names.back() != '\0') return out;
  out.names_.assign(raw.names.data(), raw.names.size());
  const std::uintptr_t offset = load_offset();
  for (const ElfW(Sym) & symbol : raw.symbols) {
    const bool is_function = (symbol.st_info & 0xfU) == STT_FUNC && symbol.st_size > 0;
    if (!is_function || symbol.st_name == 0 || symbol.st_name >= out.names_.size()) continue;
    out.functions_.push_back(
        {offset + symbol.st_value, offset + symbol.st_value + symbol.st_size, symbol.st_name});
  }
  std::ranges::sort(out.functions_, {}, &Function::begin);
  return out;
}

std::string Symbols::name_at(std::uintptr_t address) const {
  const auto after = std::ranges::upper_bound(functions_, address, {}, &Function::begin);
  if (after != functions_.begin() && address < std::prev(after)->end)
    return demangled(names_.c_str() + std::prev(after)->name);
  ::Dl_info info{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): dladdr takes addresses as pointers.
  if (::dladdr(reinterpret_cast<const void*>(address), &info) != 0 && info.dli_sname != nullptr)
    return demangled(info.dli_sname);
  return {};
}

}  // namespace narthex::profile
