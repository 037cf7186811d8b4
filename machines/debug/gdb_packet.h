// Framing of the GDB remote serial protocol. Source: Debugging with GDB, appendix "Remote Protocol", sections Overview,
// Packet Acknowledgment, Binary Data, Interrupts. What arrives may be anything: nothing here trusts it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/types.h"

namespace mimus::gdb {

inline constexpr size_t kPacketBytes = 0x4000;  // the longest that is taken or sent

// Cuts a stream of bytes into packets.
class PacketReader {
 public:
  enum class Kind : u8 { none, packet, damaged, interrupt, nack };  // damaged: wrong checksum, or too long
  // The next thing in the stream; `bytes` loses what has been looked at, all of it for Kind::none. After
  // Kind::packet payload() is what the packet holds, unescaped.
  Kind next(std::string_view& bytes);
  const std::string& payload() const { return payload_; }

 private:
  enum class State : u8 { idle, body, escaped, checksum_high, checksum_low };
  Kind end_packet();

  State state_ = State::idle;
  std::string payload_;
  u8 sum_ = 0, expected_ = 0;
  bool valid_ = true;
};

// "$payload#checksum", escaped where it has to be.
std::string frame(std::string_view payload);

// -- hexadecimal --
std::string to_hex(std::string_view bytes);
// An even number of digits and nothing else.
std::optional<std::string> from_hex(std::string_view digits);
// At least one digit, at most 16; what has been read is taken off the front.
std::optional<u64> take_number(std::string_view& text);
bool take(std::string_view& text, std::string_view prefix);
// What stands before the first `separator`, which is taken as well; everything without one.
std::string_view take_until(std::string_view& text, char separator);

}  // namespace mimus::gdb
