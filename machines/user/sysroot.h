// Where a foreign program finds its files: absolute paths are looked up below a root of the guest's own first, then on
// the host. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/error.h"

namespace mimus::user {

class Sysroot {
 public:
  // An empty root: every path is the host's. Symbolic links of the root lead into the root.
  explicit Sysroot(std::string root = "");
  ~Sysroot();
  Sysroot(const Sysroot&) = delete;

  const std::string& root() const { return root_; }
  // The host path of a guest path; `follow`: a symbolic link at the end is followed. Relative paths stay as they are.
  std::string to_host(std::string path, bool follow = true);
  // The guest's name of a host path: without the root.
  std::string to_guest(const std::string& path) const;

 private:
  const std::string* folder(const std::string& path);  // host folder of a guest folder in the root; null: none
  std::string resolve(const std::string& path, bool follow) const;

  std::string root_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> folders_;
};

// The root to use when the user has named none: MIMUS_SYSROOT, the host itself when it has the program's dynamic
// linker, or /usr/<triplet>. The error names the package that brings the linker. `interpreter` is empty for static
// programs.
Expected<std::string> find_sysroot(const std::string& named, const std::string& interpreter, std::string_view isa,
                                   std::string_view triplet, std::string_view package);

}  // namespace mimus::user
