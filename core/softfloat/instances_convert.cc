#include "core/softfloat/softfloat.h"

namespace mimus::softfloat {

MIMUS_SOFTFLOAT_CONVERSIONS(template, RiscV)

}  // namespace mimus::softfloat
