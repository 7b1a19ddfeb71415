/**
 * Texts as people mean them, for all of Unicode (utf8proc). Pure.
 *
 * Assigned characters keep their normal form and their folding in every later version of Unicode, so what is stored does
 * not change with the library. Texts are UTF-8; bytes that are none stay as they are.
 */
#ifndef FURROW_WIRE_UNICODE_H
#define FURROW_WIRE_UNICODE_H

#include "base/arena.h"
#include "base/bytes.h"

/* @text in Normalization Form C (UAX 15): itself if it is in it already, else in @arena. NULL past the arena's limit. */
char *furrow_unicode_nfc(char *text, furrow_arena *arena);

/*
 * What is the same in @text and in others whatever their case, accents and normal form ("ÉLODIE", "elodie"; "Łukasz",
 * "LUKASZ"), into @out: how many bytes, at most @room. What does not fit is cut off between letters. Marks that are more
 * than an accent stay: vowel signs, viramas, nuktas, the voicing of kana.
 */
size_t furrow_unicode_fold(furrow_bytes text, uint8_t *out, size_t room);

/* Does @text begin with @head, when both are folded? What comes behind the first kilobyte is not looked at. */
bool furrow_unicode_begins(const char *text, const char *head);

/* Would people see anything of it? Not of blanks, controls, and marks with nothing under them. */
bool furrow_unicode_shows(const char *text);

/* The first character in @text that nobody sees and no script needs, or that stands where text was lost (U+FFFD); 0: none.
 * Joiners, direction marks and variation selectors are letters' business. */
uint32_t furrow_unicode_hidden(const char *text);

#endif
