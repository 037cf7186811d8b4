#include "core/base/module.h"

#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <string>

namespace mimus {
namespace {

// The folder of modules: $MIMUS_MODULES, else ../lib/mimus from the folder of the running executable.
std::string module_folder() {
  if (const char* folder = std::getenv("MIMUS_MODULES")) return folder;
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  std::string executable(path, length > 0 ? size_t(length) : 0);
  return executable.substr(0, executable.rfind('/')) + "/../lib/mimus";
}

}  // namespace

Expected<void*> load_module(std::string_view name, const char* factory, std::string_view needs,
                            std::string_view package) {
  const std::string file = module_folder() + "/" + std::string(name) + ".so";
  if (access(file.c_str(), R_OK) != 0) {
    return fail(std::string(needs) + " needs the module " + std::string(name) + ".so, which is not at " + file +
                "; build it (cmake --build with package " + std::string(package) + " installed)");
  }
  // Never unloaded: code of it may be on any thread's stack.
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) {
    return fail(std::string(needs) + ": " + dlerror() + "; is the package " + std::string(package) + " installed?");
  }
  void* symbol = dlsym(handle, factory);
  if (!symbol) {
    return fail(file + " has no " + factory + "; it belongs to another version of this program, rebuild it");
  }
  return symbol;
}

}  // namespace mimus
