/* Decimal numbers, such as -12.5, as nnkit/data/tables/decimals.py converts them.
 *
 * The digits without their point are a whole number, which is divided by a power of ten. Where both
 * are exact, the quotient is rounded correctly (W. D. Clinger, How to read floating point numbers
 * accurately, PLDI 1990). Of longer numbers, the quotient is corrected by its remainder (T. J. Dekker,
 * A floating-point technique for extending the available precision, Numer. Math. 18, 1971).
 */
#include "export.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const int64_t LONGEST = 24;             /* characters of a number */
static const uint64_t EXACT = 1ull << 53;      /* whole numbers up to it are exact */
static const uint64_t MOST = 9000000000000000000u; /* then a further digit may exceed 64 bits */
/* The powers of ten that are exact. */
static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const int64_t POWERS_COUNT = sizeof POWERS / sizeof *POWERS;

/* The distance from a normal number to the next one. */
static double spacing(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    bits = (bits & 0x7ff0000000000000u) - (52ull << 52);
    memcpy(&number, &bits, sizeof bits);
    return number;
}

/* The upper 26 bits of a number. */
static double upper_half(double number) {
    double scaled = number * ((1 << 27) + 1);
    return scaled - (scaled - number);
}

/* The rounding error of a product. */
static double error_of(double product, double a, double b) {
    double a_high = upper_half(a), a_low = a - a_high, b_high = upper_half(b), b_low = b - b_high;
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
}

/* Divides a whole number by a power of ten, and says whether the result is certainly rounded
 * correctly. */
static int divide_long(uint64_t digits, double power, double *value) {
    double high = (double)digits, low = (double)(int64_t)(digits - (uint64_t)high);
    double quotient = high / power, product = quotient * power;
    double remainder = (high - product) - error_of(product, quotient, power);
    double correction = (remainder + low) / power, total = quotient + correction;
    /* What rounding took away is half of the spacing at most, or a quarter below a power of two. */
    double lost = fabs(correction - (total - quotient)) / spacing(total);
    *value = total;
    return fabs(lost - 0.5) > 1e-9 && fabs(lost - 0.25) > 1e-9;
}

/* Converts one number, and says whether it is valid. */
static int convert(const char *at, const char *end, char point, double *value) {
    int is_negative = at < end && *at == '-';
    at += is_negative;
    if (end - at > LONGEST) return 0;
    uint64_t digits = 0;
    const char *after_point = 0;
    int64_t count = 0;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - '0';
        if (digit < 10) {
            if (digits >= MOST / 10) return 0;
            digits = 10 * digits + digit;
            count++;
        } else if (*at == point && !after_point) {
            after_point = at + 1;
        } else {
            return 0;
        }
    }
    int64_t fraction = after_point ? end - after_point : 0;
    if (count == 0 || fraction >= POWERS_COUNT) return 0;
    int is_sure = 1;
    if (digits <= EXACT)
        *value = (double)digits / POWERS[fraction];
    else
        is_sure = divide_long(digits, POWERS[fraction], value);
    if (is_negative) *value = -*value;
    return is_sure;
}

/* Converts numbers, each between two positions in a text; says which of them are valid. */
EXPORT void nnkit_decimals(
    const char *text, const int64_t *starts, const int64_t *ends, int64_t count, char point,
    double *values, uint8_t *valid) {
    for (int64_t i = 0; i < count; i++)
        valid[i] = (uint8_t)convert(text + starts[i], text + ends[i], point, values + i);
}
