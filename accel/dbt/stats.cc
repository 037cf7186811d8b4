#include "accel/dbt/stats.h"

#include <fmt/format.h>

#include "accel/dbt/code_cache.h"
#include "accel/dbt/translator.h"

namespace mimus::dbt {

void StatLines::operator()(std::string_view name, u64 value) { text += fmt::format("{:<28} {}\n", name, value); }

void add_translation_stats(StatLines& line, const CodeCache& cache, const Translator& translator) {
  line("blocks.translated", cache.counters.translations);
  line("blocks.invalidated", cache.counters.invalidated);
  line("blocks.guest-insns", translator.counters.guest_insns);
  line("blocks.ir-insns", translator.counters.ir_insns);
  line("blocks.interp-fallbacks", translator.counters.fallbacks);
  line("translate.us", translator.counters.translate_ns / 1000);
  line("links", cache.counters.links);
  if (const TranslationStore* store = translator.store()) {
    line("saved.entries", store->entries());
    line("saved.hits", store->counters.hits);
    line("saved.misses", store->counters.misses);
    line("saved.rejected", store->counters.rejected);
    line("saved.region-hits", store->counters.region_hits);
    line("saved.region-misses", store->counters.region_misses);
  }
}

void add_tier_stats(StatLines& line, const CodeCache& cache, const Translator& translator) {
  line("code-cache.clears", cache.counters.clears);
  line("warm.regions", translator.counters.regions);
  line("warm.guest-insns", translator.counters.region_insns);
  line("warm.installed", cache.counters.replaced);
  line("warm.refused", translator.counters.refused);
  line("warm.compile-us", translator.counters.compile_ns / 1000);
}

}  // namespace mimus::dbt
