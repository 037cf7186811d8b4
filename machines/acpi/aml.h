// Writes AML, the byte code of ACPI's namespace: every function returns the encoding of one term, to be put into
// others.
//
// Specification: Advanced Configuration and Power Interface 6.4, chapter 20.2 (AML grammar).
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/base/types.h"

namespace mimus::acpi::aml {

using Code = std::vector<u8>;
using Terms = std::initializer_list<Code>;

Code join(Terms terms);
void append(Code& to, const Code& more);

// Data (20.2.3).
Code integer(u64 value);
Code string(std::string_view text);
Code buffer(const Code& bytes);
Code package(Terms elements);
Code package(const std::vector<Code>& elements);
Code eisa_id(std::string_view id);                    // "PNP0A08" (19.3.4)
Code uuid(u32 a, u16 b, u16 c, std::array<u8, 8> d);  // a buffer, in the byte order of ToUUID (19.6.142)

// The namespace (20.2.5). Paths as in ASL: "\\_SB.PCI0", "_HID".
Code name_string(std::string_view path);
Code name(std::string_view path, const Code& value);
Code scope(std::string_view path, const Code& body);
Code device(std::string_view path, const Code& body);
Code method(std::string_view path, unsigned arguments, const Code& body);

// Statements and expressions (20.2.5.3, 20.2.5.4).
Code arg(unsigned number);
Code local(unsigned number);
Code give_back(const Code& value);  // Return
Code store(const Code& value, const Code& target);
Code notify(std::string_view path, u8 value);
Code if_else(const Code& condition, const Code& then, const Code& otherwise);
Code if_true(const Code& condition, const Code& then);
Code equal(const Code& a, const Code& b);
Code not_equal(const Code& a, const Code& b);
Code bit_and(const Code& a, const Code& b, const Code& target);
Code bit_or(const Code& a, const Code& b, const Code& target);
Code dword_field(const Code& buffer, u64 offset, std::string_view field);  // CreateDWordField

}  // namespace mimus::acpi::aml
