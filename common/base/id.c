/*
 * ULIDs: 48 bits of wall-clock milliseconds and 80 random bits, in Crockford's base 32. Within one process ids only
 * grow: in the same millisecond (or after the clock was set back) the random part is counted up, as the ULID
 * specification asks, and fresh randomness is drawn once a millisecond. Depends on clock and libsodium.
 */
#include "base/id.h"

#include "base/clock.h"
#include "base/status.h"

#include <pthread.h>
#include <sodium.h>

#define MS_LIMIT ((uint64_t)1 << 48)

static struct {
    pthread_mutex_t lock;
    uint64_t ms;
    uint16_t high; /* of the 80 random bits */
    uint64_t low;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A forked child would otherwise count on from where its parent does, and make the same ids. */
static void forget_in_child(void)
{
    last.ms = 0;
    pthread_mutex_init(&last.lock, NULL);
}

static void prepare_random(void)
{
    FURROW_REQUIRE(sodium_init() >= 0);
    pthread_atfork(NULL, NULL, forget_in_child);
}

bool furrow_id_valid(const char *id, size_t len)
{
    /* A bit for each character: '-' and 0-9; A-Z, '_' and a-z. A call asks for its ids twenty times. */
    static const uint64_t good[4] = {0x03ff200000000000, 0x07fffffe87fffffe};
    if (len < 1 || len > FURROW_ID_MAX) return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)id[i];
        if (!(good[c >> 6] >> (c & 63) & 1)) return false;
    }
    return true;
}

/* 128 bits as 26 digits of 5, the first of which carries only 3. */
static void encode_id(uint64_t high, uint64_t low, char out[FURROW_ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = FURROW_ID_SIZE - 2; i >= 0; i--) {
        out[i] = digits[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    out[FURROW_ID_SIZE - 1] = '\0';
}

static void draw(uint64_t ms)
{
    last.ms = ms;
    randombytes_buf(&last.high, sizeof(last.high));
    randombytes_buf(&last.low, sizeof(last.low));
}

void furrow_id_make(char out[FURROW_ID_SIZE])
{
    pthread_once(&once, prepare_random);
    uint64_t now = (uint64_t)furrow_clock_wall_ns() / FURROW_NS_PER_MS % MS_LIMIT;
    pthread_mutex_lock(&last.lock);
    if (now > last.ms) {
        draw(now);
    } else if (++last.low == 0 && ++last.high == 0) {
        draw(last.ms + 1);
    }
    uint64_t high = last.ms << 16 | last.high, low = last.low;
    pthread_mutex_unlock(&last.lock);
    encode_id(high, low, out);
}

static uint64_t big_endian(const uint8_t bytes[8])
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | bytes[i];
    return value;
}

void furrow_id_make_secret(char out[FURROW_ID_SIZE])
{
    uint8_t random[16];
    pthread_once(&once, prepare_random);
    randombytes_buf(random, sizeof random);
    furrow_id_from_hash(random, out);
}

void furrow_id_from_hash(const uint8_t hash[16], char out[FURROW_ID_SIZE])
{
    encode_id(big_endian(hash), big_endian(hash + 8), out);
}
