/* See sealbox.h. The first byte as a protobuf tag would be of field 0, which is none: so plain bytes are told from sealed
 * ones. */
#include "log/sealbox.h"

#include "wire/subject.h"

#include <sodium.h>
#include <string.h>

#define UNCOUNTED 1
#define COUNTED   2

#define COUNTER   sizeof(uint64_t)
#define NONCE     crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define BOUND_MAX (FURROW_SUBJECT_MAX + COUNTER)

_Static_assert(FURROW_SEALBOX_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "the tag of the cipher");
_Static_assert(FURROW_SEALBOX_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key of the cipher");
_Static_assert(FURROW_SEALBOX_OVERHEAD == 1 + COUNTER + NONCE + FURROW_SEALBOX_TAG, "what stands before and after");

bool furrow_sealbox_parse(furrow_bytes sealed, furrow_sealbox *out)
{
    const uint8_t *at = sealed.data;
    if (sealed.len == 0 || (at[0] != UNCOUNTED && at[0] != COUNTED)) return false;
    size_t head = at[0] == COUNTED ? 1 + COUNTER : 1;
    if (sealed.len < head + NONCE + FURROW_SEALBOX_TAG) return false;
    *out =
        (furrow_sealbox){.version = at[0], .nonce = at + head, .text = {at + head + NONCE, sealed.len - head - NONCE}};
    for (size_t i = 1; i < head; i++) out->counter = out->counter << 8 | at[i];
    return true;
}

static void put_counter(uint64_t counter, uint8_t out[COUNTER])
{
    for (size_t i = 0; i < COUNTER; i++) out[i] = (uint8_t)(counter >> (56 - 8 * i));
}

/* The associated data: the subject; with a counter its NUL and the counter, so that neither is taken for the other. */
static size_t bind_box(const char *subject, uint8_t version, uint64_t counter, uint8_t out[BOUND_MAX])
{
    size_t len = strlen(subject);
    memcpy(out, subject, len + 1);
    if (version == UNCOUNTED) return len;
    put_counter(counter, out + len + 1);
    return len + 1 + COUNTER;
}

void furrow_sealbox_seal(const uint8_t *key, const char *subject, uint64_t counter, furrow_bytes plain, uint8_t *out)
{
    uint8_t bound[BOUND_MAX], *nonce = out + 1 + COUNTER;
    out[0] = COUNTED;
    put_counter(counter, out + 1);
    randombytes_buf(nonce, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL, plain.data, plain.len, bound,
                                               bind_box(subject, COUNTED, counter, bound), NULL, nonce, key);
}

bool furrow_sealbox_open(const uint8_t *key, const char *subject, const furrow_sealbox *box, uint8_t *out)
{
    uint8_t bound[BOUND_MAX];
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, box->text.data, box->text.len, bound,
                                                      bind_box(subject, box->version, box->counter, bound), box->nonce,
                                                      key) == 0;
}
