// Floating-point kernels. Checksums are of the bits: a machine that rounds differently is found out.
#include <math.h>
#include <string.h>

#include "bench.h"

typedef struct {
  double x[3], v[3], mass;
} Body;

static uint64_t double_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

uint64_t n_body(unsigned scale) {
  Body bodies[5] = {{{0, 0, 0}, {0, 0, 0}, 39.478417604357},
                    {{4.84143144246472, -1.16032004402742, -0.103622044471123},
                     {0.606326392995832, 2.81198684491626, -0.0252183616598876},
                     0.0376936749248204},
                    {{8.34336671824458, 4.1247985641243, -0.403523417114321},
                     {-1.01077434617879, 1.82566237123041, 0.00841576137658415},
                     0.0112863261319688},
                    {{12.8943695621391, -15.1111514016986, -0.223307578892656},
                     {1.08279100644154, 0.868713018169609, -0.0108326374013636},
                     0.00172372405705971},
                    {{15.3796971148509, -25.9193146099879, 0.179258772950371},
                     {0.979090732243898, 0.594698998647676, -0.0347559555040781},
                     0.00203368686992463}};
  for (unsigned step = 0; step < 2000000 * scale; ++step) {
    for (int i = 0; i < 5; ++i) {
      for (int j = i + 1; j < 5; ++j) {
        double d[3], square = 0;
        for (int k = 0; k < 3; ++k) d[k] = bodies[i].x[k] - bodies[j].x[k], square += d[k] * d[k];
        const double magnitude = 0.001 / (square * sqrt(square));
        for (int k = 0; k < 3; ++k) {
          bodies[i].v[k] -= d[k] * bodies[j].mass * magnitude;
          bodies[j].v[k] += d[k] * bodies[i].mass * magnitude;
        }
      }
    }
    for (int i = 0; i < 5; ++i) {
      for (int k = 0; k < 3; ++k) bodies[i].x[k] += 0.001 * bodies[i].v[k];
    }
  }
  return double_bits(bodies[0].x[0]) ^ double_bits(bodies[4].v[2]);
}

uint64_t matrix_float(unsigned scale) {
  enum { N = 160 };
  static float a[N][N], b[N][N], c[N][N];
  for (int i = 0; i < N * N; ++i) a[i / N][i % N] = (float)(i % 97) * 0.5f, b[i / N][i % N] = (float)(i % 89) * 0.25f;
  uint64_t sum = 0;
  for (unsigned round = 0; round < 80 * scale; ++round) {
    for (int i = 0; i < N; ++i) {
      for (int j = 0; j < N; ++j) {
        float s = 0;
        for (int k = 0; k < N; ++k) s += a[i][k] * b[k][j];
        c[i][j] = s;
      }
    }
    uint32_t bits;
    memcpy(&bits, &c[round % N][7], sizeof bits);
    sum = sum * 31 + bits;
    a[round % N][3] += 1;
  }
  return sum;
}
