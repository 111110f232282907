/* SPDX-License-Identifier: Apache-2.0 */
#include "optimiser_kit.h"

#include "check.h"

#include <math.h>

#define EVALUATE(name) static bool name(void *context, const double *x, double *f, double *c)
#define UNUSED         ((void)context, (void)c)

static double square(double v)
{
    return v * v;
}

/* Hock and Schittkowski 1981 */

EVALUATE(hs6)
{
    UNUSED;
    *f = square(1 - x[0]);
    c[0] = 10 * (x[1] - x[0] * x[0]);
    return true;
}

EVALUATE(hs7)
{
    UNUSED;
    *f = log(1 + x[0] * x[0]) - x[1];
    c[0] = square(1 + x[0] * x[0]) + x[1] * x[1] - 4;
    return true;
}

EVALUATE(hs35)
{
    UNUSED;
    *f = 9 - 8 * x[0] - 6 * x[1] - 4 * x[2] + 2 * x[0] * x[0] + 2 * x[1] * x[1] + x[2] * x[2] +
         2 * x[0] * x[1] + 2 * x[0] * x[2];
    c[0] = x[0] + x[1] + 2 * x[2] - 3;
    return true;
}

EVALUATE(hs43)
{
    UNUSED;
    double a = x[0], b = x[1], d = x[2], e = x[3];
    *f = a * a + b * b + 2 * d * d + e * e - 5 * a - 5 * b - 21 * d + 7 * e;
    c[0] = a * a + b * b + d * d + e * e + a - b + d - e - 8;
    c[1] = a * a + 2 * b * b + d * d + 2 * e * e - a - e - 10;
    c[2] = 2 * a * a + b * b + d * d + 2 * a - b - e - 5;
    return true;
}

EVALUATE(hs65)
{
    UNUSED;
    *f = square(x[0] - x[1]) + square(x[0] + x[1] - 10) / 9 + square(x[2] - 5);
    c[0] = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] - 48;
    return true;
}

EVALUATE(hs71)
{
    UNUSED;
    *f = x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2];
    c[0] = 25 - x[0] * x[1] * x[2] * x[3];
    c[1] = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + x[3] * x[3] - 40;
    return true;
}

EVALUATE(hs76)
{
    UNUSED;
    *f = x[0] * x[0] + 0.5 * x[1] * x[1] + x[2] * x[2] + 0.5 * x[3] * x[3] - x[0] * x[2] +
         x[2] * x[3] - x[0] - 3 * x[1] + x[2] - x[3];
    c[0] = x[0] + 2 * x[1] + x[2] + x[3] - 5;
    c[1] = 3 * x[0] + x[1] + 2 * x[2] - x[3] - 4;
    c[2] = 1.5 - x[1] - 4 * x[2];
    return true;
}

EVALUATE(hs100)
{
    UNUSED;
    *f = square(x[0] - 10) + 5 * square(x[1] - 12) + pow(x[2], 4) + 3 * square(x[3] - 11) +
         10 * pow(x[4], 6) + 7 * x[5] * x[5] + pow(x[6], 4) - 4 * x[5] * x[6] - 10 * x[5] -
         8 * x[6];
    c[0] = 2 * x[0] * x[0] + 3 * pow(x[1], 4) + x[2] + 4 * x[3] * x[3] + 5 * x[4] - 127;
    c[1] = 7 * x[0] + 3 * x[1] + 10 * x[2] * x[2] + x[3] - x[4] - 282;
    c[2] = 23 * x[0] + x[1] * x[1] + 6 * x[5] * x[5] - 8 * x[6] - 196;
    c[3] = 4 * x[0] * x[0] + x[1] * x[1] - 3 * x[0] * x[1] + 2 * x[2] * x[2] + 5 * x[5] - 11 * x[6];
    return true;
}

EVALUATE(hs113)
{
    UNUSED;
    *f = x[0] * x[0] + x[1] * x[1] + x[0] * x[1] - 14 * x[0] - 16 * x[1] + square(x[2] - 10) +
         4 * square(x[3] - 5) + square(x[4] - 3) + 2 * square(x[5] - 1) + 5 * x[6] * x[6] +
         7 * square(x[7] - 11) + 2 * square(x[8] - 10) + square(x[9] - 7) + 45;
    c[0] = 4 * x[0] + 5 * x[1] - 3 * x[6] + 9 * x[7] - 105;
    c[1] = 10 * x[0] - 8 * x[1] - 17 * x[6] + 2 * x[7];
    c[2] = -8 * x[0] + 2 * x[1] + 5 * x[8] - 2 * x[9] - 12;
    c[3] = 3 * square(x[0] - 2) + 4 * square(x[1] - 3) + 2 * x[2] * x[2] - 7 * x[3] - 120;
    c[4] = 5 * x[0] * x[0] + 8 * x[1] + square(x[2] - 6) - 2 * x[3] - 40;
    c[5] = 0.5 * square(x[0] - 8) + 2 * square(x[1] - 4) + 3 * x[4] * x[4] - x[5] - 30;
    c[6] = x[0] * x[0] + 2 * square(x[1] - 2) - 2 * x[0] * x[1] + 14 * x[4] - 6 * x[5];
    c[7] = -3 * x[0] + 6 * x[1] + 12 * square(x[8] - 8) - 7 * x[9];
    return true;
}

/* The g-suite of constrained evolutionary optimisation (Liang and others 2006) */

EVALUATE(g04)
{
    UNUSED;
    double u =
        85.334407 + 0.0056858 * x[1] * x[4] + 0.0006262 * x[0] * x[3] - 0.0022053 * x[2] * x[4];
    double v =
        80.51249 + 0.0071317 * x[1] * x[4] + 0.0029955 * x[0] * x[1] + 0.0021813 * x[2] * x[2];
    double w =
        9.300961 + 0.0047026 * x[2] * x[4] + 0.0012547 * x[0] * x[2] + 0.0019085 * x[2] * x[3];
    *f = 5.3578547 * x[2] * x[2] + 0.8356891 * x[0] * x[4] + 37.293239 * x[0] - 40792.141;
    c[0] = u - 92;
    c[1] = -u;
    c[2] = v - 110;
    c[3] = 90 - v;
    c[4] = w - 25;
    c[5] = 20 - w;
    return true;
}

EVALUATE(g05)
{
    UNUSED;
    *f = 3 * x[0] + 1e-6 * pow(x[0], 3) + 2 * x[1] + 2e-6 / 3 * pow(x[1], 3);
    c[0] = -x[3] + x[2] - 0.55;
    c[1] = -x[2] + x[3] - 0.55;
    c[2] = 1000 * sin(-x[2] - 0.25) + 1000 * sin(-x[3] - 0.25) + 894.8 - x[0];
    c[3] = 1000 * sin(x[2] - 0.25) + 1000 * sin(x[2] - x[3] - 0.25) + 894.8 - x[1];
    c[4] = 1000 * sin(x[3] - 0.25) + 1000 * sin(x[3] - x[2] - 0.25) + 1294.8;
    return true;
}

EVALUATE(g06) /* 0.007 % of the space is feasible */
{
    UNUSED;
    *f = pow(x[0] - 10, 3) + pow(x[1] - 20, 3);
    c[0] = 100 - square(x[0] - 5) - square(x[1] - 5);
    c[1] = square(x[0] - 6) + square(x[1] - 5) - 82.81;
    return true;
}

EVALUATE(g08) /* many optima, poles where x0 is 0 */
{
    UNUSED;
    double w = 2 * acos(-1);
    *f = -pow(sin(w * x[0]), 3) * sin(w * x[1]) / (pow(x[0], 3) * (x[0] + x[1]));
    c[0] = x[0] * x[0] - x[1] + 1;
    c[1] = 1 - x[0] + square(x[1] - 4);
    return true;
}

EVALUATE(g10)
{
    UNUSED;
    *f = x[0] + x[1] + x[2];
    c[0] = -1 + 0.0025 * (x[3] + x[5]);
    c[1] = -1 + 0.0025 * (x[4] + x[6] - x[3]);
    c[2] = -1 + 0.01 * (x[7] - x[4]);
    c[3] = -x[0] * x[5] + 833.33252 * x[3] + 100 * x[0] - 83333.333;
    c[4] = -x[1] * x[6] + 1250 * x[4] + x[1] * x[3] - 1250 * x[3];
    c[5] = -x[2] * x[7] + 1250000 + x[2] * x[4] - 2500 * x[4];
    return true;
}

EVALUATE(g11)
{
    UNUSED;
    *f = x[0] * x[0] + square(x[1] - 1);
    c[0] = x[1] - x[0] * x[0];
    return true;
}

EVALUATE(g12) /* feasible in 729 small balls */
{
    UNUSED;
    *f = -(100 - square(x[0] - 5) - square(x[1] - 5) - square(x[2] - 5)) / 100;
    double away = 0;
    for (int i = 0; i < 3; i++)
        away += square(x[i] - fmin(fmax(round(x[i]), 1), 9));
    c[0] = away - 0.0625;
    return true;
}

EVALUATE(g13)
{
    UNUSED;
    *f = exp(x[0] * x[1] * x[2] * x[3] * x[4]);
    c[0] = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + x[3] * x[3] + x[4] * x[4] - 10;
    c[1] = x[1] * x[2] - 5 * x[3] * x[4];
    c[2] = pow(x[0], 3) + pow(x[1], 3) + 1;
    return true;
}

EVALUATE(g24) /* feasible in two parts */
{
    UNUSED;
    double a = x[0];
    *f = -a - x[1];
    c[0] = -2 * pow(a, 4) + 8 * pow(a, 3) - 8 * a * a + x[1] - 2;
    c[1] = -4 * pow(a, 4) + 32 * pow(a, 3) - 88 * a * a + 96 * a + x[1] - 36;
    return true;
}

/* Haverly's pooling problem 1978: A and B into the pool, from it and from C to two products */
EVALUATE(haverly)
{
    UNUSED;
    double a = x[0], b = x[1], px = x[2], py = x[3], cx = x[4], cy = x[5], q = x[6];
    *f = 6 * a + 16 * b + 10 * (cx + cy) - 9 * (px + cx) - 15 * (py + cy);
    c[0] = q * px + 2 * cx - 2.5 * (px + cx);
    c[1] = q * py + 2 * cy - 1.5 * (py + cy);
    c[2] = px + cx - 100;
    c[3] = py + cy - 200;
    c[4] = a + b - px - py;
    c[5] = 3 * a + b - q * (px + py);
    return true;
}

/* Without constraints */

EVALUATE(rosenbrock) /* one variable in thousands, one in thousandths */
{
    UNUSED;
    double a = x[0] / 1000, b = x[1] * 1000;
    *f = 100 * square(b - a * a) + square(1 - a);
    return true;
}

EVALUATE(rastrigin)
{
    UNUSED;
    *f = 20;
    for (int i = 0; i < 2; i++)
        *f += x[i] * x[i] - 10 * cos(2 * acos(-1) * x[i]);
    return true;
}

EVALUATE(goldstein_price)
{
    UNUSED;
    double a = x[0], b = x[1];
    *f = (1 + square(a + b + 1) * (19 - 14 * a + 3 * a * a - 14 * b + 6 * a * b + 3 * b * b)) *
         (30 +
          square(2 * a - 3 * b) * (18 - 32 * a + 12 * a * a + 48 * b - 36 * a * b + 27 * b * b));
    return true;
}

EVALUATE(himmelblau)
{
    UNUSED;
    *f = square(x[0] * x[0] + x[1] - 11) + square(x[0] + x[1] * x[1] - 7);
    return true;
}

EVALUATE(camel)
{
    UNUSED;
    double a = x[0] * x[0], b = x[1] * x[1];
    *f = (4 - 2.1 * a + a * a / 3) * a + x[0] * x[1] + (-4 + 4 * b) * b;
    return true;
}

EVALUATE(sample) /* as a client sends it */
{
    UNUSED;
    *f = 10 * pow(x[0] + 7, 2) + 15;
    return true;
}

EVALUATE(ellipsoid)
{
    UNUSED;
    *f = 0;
    for (int i = 0; i < 30; i++)
        *f += (1 + i) * square(x[i] - 0.1 * (i % 7));
    return true;
}

/* Plants */

/* Williams and Otto's reactor at steady state: XC by bisection, and in it XB; each balance falls
 * with its unknown. Fills A B C E G P. */
static void reactor(double fb, double tr, double *x)
{
    double fa = 1.8275, f = fa + fb, t = tr + 273.15, w = 2105;
    double k1 = 1.6599e6 * exp(-6666.7 / t), k2 = 7.2117e8 * exp(-8333.3 / t);
    double k3 = 2.6745e12 * exp(-11111 / t);
    double c_low = 0, c_high = 1;
    for (int i = 0; i < 60; i++) {
        x[2] = (c_low + c_high) / 2;
        double low = 0, high = 1;
        for (int k = 0; k < 60; k++) {
            x[1] = (low + high) / 2;
            x[0] = fa / (f + k1 * x[1] * w);
            bool more = fb - f * x[1] - k1 * x[0] * x[1] * w - k2 * x[1] * x[2] * w > 0;
            *(more ? &low : &high) = x[1];
        }
        x[5] = k2 * x[1] * x[2] * w / (f + 0.5 * k3 * x[2] * w);
        double made = 2 * k1 * x[0] * x[1] * w - 2 * k2 * x[1] * x[2] * w - k3 * x[2] * x[5] * w;
        *(made > f * x[2] ? &c_low : &c_high) = x[2];
    }
    x[3] = 2 * k2 * x[1] * x[2] * w / f;
    x[4] = 1.5 * k3 * x[2] * x[5] * w / f;
}

EVALUATE(williams_otto)
{
    UNUSED;
    double y[6], flow = 1.8275 + x[0];
    reactor(x[0], x[1], y);
    *f = -(1143.38 * y[5] * flow + 25.92 * y[3] * flow - 76.23 * 1.8275 - 114.34 * x[0]);
    return true;
}

EVALUATE(williams_otto_bounded)
{
    double y[6];
    reactor(x[0], x[1], y);
    c[0] = y[0] - 0.12;
    c[1] = y[4] - 0.08;
    return williams_otto(context, x, f, c);
}

EVALUATE(van_de_vusse)
{
    UNUSED;
    double b = x[0] + 50; /* 10 cA^2 + b cA - 10 F/V = 0 */
    double ca = (-b + sqrt(b * b + 400 * x[0])) / 20;
    *f = -50 * ca / (x[0] + 100);
    return true;
}

EVALUATE(wood_berry)
{
    UNUSED;
    *f = x[1];
    c[0] = 96 - (96.25 + 12.8 * (x[0] - 1.95) - 18.9 * (x[1] - 1.71));
    c[1] = 0.515 + 6.6 * (x[0] - 1.95) - 19.4 * (x[1] - 1.71) - 0.5;
    return true;
}

EVALUATE(quadruple_tank)
{
    UNUSED;
    double g = 2 * 981;
    *f = x[0] * x[0] + x[1] * x[1];
    c[0] = 12 - square((0.7 * 3.33 * x[0] + 0.4 * 3.35 * x[1]) / 0.071) / g;
    c[1] = 12 - square((0.6 * 3.35 * x[1] + 0.3 * 3.33 * x[0]) / 0.057) / g;
    return true;
}

#define NONE    1e308
#define FIVE(v) v, v, v, v, v
#define TEN(v)  FIVE(v), FIVE(v)

const struct known known_problems[] = {
    {"HS6", 2, 0, 1, {-NONE, -NONE}, {NONE, NONE}, true, {-1.2, 1}, {0}, 0, hs6},
    {"HS7", 2, 0, 1, {-NONE, -NONE}, {NONE, NONE}, true, {2, 2}, {0}, -1.7320508, hs7},
    {"HS35", 3, 1, 0, {0}, {NONE, NONE, NONE}, true, {0.5, 0.5, 0.5}, {0}, 1.0 / 9, hs35},
    {"HS43",
     4,
     3,
     0,
     {-NONE, -NONE, -NONE, -NONE},
     {NONE, NONE, NONE, NONE},
     true,
     {0},
     {0},
     -44,
     hs43},
    {"HS65", 3, 1, 0, {-4.5, -4.5, -5}, {4.5, 4.5, 5}, true, {-5, 5, 0}, {0}, 0.9535288567, hs65},
    {"HS71", 4, 1, 1, {1, 1, 1, 1}, {5, 5, 5, 5}, true, {1, 5, 5, 1}, {25, 40}, 17.0140173, hs71},
    {"HS76",
     4,
     3,
     0,
     {0},
     {NONE, NONE, NONE, NONE},
     true,
     {.5, .5, .5, .5},
     {0},
     -4.681818181,
     hs76},
    {"HS100",
     7,
     4,
     0,
     {FIVE(-NONE), -NONE, -NONE},
     {FIVE(NONE), NONE, NONE},
     true,
     {1, 2, 0, 4, 0, 1, 1},
     {0},
     680.6300573,
     hs100},
    {"HS113",
     10,
     8,
     0,
     {TEN(-NONE)},
     {TEN(NONE)},
     true,
     {2, 3, 5, 5, 1, 2, 7, 3, 6, 10},
     {0},
     24.3062091,
     hs113},
    {"G04",
     5,
     6,
     0,
     {78, 33, 27, 27, 27},
     {102, 45, 45, 45, 45},
     false,
     {0},
     {0},
     -30665.53867,
     g04},
    {"G05", 4, 2, 3, {0, 0, -.55, -.55}, {1200, 1200, .55, .55}, false, {0}, {0}, 5126.496714, g05},
    {"G06", 2, 2, 0, {13, 0}, {100, 100}, true, {20.1, 5.84}, {0}, -6961.813876, g06},
    {"G08", 2, 2, 0, {0, 0}, {10, 10}, false, {0}, {0}, -0.0958250415, g08},
    {"G09",
     7,
     4,
     0,
     {FIVE(-10), -10, -10},
     {FIVE(10), 10, 10},
     false,
     {0},
     {0},
     680.6300573,
     hs100},
    {"G10",
     8,
     6,
     0,
     {100, 1000, 1000, FIVE(10)},
     {1e4, 1e4, 1e4, FIVE(1000)},
     false,
     {0},
     {1, 1, 1, 1e4, 1e4, 1e4},
     7049.248021,
     g10},
    {"G11", 2, 0, 1, {-1, -1}, {1, 1}, false, {0}, {0}, 0.75, g11},
    {"G12", 3, 1, 0, {0}, {10, 10, 10}, false, {0}, {0}, -1, g12},
    {"G13",
     5,
     0,
     3,
     {-2.3, -2.3, -3.2, -3.2, -3.2},
     {2.3, 2.3, 3.2, 3.2, 3.2},
     false,
     {0},
     {0},
     0.053941514,
     g13},
    {"G24", 2, 2, 0, {0}, {3, 4}, false, {0}, {0}, -5.508013271, g24},
    {"Haverly",
     7,
     4,
     2,
     {0, 0, 0, 0, 0, 0, 1},
     {300, 300, 300, 300, 300, 300, 3},
     true,
     {0, 0, 0, 0, 0, 0, 2},
     {100, 100, 100, 100, 100, 100},
     -400,
     haverly},
    {"Rosenbrock", 2, 0, 0, {-5e3, -5e-3}, {5e3, 5e-3}, true, {-1200, 1e-3}, {0}, 0, rosenbrock},
    {"Rastrigin", 2, 0, 0, {-5.12, -5.12}, {5.12, 5.12}, true, {3.3, -4.1}, {0}, 0, rastrigin},
    {"Goldstein-Price", 2, 0, 0, {-2, -2}, {2, 2}, true, {1.5, 1.5}, {0}, 3, goldstein_price},
    {"Himmelblau", 2, 0, 0, {-6, -6}, {6, 6}, true, {0, 0}, {0}, 0, himmelblau},
    {"six-hump camel", 2, 0, 0, {-3, -2}, {3, 2}, true, {2, 1.5}, {0}, -1.0316284535, camel},
    {"a client's sample", 1, 0, 0, {-1.797e308}, {1.797e308}, true, {-0.786}, {0}, 15, sample},
    {"ellipsoid 30",
     30,
     0,
     0,
     {TEN(-5), TEN(-5), TEN(-5)},
     {TEN(5), TEN(5), TEN(5)},
     true,
     {TEN(4), TEN(4), TEN(4)},
     {0},
     0,
     ellipsoid},
    {"Williams-Otto", 2, 0, 0, {3, 70}, {6, 100}, true, {4, 75}, {0}, -190.980330, williams_otto},
    {"Williams-Otto bounded",
     2,
     2,
     0,
     {3, 70},
     {6, 100},
     true,
     {5.5, 95},
     {0.12, 0.08},
     -178.529081,
     williams_otto_bounded},
    {"van de Vusse", 1, 0, 0, {5}, {300}, true, {34.3}, {0}, -1.26598632, van_de_vusse},
    {"Wood-Berry",
     2,
     2,
     0,
     {1.5, 1.4},
     {2.5, 2.1},
     true,
     {1.95, 1.71},
     {96, 0.5},
     1.698202,
     wood_berry},
    {"quadruple tank",
     2,
     2,
     0,
     {0, 0},
     {10, 10},
     true,
     {3, 3},
     {12, 12},
     17.3131141,
     quadruple_tank},
};
const size_t known_count = LENGTH(known_problems);

const struct known *known_find(const char *name)
{
    for (size_t i = 0; i < known_count; i++) {
        if (strcmp(known_problems[i].name, name) == 0)
            return &known_problems[i];
    }
    check_failed(__FILE__, __LINE__, "no problem %s", name);
}

struct optimiser *known_optimiser(const struct known *k, const struct optimiser_settings *settings)
{
    char text[OPTIMISER_TEXT_SIZE] = "";
    struct optimiser_problem p = {k->variables, k->inequalities, k->equalities, k->lower, k->upper};
    p.start = k->started ? k->start : NULL;
    p.scales = k->scales[0] > 0 ? k->scales : NULL;
    struct optimiser *o = optimiser_new(&p, settings, text);
    if (!o)
        check_failed(__FILE__, __LINE__, "%s: %s", k->name, text);
    return o;
}

bool known_reached(const struct known *k, const struct optimiser *o)
{
    struct optimiser_status s = optimiser_status(o);
    return s.found && s.feasible && fabs(s.f - k->f) <= 1e-4 * fmax(1, fabs(k->f));
}
