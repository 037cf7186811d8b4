#include "machines/cli/translation_cache.h"

#include <fmt/format.h>
#include <sys/auxv.h>

#include <cstdlib>

#include "core/base/build_id.h"

namespace mimus::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Empty: there is no place for it.
std::string default_directory() {
  constexpr std::string_view kName = "mimus/translations";
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.starts_with('/')) return fmt::format("{}/{}", cache, kName);
  if (const auto home = variable("HOME"); home.starts_with('/')) return fmt::format("{}/.cache/{}", home, kName);
  return {};
}

// The guest may change its working directory before the translations are saved.
std::string absolute(std::string_view path) {
  char* current = path.starts_with('/') ? nullptr : realpath(".", nullptr);
  if (!current) return std::string(path);
  std::string full = fmt::format("{}/{}", current, path);
  free(current);
  return full;
}

}  // namespace

dbt::StoreConfig translation_store(const std::string& option, const EngineSet& engines, std::string_view cpu,
                                   std::string_view program) {
  const std::string_view chosen = option.empty() ? variable("MIMUS_CACHE") : option;
  const std::string build = build_id(), code = engines.saved_code_identity();
  if (chosen == "off" || build.empty() || code.empty() || getauxval(AT_SECURE)) return {};
  dbt::StoreConfig config;
  config.directory = chosen.empty() ? default_directory() : absolute(chosen);
  config.identity = fmt::format("build={} {} cpu={}", build, code, cpu);
  config.program = program;
  return config;
}

}  // namespace mimus::cli
