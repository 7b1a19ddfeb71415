/**
 * Files of other programs as UTF-8 (iconv of the C library): by their byte order mark (UTF-8, UTF-16, UTF-32), else by the
 * encoding that the user names, else they are UTF-8 already. What has no meaning in the encoding becomes a byte that is no
 * UTF-8, so that whoever reads the text finds it where it stands; nothing is replaced by a question mark. Pure.
 */
#ifndef FURROW_FARM_ENCODING_H
#define FURROW_FARM_ENCODING_H

#include "base/buffer.h"
#include "base/bytes.h"

/* Appends @bytes to @out as UTF-8, without their byte order mark; *marked: there was one. @name: any that `iconv -l` lists,
 * or NULL. INVALID_ARGUMENT: no such encoding, or the mark says another; RESOURCE_EXHAUSTED past @out's limit. */
furrow_status encoding_to_utf8(const char *name, furrow_bytes bytes, furrow_buffer *out, bool *marked,
                               furrow_error *err) FURROW_MUST_USE;

#endif
