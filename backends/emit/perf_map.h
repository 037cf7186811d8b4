// The map by which Linux perf names generated code: a line "start size name" for each piece, in /tmp/perf-PID.map
// (linux/tools/perf/Documentation/jit-interface.txt). Code that replaces other code at the same address is listed
// later.
#pragma once

#include <cstdio>
#include <memory>
#include <mutex>

#include "backends/emit/code_listener.h"
#include "core/base/error.h"

namespace mimus::emit {

class PerfMap final : public CodeListener {
 public:
  // Creates the file for this process in `folder`.
  static Expected<std::unique_ptr<PerfMap>> create(const std::string& folder = "/tmp");
  void code_added(u64 exec, u32 size, std::string_view name) override;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit PerfMap(std::FILE* file) : file_(file) {}
  std::mutex mutex_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace mimus::emit
