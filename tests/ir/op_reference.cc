#include "tests/ir/op_reference.h"

#include <fmt/format.h>

#include "core/ir/op.h"

namespace mimus::test {

namespace {

using namespace ir;

constexpr std::string_view kRules[] = {
    "no operands, no result",
    "no operands, any result",
    "r = a = b = c, integers",
    "r = a = b = c, floats",
    "a = b integers; r = i1 with the lanes of a",
    "a = b floats; r = i1 with the lanes of a",
    "a = b integers; c, r = i1 with the lanes of a",
    "r = a = b integers; c = i1 with the lanes of a",
    "a = i1 or i1 lanes; r = b = c",
    "integers, r wider than a",
    "integers, r narrower than a",
    "r and a of equal width, neither i1 nor f80",
    "a = b = i8..i64; r twice as wide",
    "a = r = i32, b = i8..i64",
    "a float, r = i64",
    "different floats, same lanes",
    "a float, r = i8..i64, same lanes",
    "a = i8..i64, r float, same lanes",
    "a = i64, r = f16, bf16 or f32",
    "a = f16, bf16 or f32; r = i64",
    "a scalar, r vector of it",
    "a vector, r its element",
    "a = r vector, b its element",
    "a = r vector, b integer vector with the same lanes",
    "r = a = b vector",
    "a integer vector, r its element",
    "a = i1 lanes, at most 64; r = i64",
    "r = a = b = c = v2i64",
    "r = a = b = c = v4i32",
    "r = a = b = c = v16i8",
    "r as the slot",
    "a as the slot",
    "a = b = c integers",
    "a = i64, r any; masked: b = i1 lanes, c = r",
    "a = i64, b any; masked: c = i1 lanes",
    "a = i64, b = i8..i128, r = i64",
    "a = i64, b = r = i8..i128",
    "a = i64, b = c = r = i8..i128",
    "operands up to i64, f32 or f64; r = i64 or none",
    "a = i1, if there is one",
    "a = i64",
};
constexpr std::string_view kAttrs[] = {"",         "memory",     "rounding, rule", "minimum rule",
                                       "NaN rule", "fence kind", "operand count"};
constexpr std::string_view kImms[] = {"",     "value",        "pool offset", "slot", "guest PC",         "lsb, width",
                                      "lane", "displacement", "helper",      "exit", "kind, first slot", "polynomial",
                                      "bytes"};

struct EffectName {
  Effects bit;
  std::string_view name;
};
constexpr EffectName kEffects[] = {
    {Effects::reads_slot, "reads slots"},    {Effects::writes_slot, "writes slots"},
    {Effects::reads_memory, "reads memory"}, {Effects::writes_memory, "writes memory"},
    {Effects::may_fault, "may fault"},       {Effects::may_leave, "may leave"},
    {Effects::ends_block, "ends the block"}, {Effects::fp_env, "FP environment"},
    {Effects::barrier, "orders memory"},     {Effects::marker, "marker"},
};

std::string effects_of(Effects effects) {
  std::string text;
  for (const EffectName& e : kEffects)
    if (has(effects, e.bit)) text += (text.empty() ? "" : ", ") + std::string(e.name);
  return text;
}

}  // namespace

std::string op_reference() {
  std::string text =
      "# The operations of the IR\n\n"
      "Made from `core/ir/ops.def` by the program `ir_reference`; a test compares the two. How types, attributes and\n"
      "immediates are packed is in `core/ir/op.h`, the text form in `core/ir/text.h`, the invariants in\n"
      "`core/ir/verify.cc`. Integer ops work lane by lane on vectors; shift and rotate amounts count modulo the lane "
      "width.\n\n"
      "| op | types (r: result) | attribute | immediate | effects | meaning |\n|---|---|---|---|---|---|\n";
  for (const OpInfo& op : kOps) {
    std::string doc(op.doc);
    for (size_t at = 0; (at = doc.find('|', at)) != std::string::npos; at += 2) doc.insert(at, "\\");
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", op.name, kRules[unsigned(op.rule)],
                        kAttrs[unsigned(op.attr)], kImms[unsigned(op.imm)], effects_of(op.effects), doc);
  }
  return text;
}

}  // namespace mimus::test
