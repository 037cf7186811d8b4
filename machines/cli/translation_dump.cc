#include "machines/cli/translation_dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mimus::cli {
namespace {

constexpr std::string_view kStages[] = {"decode", "ir", "pass", "opt", "host"};

struct PcRange {
  GuestPc first = 0, last = ~u64{0};
};

Expected<PcRange> parse_filter(const std::string& text) {
  if (text.empty()) return PcRange{};
  const size_t dash = text.find('-');
  auto first = parse_number(text.substr(0, dash));
  auto last = dash == text.npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last || *first > *last)
    return usage_error(fmt::format("--dump-filter {}: wanted ADDRESS or START-END, e.g. 0x80200000-0x80201000", text));
  return PcRange{*first, *last};
}

}  // namespace

Expected<dbt::DumpHook> make_dump_hook(const RunOptions& options) {
  if (options.dump.empty()) return dbt::DumpHook{};
  for (const std::string& stage : options.dump) {
    if (std::ranges::find(kStages, stage) == std::end(kStages))
      return usage_error(fmt::format("--dump {}: known stages are decode, ir, pass, opt, host", stage));
  }
  MIMUS_TRY(auto range, parse_filter(options.dump_filter));
  std::shared_ptr<FILE> file(stderr, [](FILE*) {});
  if (!options.dump_file.empty()) {
    FILE* opened = std::fopen(options.dump_file.c_str(), "w");
    if (!opened) return fail(fmt::format("--dump-file {}: {}", options.dump_file, strerror(errno)));
    file = {opened, std::fclose};
  }
  dbt::DumpHook hook;
  hook.wants = [range](GuestPc pc) { return pc >= range.first && pc <= range.last; };
  // A stage is "ir", "opt", "pass:NAME" or "host:ENGINE".
  hook.print = [stages = options.dump, file](std::string_view stage, const std::string& text) {
    if (std::ranges::find(stages, stage.substr(0, stage.find(':'))) == stages.end()) return;
    fmt::print(file.get(), "---- {}\n{}{}", stage, text, text.ends_with('\n') ? "" : "\n");
    std::fflush(file.get());
  };
  return hook;
}

}  // namespace mimus::cli
