// AES and SM4 steps of the scalar cryptography instructions, on registers as they lie: column 0 in the low word.
// Source: RISC-V ISA Manual, Volume I, Cryptography Extensions (30.3); FIPS 197 (AES); GB/T 32907-2016 (SM4).
#pragma once

#include "core/base/types.h"

namespace mimus::riscv {

enum class AesStep : u8 { encrypt_last, encrypt, decrypt_last, decrypt };

// Half of a round on the state (rs1: columns 0 and 1, rs2: columns 2 and 3): rows shifted, bytes substituted, and, but
// for the last round, columns mixed.
u64 aes64_round(u64 rs1, u64 rs2, AesStep step);
// The inverse column mix of both columns, for decryption keys.
u64 aes64_inverse_mix(u64 rs1);
// The first step of the key schedule: SubWord of the high word, rotated and with the round constant for rounds 0 to 9.
u64 aes64_key1(u64 rs1, unsigned round);
// rs1 xor the linear transform of one substituted byte of rs2; of the round function or of the key schedule.
u32 sm4_step(u32 rs1, u32 rs2, unsigned byte, bool key_schedule);

}  // namespace mimus::riscv
