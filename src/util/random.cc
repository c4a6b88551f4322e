#include "narthex/util/random.h"

#include <random>

namespace narthex::util {

std::uint64_t os_entropy() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace narthex::util
