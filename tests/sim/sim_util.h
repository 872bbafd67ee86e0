/*
 * Small things that the pool, the miner and the player share: time, random
 * numbers that a seed repeats, hex, numeric addresses, options.
 */
#ifndef SIM_UTIL_H
#define SIM_UTIL_H

#include <sys/socket.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_rng {
	uint64_t s;
};

struct sim_addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* splitmix64: every seed, also 0, gives a full period. */
uint64_t sim_rand(struct sim_rng *);
/* In [0, 1). */
double sim_rand_unit(struct sim_rng *);
void sim_rand_bytes(struct sim_rng *, uint8_t *, size_t);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t sim_now_us(void);
struct timeval sim_timeval(uint64_t us);

/* Raises RLIMIT_NOFILE to the hard limit; returns what is now allowed. */
size_t sim_raise_files(void);

/* Lower-case hex, NUL-terminated: out has room for 2 * n + 1. */
void sim_hex_encode(char *out, const uint8_t *in, size_t n);
/* Bytes written, or -1: odd length, not hex, more than size bytes. */
int sim_hex_decode(uint8_t *out, size_t size, const char *hex, size_t len);
/* A number written in 1 to 8 hex digits. 0, -1. */
int sim_hex_u32(const char *hex, size_t len, uint32_t *out);

/* HOST is a numeric address (brackets allowed), PORT decimal. 0, -1. */
int sim_addr_parse(struct sim_addr *, const char *host, const char *port);
/* "1.2.3.4:56" or "[::1]:56". 0, -1. */
int sim_addr_split(struct sim_addr *, const char *hostport);
/* A non-blocking listener, or -1 with errno. rcvbuf 0 leaves the default. */
int sim_listen(const struct sim_addr *, int rcvbuf);
/* A non-blocking socket with its connect under way, or -1 with errno. */
int sim_connect(const struct sim_addr *);
/* Accepts one, non-blocking and TCP_NODELAY; -1 with errno. */
int sim_accept(int fd);
/* Prints `listening ADDR PORT` and flushes. */
void sim_say_listening(int fd);
/* close() that sends RST. */
void sim_close_rst(int fd);

/* Prints to stderr and exits 2: wrong options, or no way to start. */
void sim_die(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
/* The option's value as a number within [min, max], or sim_die. */
double sim_opt_number(const char *name, const char *arg, double min,
    double max);
/* Prints a usage made of getopt_long's names; exits 2. */
struct option;
void sim_usage(const char *synopsis, const struct option *)
    __attribute__((noreturn));

#endif
