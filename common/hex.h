/*
 * Hex digits, as Stratum sends nearly everything.
 */
#ifndef COMMON_HEX_H
#define COMMON_HEX_H

#include <stddef.h>
#include <stdint.h>

/* The value of a digit in upper or lower case, or -1. */
int hex_digit(char);
/*
 * len digits into len / 2 bytes.  -1 if one is none or their number is odd;
 * the bytes are then undefined.
 */
int hex_bytes(const char *s, size_t len, uint8_t *out);
/* 1 to 8 digits as a number, the highest first; -1 if it is anything else. */
int hex_u32(const char *s, size_t len, uint32_t *out);
/* n bytes as 2n digits in lower case and a NUL. */
void hex_text(const uint8_t *, size_t n, char *out);
/* The same from the last byte to the first. */
void hex_text_reversed(const uint8_t *, size_t n, char *out);

#endif
