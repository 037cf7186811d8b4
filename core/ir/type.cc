#include "core/ir/type.h"

#include <charconv>

namespace mimus::ir {

namespace {

constexpr std::string_view kElemNames[] = {"void", "i1",  "i8",   "i16", "i32", "i64",
                                           "i128", "f16", "bf16", "f32", "f64", "f80"};

}  // namespace

std::string to_string(Type type) {
  std::string text;
  if (type.is_vector()) text = "v" + std::to_string(type.lanes);
  return text += kElemNames[static_cast<unsigned>(type.elem)];
}

Type parse_type(std::string_view text) {
  Type type;
  if (text.starts_with('v') && text.size() > 1 && text[1] >= '0' && text[1] <= '9') {
    const auto end = std::from_chars(text.data() + 1, text.data() + text.size(), type.lanes);
    if (end.ec != std::errc{} || type.lanes < 2) return kVoid;
    text.remove_prefix(static_cast<size_t>(end.ptr - text.data()));
  }
  for (unsigned i = 1; i < std::size(kElemNames); ++i) {
    if (text == kElemNames[i]) {
      type.elem = Elem(i);
      return type;
    }
  }
  return kVoid;
}

}  // namespace mimus::ir
