// Recognising image formats by their first bytes.
#pragma once

#include <span>
#include <string_view>

#include "core/base/types.h"

namespace mimus {

inline constexpr size_t kFormatProbeBytes = 512;

struct ImageFormat {
  std::string_view name;    // "raw" when nothing else fits
  std::string_view advice;  // for formats that cannot be opened: what to do; else empty
};

// `head`: the first kFormatProbeBytes of a file, or all of a shorter one.
ImageFormat probe_format(std::span<const u8> head);

}  // namespace mimus
