#include "machines/acpi/aml.h"

#include <cassert>

namespace mimus::acpi::aml {
namespace {

enum Op : u8 {
  kZero = 0x00,
  kOne = 0x01,
  kName = 0x08,
  kByte = 0x0a,
  kWord = 0x0b,
  kDword = 0x0c,
  kString = 0x0d,
  kQword = 0x0e,
  kScope = 0x10,
  kBuffer = 0x11,
  kPackage = 0x12,
  kMethod = 0x14,
  kDualName = 0x2e,
  kMultiName = 0x2f,
  kExtended = 0x5b,
  kDevice = 0x82,  // behind kExtended
  kLocal0 = 0x60,
  kArg0 = 0x68,
  kStore = 0x70,
  kAnd = 0x7b,
  kOr = 0x7d,
  kNotify = 0x86,
  kCreateDwordField = 0x8a,
  kNot = 0x92,
  kEqual = 0x93,
  kIf = 0xa0,
  kElse = 0xa1,
  kReturn = 0xa4,
};

Code little_endian(u64 value, unsigned bytes) {
  Code code;
  for (unsigned i = 0; i < bytes; i++) code.push_back(u8(value >> (8 * i)));
  return code;
}

// PkgLength (20.2.4): counts itself. One byte has six bits of it, longer ones four in the first byte.
Code package_length(size_t body) {
  if (body + 1 < 0x40) return {u8(body + 1)};
  unsigned more = 1;
  while ((body + 1 + more) >> (4 + 8 * more)) more++;
  assert(more <= 3);
  const size_t length = body + 1 + more;
  Code code{u8(more << 6 | (length & 0xf))};
  append(code, little_endian(length >> 4, more));
  return code;
}

Code sized(Code start, const Code& body) {
  append(start, package_length(body.size()));
  append(start, body);
  return start;
}

Code package_of(size_t count, const Code& elements) {
  assert(count < 256);
  return sized({kPackage}, join({{u8(count)}, elements}));
}

}  // namespace

void append(Code& to, const Code& more) { to.insert(to.end(), more.begin(), more.end()); }

Code join(Terms terms) {
  Code code;
  for (const Code& term : terms) append(code, term);
  return code;
}

Code integer(u64 value) {
  if (value <= 1) return {value ? kOne : kZero};
  const unsigned bytes = value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
  return join({{bytes == 1 ? kByte : bytes == 2 ? kWord : bytes == 4 ? kDword : kQword}, little_endian(value, bytes)});
}

Code string(std::string_view text) { return join({{kString}, {text.begin(), text.end()}, {0}}); }

Code buffer(const Code& bytes) { return sized({kBuffer}, join({integer(bytes.size()), bytes})); }

Code package(Terms elements) { return package_of(elements.size(), join(elements)); }

Code package(const std::vector<Code>& elements) {
  Code code;
  for (const Code& element : elements) append(code, element);
  return package_of(elements.size(), code);
}

Code eisa_id(std::string_view id) {
  assert(id.size() == 7);
  auto digit = [](char c) { return u32(c <= '9' ? c - '0' : c - 'A' + 10); };
  auto letter = [](char c) { return u32(c - '@'); };
  u32 value = letter(id[0]) << 26 | letter(id[1]) << 21 | letter(id[2]) << 16;
  for (unsigned i = 0; i < 4; i++) value |= digit(id[3 + i]) << (12 - 4 * i);
  return integer(__builtin_bswap32(value));
}

Code uuid(u32 a, u16 b, u16 c, std::array<u8, 8> d) {
  return buffer(join({little_endian(a, 4), little_endian(b, 2), little_endian(c, 2), {d.begin(), d.end()}}));
}

Code name_string(std::string_view path) {
  Code code, segments;
  if (path.starts_with('\\')) {
    code.push_back('\\');
    path.remove_prefix(1);
  }
  size_t count = 0;
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('.'));
    assert(!segment.empty() && segment.size() <= 4);
    segments.insert(segments.end(), segment.begin(), segment.end());
    segments.insert(segments.end(), 4 - segment.size(), '_');
    path.remove_prefix(segment.size() + (segment.size() < path.size()));
    count++;
  }
  if (count == 2) code.push_back(kDualName);
  if (count > 2) code.insert(code.end(), {kMultiName, u8(count)});
  if (count == 0) segments.push_back(0);  // NullName
  append(code, segments);
  return code;
}

Code name(std::string_view path, const Code& value) { return join({{kName}, name_string(path), value}); }

Code scope(std::string_view path, const Code& body) { return sized({kScope}, join({name_string(path), body})); }

Code device(std::string_view path, const Code& body) {
  return sized({kExtended, kDevice}, join({name_string(path), body}));
}

Code method(std::string_view path, unsigned arguments, const Code& body) {
  return sized({kMethod}, join({name_string(path), {u8(arguments)}, body}));
}

Code arg(unsigned number) { return {u8(kArg0 + number)}; }
Code local(unsigned number) { return {u8(kLocal0 + number)}; }
Code give_back(const Code& value) { return join({{kReturn}, value}); }
Code store(const Code& value, const Code& target) { return join({{kStore}, value, target}); }
Code notify(std::string_view path, u8 value) { return join({{kNotify}, name_string(path), integer(value)}); }
Code if_true(const Code& condition, const Code& then) { return sized({kIf}, join({condition, then})); }

Code if_else(const Code& condition, const Code& then, const Code& otherwise) {
  return join({if_true(condition, then), sized({kElse}, otherwise)});
}

Code equal(const Code& a, const Code& b) { return join({{kEqual}, a, b}); }
Code not_equal(const Code& a, const Code& b) { return join({{kNot}, equal(a, b)}); }
Code bit_and(const Code& a, const Code& b, const Code& target) { return join({{kAnd}, a, b, target}); }
Code bit_or(const Code& a, const Code& b, const Code& target) { return join({{kOr}, a, b, target}); }

Code dword_field(const Code& buffer, u64 offset, std::string_view field) {
  return join({{kCreateDwordField}, buffer, integer(offset), name_string(field)});
}

}  // namespace mimus::acpi::aml
