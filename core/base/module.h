// Modules: heavy libraries (LLVM, slirp, SDL) live in shared objects of their own that are loaded on first use.
// Each has one extern "C" factory; what the factory takes and returns is an interface of core.
#pragma once

#include <string_view>

#include "core/base/error.h"

namespace mimus {

// Marks a module's factory: MIMUS_MODULE_FACTORY Engine* mimus_make_llvm(const LlvmConfig& config) {...}
#define MIMUS_MODULE_FACTORY extern "C" __attribute__((visibility("default")))

// Loads lib/mimus/NAME.so (beside the executable's bin folder, or in $MIMUS_MODULES) and returns its symbol `factory`.
// A module stays loaded until the process ends. The error says what needs the module and how to get it; `needs` names
// what it brings ("the LLVM engine"), `package` the Debian package of the library that it is built on.
// Thread-safe.
Expected<void*> load_module(std::string_view name, const char* factory, std::string_view needs,
                            std::string_view package);

// As above, with the factory's type: auto make = load_factory<Engine* (*)(...)>(...).
template <class Function>
Expected<Function> load_factory(std::string_view name, const char* factory, std::string_view needs,
                                std::string_view package) {
  auto symbol = load_module(name, factory, needs, package);
  if (!symbol) return std::unexpected(std::move(symbol).error());
  return reinterpret_cast<Function>(*symbol);
}

}  // namespace mimus
