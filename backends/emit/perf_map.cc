#include "backends/emit/perf_map.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mimus::emit {

Expected<std::unique_ptr<PerfMap>> PerfMap::create(const std::string& folder) {
  const std::string name = folder + "/perf-" + std::to_string(getpid()) + ".map";
  std::FILE* file = std::fopen(name.c_str(), "we");
  if (!file) return fail("perf map " + name + ": " + std::strerror(errno));
  return std::unique_ptr<PerfMap>(new PerfMap(file));
}

void PerfMap::code_added(u64 exec, u32 size, std::string_view name) {
  std::lock_guard lock(mutex_);
  std::fprintf(file_.get(), "%llx %x %.*s\n", static_cast<unsigned long long>(exec), size, int(name.size()),
               name.data());
  std::fflush(file_.get());  // the process may end without closing it
}

}  // namespace mimus::emit
